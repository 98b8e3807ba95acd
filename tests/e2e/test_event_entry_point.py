"""The event entry point, and the example stacks of docs/events.md, deployed unchanged."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.domain.identity import job_id
from local import paths
from local.waiting import until
from tests.e2e.deployment import EVENTS, Deployment

EXAMPLES = paths.ROOT / "docs" / "examples"
SECONDS = 60


@contextmanager
def example(deployment: Deployment, name: str, **parameters: str) -> Iterator[dict[str, str]]:
    """Deploy an example stack; yield its outputs; delete it afterwards."""
    cloudformation = deployment.stack.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(EXAMPLES / f"{name}.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )

    def deployed() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        assert not stack["StackStatus"].endswith("FAILED"), stack
        assert "ROLLBACK" not in stack["StackStatus"], stack
        return stack if stack["StackStatus"] == "CREATE_COMPLETE" else None

    try:
        stack = until(deployed, seconds=SECONDS, what=f"the stack {name}")
        yield {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    finally:
        cloudformation.delete_stack(StackName=name)


def outputs(deployment: Deployment) -> dict[str, str]:
    """Return the outputs of the deployed stack."""
    stacks = deployment.stack.client("cloudformation").describe_stacks(
        StackName=deployment.stack.stack_name
    )
    return {output["OutputKey"]: output["OutputValue"] for output in stacks["Stacks"][0]["Outputs"]}


def test_chain_edits_the_output_of_the_first_job(deployment: Deployment) -> None:
    stack_outputs = outputs(deployment)
    parameters = {name: stack_outputs[name] for name in ("EventBusName", "OnRequestFunctionArn")}

    with example(deployment, "chain", **parameters):
        first = deployment.run_job(prompt="A village by day")["detail"]
        chained_job_id = job_id("chain", f"{first['job_id']}.completed")
        second = deployment.wait_for_job(chained_job_id)

    assert second["detail-type"] == "JobCompleted", second["detail"]
    assert (second["detail"]["caller"], second["detail"]["operation"]) == ("chain", "edit")
    assert [str(reference) for reference in deployment.job(chained_job_id).references] == first[
        "uris"
    ]


def test_rule_of_another_bus_sets_the_caller(deployment: Deployment) -> None:
    bus = deployment.stack.client("events")
    bus.create_event_bus(Name="orders")
    detail = {"operation": "text-to-image", "quality": "low", "prompt": "From another bus",
              "caller": "key:shop", "idempotency_key": "order-1"}  # fmt: skip

    with example(
        deployment,
        "another-bus",
        BusName="orders",
        Source="my.orders",
        Caller="orders",
        OnRequestFunctionArn=outputs(deployment)["OnRequestFunctionArn"],
    ):
        entry = {"EventBusName": "orders", "Source": "my.orders", "DetailType": "JobRequested"}
        refused, accepted = bus.put_events(
            Entries=[
                {**entry, "Detail": json.dumps(detail)},
                {**entry, "Detail": json.dumps({k: v for k, v in detail.items() if k != "caller"})},
            ]
        )["Entries"]
        rejected, completed = (
            deployment.wait_for_request(refused["EventId"]),
            deployment.wait_for_request(accepted["EventId"]),
        )

    # A sender cannot choose the caller of a job.
    assert [problem["field"] for problem in rejected["detail"]["errors"]] == ["caller"]
    assert rejected["detail"]["caller"] == "orders"
    assert completed["detail-type"] == "JobCompleted"
    assert completed["detail"]["caller"] == "orders"
    assert completed["detail"]["job_id"] == job_id("orders", "order-1")


def test_subscribed_queue_receives_the_terminal_event(deployment: Deployment) -> None:
    sqs = deployment.stack.client("sqs")

    with example(deployment, "subscribe", EventBusName=deployment.stack.event_bus) as stack_outputs:
        event_id = deployment.request_job(prompt="Delivered to a queue")
        ended = deployment.wait_for_request(event_id)
        message = _wait_for_message(sqs, stack_outputs["QueueUrl"], event_id)

    assert message["detail"] == ended["detail"]
    assert message["detail"]["caller"] == EVENTS


def test_replay_to_every_rule_pays_nothing_and_counts_nothing(deployment: Deployment) -> None:
    bus = deployment.stack.client("events")
    bus_arn = outputs(deployment)["EventBusArn"]
    archive = bus.create_archive(ArchiveName="replayed", EventSourceArn=bus_arn)["ArchiveArn"]
    started = datetime.now(UTC)
    with_key = deployment.run_job(prompt="Archived with a key", idempotency_key="archived")
    without_key = deployment.run_job(prompt="Archived without a key")
    moderated = deployment.run_job(prompt="Archived [[fault run.moderated]]", idempotency_key="no")
    jobs = [end["detail"]["job_id"] for end in (with_key, without_key, moderated)]
    until(
        lambda: all(deployment.job(job_id).stats_recorded_at for job_id in jobs),
        seconds=SECONDS,
        what="the statistics",
    )
    records, charges = [deployment.job(job_id) for job_id in jobs], deployment.charge_count()

    bus.start_replay(
        ReplayName="again",
        EventSourceArn=archive,
        EventStartTime=started - timedelta(seconds=1),
        EventEndTime=started + timedelta(days=1),
        Destination={"Arn": bus_arn},
    )
    until(
        lambda: bus.describe_replay(ReplayName="again")["State"] == "COMPLETED",
        seconds=SECONDS,
        what="the replay",
    )
    bus.delete_archive(ArchiveName="replayed")
    deployment.run_job(prompt="After the replay")  # its event follows the replayed ones

    assert [deployment.job(job_id) for job_id in jobs] == records
    assert deployment.charge_count() == charges + 1


def _wait_for_message(sqs: Any, url: str, event_id: str) -> Any:
    def receive() -> Any:
        for sqs_message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            event = json.loads(sqs_message["Body"])
            if event["detail"]["request_id"] == event_id:
                return event
        return None

    return until(receive, seconds=SECONDS, what="the message")
