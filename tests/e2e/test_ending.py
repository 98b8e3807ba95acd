"""Every accepted job ends once, whoever ends it; the same request is the same job."""

from darkroom.domain.job import Status, job_id
from local.events import Event
from tests.e2e.desk import EVENTS, Desk


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


def _submitted(desk: Desk, asked: str) -> Event:
    return desk.bus.wait_for(
        lambda e: e["detail-type"] == "JobSubmitted" and e["detail"]["request_id"] == asked,
        seconds=60,
        what="the submit",
    )
