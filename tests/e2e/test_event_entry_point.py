"""The event door and the examples of docs/events.md, deployed beside the stack as they stand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from darkroom.domain.identity import job_id
from local import paths
from local.waiting import until
from tests.e2e.desk import EVENTS, Desk

EXAMPLES = paths.ROOT / "docs" / "examples"
SECONDS = 60


@contextmanager
def example(desk: Desk, name: str, **parameters: str) -> Iterator[dict[str, str]]:
    """Deploy an example; yield its outputs; take it away again."""
    cloudformation = desk.stack.client("cloudformation")
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
        yield {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    finally:
        cloudformation.delete_stack(StackName=name)


def outputs(desk: Desk) -> dict[str, str]:
    """What the deployed stack gives to those who build on it."""
    found = desk.stack.client("cloudformation").describe_stacks(StackName=desk.stack.stack_name)
    return {each["OutputKey"]: each["OutputValue"] for each in found["Stacks"][0]["Outputs"]}


def test_a_chain_edits_what_a_prompt_made(desk: Desk) -> None:
    given = outputs(desk)
    named = {name: given[name] for name in ("EventBusName", "OnRequestFunctionArn")}

    with example(desk, "chain", **named):
        first = desk.run(prompt="A village by day")["detail"]
        night = job_id("chain", f"{first['job_id']}.completed")
        second = desk.outcome_of_job(night)

    assert second["detail-type"] == "JobCompleted", second["detail"]
    assert (second["detail"]["caller"], second["detail"]["operation"]) == ("chain", "edit")
    assert [str(reference) for reference in desk.job(night).references] == first["uris"]


def test_another_bus_and_source_ask_under_the_name_that_the_rule_gives(desk: Desk) -> None:
    bus = desk.stack.client("events")
    bus.create_event_bus(Name="orders")
    detail = {"operation": "text-to-image", "quality": "low", "prompt": "From another bus",
              "caller": "key:shop", "idempotency_key": "order-1"}  # fmt: skip

    with example(
        desk,
        "another-bus",
        BusName="orders",
        Source="my.orders",
        Caller="orders",
        OnRequestFunctionArn=outputs(desk)["OnRequestFunctionArn"],
    ):
        entry = {"EventBusName": "orders", "Source": "my.orders", "DetailType": "JobRequested"}
        refused, taken = bus.put_events(
            Entries=[
                {**entry, "Detail": json.dumps(detail)},
                {**entry, "Detail": json.dumps({k: v for k, v in detail.items() if k != "caller"})},
            ]
        )["Entries"]
        rejected, done = desk.outcome(refused["EventId"]), desk.outcome(taken["EventId"])

    # A sender cannot choose whose job it is.
    assert [problem["field"] for problem in rejected["detail"]["errors"]] == ["caller"]
    assert rejected["detail"]["caller"] == "orders"
    assert done["detail-type"] == "JobCompleted"
    assert done["detail"]["caller"] == "orders"
    assert done["detail"]["job_id"] == job_id("orders", "order-1")


def test_a_queue_that_subscribes_gets_the_end_of_a_job(desk: Desk) -> None:
    sqs = desk.stack.client("sqs")

    with example(desk, "subscribe", EventBusName=desk.stack.event_bus) as given:
        asked = desk.ask(prompt="Told to a queue")
        ended = desk.outcome(asked)
        told = _first(sqs, given["QueueUrl"], asked)

    assert told["detail"] == ended["detail"]
    assert told["detail"]["caller"] == EVENTS


def _first(sqs: Any, url: str, asked: str) -> Any:
    def look() -> Any:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"]["request_id"] == asked:
                return event
        return None

    return until(look, seconds=SECONDS, what="the message")
