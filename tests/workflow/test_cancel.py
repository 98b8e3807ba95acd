"""Jobs that are canceled by the HTTP route while their execution goes on."""

import json

import pytest

from tests.workflow.answers import PNG, completed, failed, problem, standing
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, STRAIGHT, SUBMIT, Cloud
from tests.workflow.entry_points import of_rule
from tests.workflow.provider import Taken
from tests.workflow.scenes import at_wait, once


def run_canceled(cloud: Cloud, job_id: str, wait: int) -> list[int]:
    """Run a job's execution, with a cancel during one of its waits; return the answer to it."""
    answers: list[int] = []
    at_wait(cloud, wait, lambda: answers.append(cloud.cancel(job_id)))
    cloud.machine.run_pending()
    cloud.end(job_id)
    return answers


def test_what_comes_after_a_cancel_is_filed_and_the_job_ends_canceled(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"), completed())
    job_id = cloud.request()

    answers = run_canceled(cloud, job_id, wait=1)

    run = cloud.look(job_id)
    assert answers == [202]
    assert run.end == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *CHECK * 2, *FINALIZE, *FAIL]
    assert run.statuses == ["queued", "submitting", "submitted", "failed"]
    assert run.told == ["JobSubmitted", "JobFailed"]
    [asset] = run.job.assets
    assert cloud.asset(asset.key) == PNG
    manifest = json.loads(cloud.asset(f"jobs/{job_id}/manifest.json"))
    assert manifest["canceled_at"] is not None
    told = run.events[-1][1]
    assert (told["code"], told["charged"]) == (run.job.code, "yes") == ("canceled", "yes")
    assert [each["key"] for each in told["assets"]] == [asset.key]


def test_a_canceled_job_that_breaks_at_the_provider_ends_with_its_code(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"), failed("the model broke"))
    job_id = cloud.request()

    run_canceled(cloud, job_id, wait=1)

    run = cloud.look(job_id)
    assert run.end == ("FAILED", "provider_failed")
    assert run.job.canceled_at is not None
    assert run.events[-1][1]["charged"] == "no"


def test_a_job_that_is_canceled_while_it_is_put_off_is_never_sent_again(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429, retry_after="7"), Taken())
    job_id = cloud.request()

    answers = run_canceled(cloud, job_id, wait=1)

    run = cloud.look(job_id)
    assert answers == [200]
    assert run.end == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, "WaitForSlot", *SUBMIT, *FAIL]
    assert run.statuses == ["queued", "submitting", "queued", "failed"]
    assert len(cloud.provider.posts) == 1
    assert run.told == ["JobFailed"]
    assert run.events[0][1]["charged"] == "no"


def test_a_job_that_is_canceled_before_its_execution_begins_is_not_sent(cloud: Cloud) -> None:
    job_id = cloud.request()

    assert [cloud.cancel(job_id), cloud.cancel(job_id)] == [200, 200]
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.end == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *FAIL]
    assert cloud.provider.posts == []
    assert run.told == ["JobFailed"]


@pytest.mark.parametrize("taken", [True, False])
def test_a_cancel_may_come_during_the_post(cloud: Cloud, taken: bool) -> None:
    cloud.provider.submits(Taken() if taken else problem(429, retry_after="7"), Taken())
    job_id = cloud.request()
    once(cloud, "Submit: before POST", lambda: cloud.cancel(job_id))

    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.end == ("FAILED", "canceled")
    assert len(cloud.provider.posts) == 1
    assert run.events[-1][1]["charged"] == ("yes" if taken else "no")
    assert len(run.job.assets) == (1 if taken else 0)


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("Finalize: before UpdateItem", "failed"),
        ("Finalize: after UpdateItem", "completed"),
    ],
)
def test_of_a_cancel_and_a_completion_the_first_one_counts(
    cloud: Cloud, moment: str, status: str
) -> None:
    job_id = cloud.request()
    answers: list[int] = []
    once(cloud, moment, lambda: answers.append(cloud.cancel(job_id)))

    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.job.status == status
    assert answers == [202 if status == "failed" else 409]
    assert len(run.job.assets) == 1


def test_a_cancel_after_the_end_changes_nothing(cloud: Cloud) -> None:
    before = cloud.run()

    assert cloud.cancel(before.job.job_id) == 409

    assert before.states == STRAIGHT
    assert cloud.job(before.job.job_id) == before.job
    assert cloud.events(before.job.job_id) == before.events


def test_the_rule_names_the_caller_and_not_the_sender(cloud: Cloud) -> None:
    event = {
        "id": "event-1",
        "source": "me",
        "caller": "somebody else",
        "detail": {"prompt": 'a "<id>" and <detail>', "caller": "key:owner"},
    }

    told = of_rule("OnRequestFunction", "JobRequested", event)

    named = {"caller": "events", "can_read_all": True}
    assert told == {**named, "id": "event-1", "detail": event["detail"]}
    assert cloud.run().job.caller == "events"
