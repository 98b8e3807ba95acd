"""Ends of jobs: each accepted job ends once, and repeated requests are the same job."""

from datetime import timedelta

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.identity import job_id
from darkroom.domain.job import Status
from local.events import Event
from tests.e2e.deployment import EVENTS, Deployment

# Fields that a queued job does not have.
_LATER_FIELDS = (
    "prediction_id", "submit_token", "submitting_at", "submitted_at", "provider_completed_at",
    "stored_at", "ended_at", "published_at",
)  # fmt: skip


def test_stopped_execution_ends_the_job_as_canceled(deployment: Deployment) -> None:
    event_id = deployment.request_job(prompt="Never done [[fault run.stuck_processing]]")
    job = _wait_for_submit(deployment, event_id)["detail"]["job_id"]
    machine = deployment.stack.state_machine_arn
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{job}"

    deployment.stack.client("stepfunctions").stop_execution(executionArn=arn)

    event = deployment.wait_for_request(event_id)
    assert event["detail-type"] == "JobFailed"
    assert (event["detail"]["code"], event["detail"]["charged"]) == ("canceled", "maybe")
    assert deployment.job(job).status is Status.FAILED


def test_sweep_starts_a_job_without_an_execution(deployment: Deployment) -> None:
    """As after a crash of the API function, when the caller has no idempotency key to repeat."""
    ended = deployment.job(deployment.run_job(prompt="Model of a lost one")["detail"]["job_id"])
    unstarted = ended.model_copy(
        update={
            "job_id": job_id(EVENTS, "lost"),
            "idempotency_key": "lost",
            "prefix": f"jobs/{job_id(EVENTS, 'lost')}",
            "input": {**ended.input, "prompt": "Lost and found"},
            "accepted_at": ended.accepted_at - timedelta(minutes=3),
            "status": Status.QUEUED,
            "assets": (),
            "checks": 0,
            "submit_attempts": 0,
            "sweep_after": ended.accepted_at,
        }
        | dict.fromkeys(_LATER_FIELDS)
    )
    assert JobTable(deployment.stack.client("dynamodb"), deployment.stack.table).create(unstarted)
    functions = deployment.stack.client("lambda")
    (name,) = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if "Sweep" in function["FunctionName"]
    ]

    # The schedule of the stack can have restarted the job before.
    response = functions.invoke(FunctionName=name, Payload='{"id": "sweep-1"}')

    assert "FunctionError" not in response, response["Payload"].read()
    assert deployment.wait_for_job(unstarted.job_id)["detail-type"] == "JobCompleted"
    assert len(deployment.submits_with("Lost and found")) == 1


def _wait_for_submit(deployment: Deployment, event_id: str) -> Event:
    return deployment.bus.wait_for(
        lambda e: e["detail-type"] == "JobSubmitted" and e["detail"]["request_id"] == event_id,
        seconds=60,
        what="the submit",
    )
