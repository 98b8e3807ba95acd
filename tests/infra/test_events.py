"""Event schemas are generated from the models, and published events match them."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from darkroom.domain import chain_events, chain_state, events, job_events
from darkroom.domain.batch import Counts
from darkroom.domain.chain import Chain, ChainStep
from darkroom.domain.errors import Code, FieldProblem
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.requests import Operation
from infra.generate_events import TARGET, schemas

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JOB = Job(
    job_id="cmjb2hb7562g6nkk3rro3j6g5c",
    caller="events",
    request_id="event-1",
    idempotency_key="k",
    fingerprint="f",
    operation=Operation.TEXT_TO_IMAGE,
    model="openai/gpt-image-2/text-to-image",
    input={"prompt": "A lighthouse"},
    prefix="jobs/cmjb2hb7562g6nkk3rro3j6g5c",
    deadline_seconds=900,
    estimated_cost_micro_usd=60_000,
    status=Status.COMPLETED,
    prediction_id="p",
    accepted_at=NOW,
    expires_at=0,
    assets=(
        Asset(bucket="b", key="k", content_type="image/png", size=1, sha256="s", width=1, height=1),
        Asset(bucket="b", key="k", content_type="audio/mpeg", size=1, sha256="s"),
    ),
)
STEP = ChainStep(operation=Operation.MODEL, model="a/b", input={}, deadline_seconds=900)
UNPRICED = JOB.model_copy(update={"estimated_cost_micro_usd": None, "prediction_id": None})
REJECTED = events.JobRejected(
    id="event-1.rejected",
    caller="events",
    request_id="event-1",
    message="`prompt` is missing.",
    errors=(FieldProblem(field="prompt", message="`prompt` is missing.", allowed="required"),),
)
BATCH = events.BatchCompleted(
    id="cmjb2hb7562g6nkk3rro3j6g5c.ended",
    caller="key:shop",
    request_id="request-1",
    batch_id="cmjb2hb7562g6nkk3rro3j6g5c",
    idempotency_key="k",
    name="products.csv",
    status="completed",
    source=events.S3Location(bucket="b", key="products.csv"),
    rows=3,
    progress=Counts(completed=2, bad=1),
    spent_micro_usd=20_000,
    uncertain_micro_usd=0,
    results_csv=events.S3Location(bucket="b", key="results.csv"),
    results_jsonl=None,
    accepted_at=NOW,
    ended_at=NOW,
)
ROOT = JOB.model_copy(
    update={
        "chain_request": Chain(steps=(STEP,)), "chain_id": JOB.job_id, "step": 0,
        "chain_jobs": (JOB.job_id,), "chain_ended_at": NOW,
    }
)  # fmt: skip
PUBLISHED = [
    BATCH,
    chain_events.ended(chain_state.of(ROOT, [])),
    chain_events.ended(chain_state.of(ROOT.model_copy(update={"chain_code": Code.CANCELED}), [])),
    job_events.submitted(JOB, "p"),
    job_events.completed(JOB, "assets"),
    job_events.failed(UNPRICED),
    job_events.recovered(JOB.model_copy(update={"code": Code.DEADLINE_EXCEEDED}), "assets"),
    events.BudgetThresholdReached.of(NOW.date(), "STACK", 1_000_000, 800_001, "event-1"),
    *(job_events.failed(JOB.model_copy(update={"code": code})) for code in Code),
    REJECTED,
]
ONE_PER_TYPE = {type(event): event for event in PUBLISHED}.values()
REQUESTS: list[dict[str, Any]] = [
    {"operation": "text-to-image", "prompt": "A lighthouse"},
    {"operation": "text-to-image", "prompt": "A", "quality": "high", "idempotency_key": "k"},
    {"operation": "edit", "prompt": "Make it night", "images": ["s3://photos/house.jpg"]},
    {"model": "any/model", "input": {"prompt": "A"}, "deadline_seconds": 60},
]
INVALID_REQUESTS: list[object] = [
    {"operation": "text-to-image"},
    {"operation": "text-to-image", "prompt": ""},
    {"operation": "edit", "prompt": "A", "images": []},
    {"operation": "edit", "prompt": "A", "images": ["s3://a/b"] * 17},
    {"operation": "text-to-image", "prompt": "A", "size": "1024x1024"},
    {"model": "any/model"},
    [],
]


@cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((TARGET / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_schemas_are_generated_from_the_models() -> None:
    files = {path.name: path.read_text() for path in TARGET.glob("*.json")}

    assert files == schemas(), "run `make schemas`"


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: type(event).__name__)
def test_published_event_matches_its_schema(event: events.Event) -> None:
    detail = json.loads(event.model_dump_json())

    validator(type(event).__name__).validate(detail)
    assert detail["version"] == "1"


@pytest.mark.parametrize("event", ONE_PER_TYPE, ids=lambda event: type(event).__name__)
def test_schema_refuses_additional_and_invalid_fields(event: events.Event) -> None:
    detail = json.loads(event.model_dump_json())

    assert not validator(type(event).__name__).is_valid({**detail, "prompt": "A lighthouse"})
    for field in detail.keys() - {"version"}:  # version has a default
        assert not validator(type(event).__name__).is_valid({**detail, field: object()}), field


@pytest.mark.parametrize("detail", REQUESTS)
def test_valid_request_matches_the_schema(detail: dict[str, Any]) -> None:
    validator("JobRequested").validate(detail)


@pytest.mark.parametrize("detail", INVALID_REQUESTS)
def test_invalid_request_does_not_match_the_schema(detail: object) -> None:
    assert not validator("JobRequested").is_valid(detail)


def test_every_event_type_has_an_example() -> None:
    assert {type(event) for event in PUBLISHED} == set(events.PUBLISHED)
