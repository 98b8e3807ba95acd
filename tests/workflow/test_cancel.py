"""Jobs canceled by the HTTP route while their execution runs."""

import json

import pytest

from tests.workflow.actions import run_at_wait, run_once_at
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.entry_points import rule_input
from tests.workflow.provider import Accepted
from tests.workflow.responses import PNG, completed, error_response, failed, status_response


def run_canceled(cloud: Cloud, job_id: str, wait: int) -> list[int]:
    """Run a job's execution with a cancel during one of its waits; return the cancel statuses."""
    responses: list[int] = []
    run_at_wait(cloud, wait, lambda: responses.append(cloud.cancel(job_id)))
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)
    return responses


def test_output_of_a_canceled_job_is_stored(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"), completed())
    job_id = cloud.request()

    responses = run_canceled(cloud, job_id, wait=1)

    run = cloud.inspect(job_id)
    assert responses == [202]
    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *CHECK * 2, *FINALIZE, *FAIL]
    assert run.statuses == ["queued", "submitting", "submitted", "failed"]
    assert run.event_names == ["JobSubmitted", "JobFailed"]
    [asset] = run.job.assets
    assert cloud.asset(asset.key) == PNG
    manifest = json.loads(cloud.asset(f"jobs/{job_id}/manifest.json"))
    assert manifest["canceled_at"] is not None
    detail = run.events[-1][1]
    assert (detail["code"], detail["charged"]) == (run.job.code, "yes") == ("canceled", "yes")
    assert [output["key"] for output in detail["assets"]] == [asset.key]


def test_failed_prediction_of_a_canceled_job_keeps_its_code(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"), failed("the model broke"))
    job_id = cloud.request()

    run_canceled(cloud, job_id, wait=1)

    run = cloud.inspect(job_id)
    assert run.outcome == ("FAILED", "provider_failed")
    assert run.job.canceled_at is not None
    assert run.events[-1][1]["charged"] == "no"


def test_deferred_job_is_not_submitted_after_a_cancel(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(429, retry_after="7"), Accepted())
    job_id = cloud.request()

    responses = run_canceled(cloud, job_id, wait=1)

    run = cloud.inspect(job_id)
    assert responses == [200]
    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, "WaitForSlot", *SUBMIT, *FAIL]
    assert run.statuses == ["queued", "submitting", "queued", "failed"]
    assert len(cloud.provider.posts) == 1
    assert run.event_names == ["JobFailed"]
    assert run.events[0][1]["charged"] == "no"


def test_job_canceled_before_its_execution_is_not_submitted(cloud: Cloud) -> None:
    job_id = cloud.request()

    assert [cloud.cancel(job_id), cloud.cancel(job_id)] == [200, 200]
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *FAIL]
    assert cloud.provider.posts == []
    assert run.event_names == ["JobFailed"]


@pytest.mark.parametrize("is_accepted", [True, False])
def test_cancel_during_the_submit(cloud: Cloud, is_accepted: bool) -> None:
    cloud.provider.script_submits(
        Accepted() if is_accepted else error_response(429, retry_after="7"), Accepted()
    )
    job_id = cloud.request()
    run_once_at(cloud, "Submit: before POST", lambda: cloud.cancel(job_id))

    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.outcome == ("FAILED", "canceled")
    assert len(cloud.provider.posts) == 1
    assert run.events[-1][1]["charged"] == ("yes" if is_accepted else "no")
    assert len(run.job.assets) == (1 if is_accepted else 0)


@pytest.mark.parametrize(
    ("point", "status"),
    [
        ("Finalize: before UpdateItem", "failed"),
        ("Finalize: after UpdateItem", "completed"),
    ],
)
def test_first_of_cancel_and_completion_wins(cloud: Cloud, point: str, status: str) -> None:
    job_id = cloud.request()
    responses: list[int] = []
    run_once_at(cloud, point, lambda: responses.append(cloud.cancel(job_id)))

    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.job.status == status
    assert responses == [202 if status == "failed" else 409]
    assert len(run.job.assets) == 1


def test_cancel_after_the_end_returns_409_and_changes_nothing(cloud: Cloud) -> None:
    run_before = cloud.run()

    assert cloud.cancel(run_before.job.job_id) == 409

    assert run_before.states == SUCCESS_PATH
    assert cloud.job(run_before.job.job_id) == run_before.job
    assert cloud.events(run_before.job.job_id) == run_before.events


def test_caller_is_set_by_the_rule_and_not_by_the_sender(cloud: Cloud) -> None:
    event = {
        "id": "event-1",
        "source": "me",
        "caller": "another caller",
        "detail": {"prompt": 'a "<id>" and <detail>', "caller": "key:owner"},
    }

    payload = rule_input("OnRequestFunction", "JobRequested", event)

    fixed_fields = {"caller": "events", "can_read_all": True}
    assert payload == {**fixed_fields, "id": "event-1", "detail": event["detail"]}
    assert cloud.run().job.caller == "events"
