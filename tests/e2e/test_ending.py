"""Every accepted job ends once, whoever ends it; the same request is the same job."""

import json
from datetime import timedelta

from darkroom.adapters.table import JobTable
from darkroom.domain.identity import job_id
from darkroom.domain.job import Status
from local.events import Event
from tests.e2e.desk import EVENTS, Desk

# What a job has only later in its life.
_LATER = (
    "prediction_id", "submit_token", "submitting_at", "submitted_at", "provider_completed_at",
    "stored_at", "ended_at", "published_at",
)  # fmt: skip


def test_a_job_whose_execution_is_stopped_by_hand_ends_as_canceled(desk: Desk) -> None:
    asked = desk.ask(prompt="Never done [[fault run.stuck_processing]]")
    job = _submitted(desk, asked)["detail"]["job_id"]
    machine = desk.stack.state_machine_arn
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{job}"

    desk.stack.client("stepfunctions").stop_execution(executionArn=arn)

    event = desk.outcome(asked)
    assert event["detail-type"] == "JobFailed"
    assert (event["detail"]["code"], event["detail"]["charged"]) == ("canceled", "maybe")
    assert desk.job(job).status is Status.FAILED


def test_the_same_key_and_request_are_the_same_job_also_all_at_once(desk: Desk) -> None:
    request = {"operation": "text-to-image", "quality": "low", "prompt": "Twins, not two"}
    keyed = request | {"idempotency_key": "twins"}

    asked = [desk.ask(keyed) for _ in range(10)]

    done = desk.bus.wait_for(
        lambda e: e["detail"]["job_id"] == job_id(EVENTS, "twins") and "assets" in e["detail"],
        seconds=60,
        what="the job",
    )
    assert done["detail"]["request_id"] in asked
    assert done["detail"]["idempotency_key"] == "twins"
    assert len(desk.posts("Twins, not two")) == 1
    assert desk.charges(done["detail"]["prediction_id"]) == 1


def test_the_same_key_with_another_request_is_a_conflict(desk: Desk) -> None:
    first = {"operation": "text-to-image", "quality": "low", "prompt": "First come"}
    desk.run(first | {"idempotency_key": "conflict"})

    event = desk.run(first | {"prompt": "Second come", "idempotency_key": "conflict"})

    assert event["detail-type"] == "JobRejected"
    assert event["detail"]["errors"][0]["field"] == "idempotency_key"
    assert desk.posts("Second come") == []


def test_a_job_that_was_recorded_and_never_started_is_started_by_the_sweep(desk: Desk) -> None:
    """As after a crash of the HTTP door, whose caller may not know a key to ask again with."""
    done = desk.job(desk.run(prompt="Model of a lost one")["detail"]["job_id"])
    lost = done.model_copy(
        update={
            "job_id": job_id(EVENTS, "lost"),
            "idempotency_key": "lost",
            "prefix": f"jobs/{job_id(EVENTS, 'lost')}",
            "input": {**done.input, "prompt": "Lost and found"},
            "accepted_at": done.accepted_at - timedelta(minutes=3),
            "status": Status.QUEUED,
            "assets": (),
            "checks": 0,
            "submit_attempts": 0,
            "sweep_after": done.accepted_at,
        }
        | dict.fromkeys(_LATER)
    )
    assert JobTable(desk.stack.client("dynamodb"), desk.stack.table).create(lost)
    functions = desk.stack.client("lambda")
    (name,) = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if "Sweep" in function["FunctionName"]
    ]

    answer = functions.invoke(FunctionName=name, Payload='{"id": "sweep-1"}')

    assert lost.job_id in json.loads(answer["Payload"].read())["restarted"]
    assert desk.outcome_of_job(lost.job_id)["detail-type"] == "JobCompleted"
    assert len(desk.posts("Lost and found")) == 1


def _submitted(desk: Desk, asked: str) -> Event:
    return desk.bus.wait_for(
        lambda e: e["detail-type"] == "JobSubmitted" and e["detail"]["request_id"] == asked,
        seconds=60,
        what="the submit",
    )
