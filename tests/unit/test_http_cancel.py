"""DELETE: free and certain before the submit; after it the result is filed, and the charge told."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.domain.steps import Step
from tests.fakes.signals import START
from tests.unit.http import V1_JOBS, Client, finished, submitted


def test_a_cancel_before_the_submit_is_free_and_certain() -> None:
    ada = Client()
    job = ada.accepted()

    answer = ada.delete(f"{V1_JOBS}/{job.job_id}")
    submitted(ada.world, job.job_id)

    assert answer.status == 200
    assert (answer.json["status"], answer.json["failure"]["code"]) == ("failed", "canceled")
    assert answer.json["charged"] == "no"
    assert ada.world.provider.posts == []
    assert len(ada.world.events.named("JobFailed")) == 1


def test_after_a_cancel_that_came_late_the_result_is_filed_and_the_charge_told() -> None:
    ada = Client()
    job = ada.accepted()
    submitted(ada.world, job.job_id)

    answer = ada.delete(f"{V1_JOBS}/{job.job_id}")
    finished(ada.world, job.job_id)

    assert (answer.status, answer.json["status"], answer.json["charged"]) == (
        202, "submitted", "yes",
    )  # fmt: skip
    assert answer.json["canceled_at"] is not None
    assert int(answer.headers["Retry-After"]) >= 1
    told = ada.get(f"{V1_JOBS}/{job.job_id}").json
    assert (told["status"], told["failure"]["code"]) == ("failed", "canceled")
    assert (told["charged"], len(told["assets"])) == ("yes", 1)


def test_a_cancel_while_the_submit_is_under_way_says_that_the_charge_is_unknown() -> None:
    ada = Client()
    job = ada.accepted()
    now: dict[str, Any] = {"submitting_at": START + timedelta(seconds=1)}
    ada.world.jobs.update(job.job_id, when=list(Status), status=Status.SUBMITTING, **now)

    answer = ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert (answer.status, answer.json["charged"]) == (202, "maybe")


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_cancel_can_be_repeated(is_sent: bool) -> None:
    ada = Client()
    job = ada.accepted()
    if is_sent:
        submitted(ada.world, job.job_id)
    first = ada.delete(f"{V1_JOBS}/{job.job_id}")
    ada.world.clock.advance(5)
    again = ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert (again.status, again.text) == (first.status, first.text)
    assert len(ada.world.events.named("JobFailed")) == (0 if is_sent else 1)


@pytest.mark.parametrize("is_completed", [True, False])
def test_what_has_ended_cannot_be_canceled(is_completed: bool) -> None:
    ada = Client()
    job = ada.accepted()
    if is_completed:
        finished(ada.world, job.job_id)
    else:
        ada.world.end_job().fail(job.job_id, Code.REJECTED)

    answer = ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert (answer.status, answer.json["type"]) == (409, "urn:darkroom:problem:already-ended")


def test_a_canceled_job_is_not_submitted_when_the_provider_puts_it_off() -> None:
    ada = Client()
    job = ada.accepted()
    ada.world.jobs.update(job.job_id, when=list(Status), canceled_at=START)

    assert ada.world.submit_job()(Step(job_id=job.job_id)).code is Code.CANCELED
    assert ada.world.provider.posts == []
