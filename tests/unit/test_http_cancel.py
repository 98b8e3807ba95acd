"""DELETE: final and uncharged before the submit; later the result is stored and charged."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from tests.fakes.signals import START
from tests.unit.http import V1_JOBS, Client, complete_job, submit_job


def test_cancel_before_the_submit_is_final_and_uncharged() -> None:
    ada = Client()
    job = ada.accept_job()

    response = ada.delete(f"{V1_JOBS}/{job.job_id}")
    submit_job(ada.world, job.job_id)

    assert response.status == 200
    assert (response.json["status"], response.json["failure"]["code"]) == ("failed", "canceled")
    assert response.json["charged"] == "no"
    assert ada.world.provider.posts == []
    assert len(ada.world.events.of_type("JobFailed")) == 1


def test_cancel_after_the_submit_stores_the_result_and_reports_the_charge() -> None:
    ada = Client()
    job = ada.accept_job()
    submit_job(ada.world, job.job_id)

    response = ada.delete(f"{V1_JOBS}/{job.job_id}")
    complete_job(ada.world, job.job_id)

    assert (response.status, response.json["status"], response.json["charged"]) == (
        202, "submitted", "yes",
    )  # fmt: skip
    assert response.json["canceled_at"] is not None
    assert int(response.headers["Retry-After"]) >= 1
    payload = ada.get(f"{V1_JOBS}/{job.job_id}").json
    assert (payload["status"], payload["failure"]["code"]) == ("failed", "canceled")
    assert (payload["charged"], len(payload["assets"])) == ("yes", 1)


def test_cancel_during_the_submit_reports_an_unknown_charge() -> None:
    ada = Client()
    job = ada.accept_job()
    fields: dict[str, Any] = {"submitting_at": START + timedelta(seconds=1)}
    ada.world.jobs.update(job.job_id, when=list(Status), status=Status.SUBMITTING, **fields)

    response = ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert (response.status, response.json["charged"]) == (202, "maybe")


@pytest.mark.parametrize("is_completed", [True, False])
def test_cancel_of_an_ended_job_returns_409(is_completed: bool) -> None:
    ada = Client()
    job = ada.accept_job()
    if is_completed:
        complete_job(ada.world, job.job_id)
    else:
        ada.world.app.end_job.fail(job.job_id, Code.REJECTED)

    response = ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert (response.status, response.json["type"]) == (409, "urn:darkroom:problem:already-ended")
