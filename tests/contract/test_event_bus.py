"""Contracts of the ports Events and Workflow: in memory, EventBridge and Step Functions (moto)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from jsonschema import Draft202012Validator

from darkroom.adapters.event_bus import EventBus, NotPublishedError
from darkroom.domain import chain_events, chain_state, job_events
from darkroom.domain.batch import Counts
from darkroom.domain.chain import Chain
from darkroom.domain.errors import Code, FieldProblem
from darkroom.domain.events import (
    PUBLISHED,
    BatchCompleted,
    BudgetThresholdReached,
    Event,
    JobRejected,
    S3Location,
)
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.requests import Operation
from darkroom.ports import Events
from tests.fakes.signals import START, InMemoryEvents

SCHEMAS = Path(__file__).parents[2] / "infra" / "events"
ASSET = Asset(bucket="b", key="jobs/j/0.png", content_type="image/png", size=9, sha256="ab" * 32)
JOB = Job(
    job_id="j", caller="tests", request_id="r", idempotency_key="k",
    fingerprint="f", operation=Operation.EDIT,
    model="a/b", input={}, prefix="jobs/j", deadline_seconds=900, estimated_cost_micro_usd=None,
    status=Status.FAILED, code=Code.MODERATED, prediction_id="p", accepted_at=START,
    assets=(ASSET,), expires_at=1,
)  # fmt: skip
REJECTED = JobRejected(
    id="e.rejected", caller="events", request_id="e", message="`prompt` is missing.",
    errors=(FieldProblem(field="prompt", message="`prompt` is missing.", allowed="required"),),
)  # fmt: skip
BATCH = BatchCompleted(
    id="b.ended", caller="key:ada", request_id="r", batch_id="b", idempotency_key="k",
    name="rows.csv", status="canceled", source=S3Location(bucket="b", key="rows.csv"), rows=2,
    progress=Counts(completed=1, canceled=1), spent_micro_usd=1, uncertain_micro_usd=0,
    results_csv=None, results_jsonl=None, accepted_at=START, ended_at=START,
)  # fmt: skip
_CHAIN = JOB.model_copy(
    update={
        "chain_request": Chain(steps=()), "chain_id": JOB.job_id, "step": 0,
        "chain_jobs": (JOB.job_id,), "chain_ended_at": START,
    }
)  # fmt: skip
ENDED_CHAINS = (_CHAIN, _CHAIN.model_copy(update={"chain_code": Code.CANCELED}))
EVENTS: list[Event] = [
    job_events.submitted(JOB, "p"),
    job_events.completed(JOB, "b"),
    job_events.failed(JOB),
    job_events.recovered(JOB, "b"),
    REJECTED,
    BATCH,
    BudgetThresholdReached.of(START.date(), "key:ada", 5_000_000, 4_000_000, "r"),
    *(chain_events.ended(chain_state.of(root, [])) for root in ENDED_CHAINS),
]

type ReadEvents = Callable[[], list[tuple[str, dict[str, Any]]]]


@pytest.fixture(params=["memory", "eventbridge"])
def bus(request: pytest.FixtureRequest) -> tuple[Events, ReadEvents]:
    """Return a bus and a function that returns its published events."""
    if request.param == "memory":
        memory = InMemoryEvents()
        return memory, lambda: [
            (type(event).__name__, json.loads(event.model_dump_json()))
            for event in memory.published
        ]
    request.getfixturevalue("aws")
    return EventBus(boto3.client("events"), "darkroom"), _subscribe()


def _subscribe() -> ReadEvents:
    """Create the bus `darkroom` with a rule that sends its events to an SQS queue."""
    client, sqs = boto3.client("events"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    client.create_event_bus(Name="darkroom")
    pattern = json.dumps({"source": ["darkroom"]})
    client.put_rule(Name="all", EventBusName="darkroom", EventPattern=pattern)
    client.put_targets(Rule="all", EventBusName="darkroom", Targets=[{"Id": "1", "Arn": arn}])

    def received() -> list[tuple[str, dict[str, Any]]]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in messages]
        return [(body["detail-type"], body["detail"]) for body in bodies]

    return received


def test_delivered_events_are_unchanged_and_match_their_json_schemas(
    bus: tuple[Events, ReadEvents],
) -> None:
    for event in EVENTS:
        bus[0].publish(event)

    received = bus[1]()
    assert received == [
        (type(event).__name__, json.loads(event.model_dump_json())) for event in EVENTS
    ]
    assert {name for name, _ in received} == {event_class.__name__ for event_class in PUBLISHED}
    for name, detail in received:
        schema = json.loads((SCHEMAS / f"{name}.json").read_text())
        Draft202012Validator(schema).validate(detail)


@pytest.mark.usefixtures("aws")
def test_failed_entry_raises() -> None:
    client = boto3.client("events")
    with Stubber(client) as stub:
        stub.add_response(
            "put_events",
            {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]},
            {"Entries": [{"EventBusName": "darkroom", "Source": "darkroom",
                          "DetailType": "JobRejected", "Detail": ANY}]},
        )  # fmt: skip

        with pytest.raises(NotPublishedError, match="ThrottlingException"):
            EventBus(client, "darkroom").publish(REJECTED)
