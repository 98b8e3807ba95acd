"""What one job costs at AWS besides its waiting: counted while the shipped machine runs in moto.

What is written and read of the table is counted by its size, as DynamoDB bills it; calls, events
and log bytes as they are made. How long functions run is not known here: those seconds are assumed.
"""

import contextlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from benchmarks import prices
from benchmarks.report import Section, dollars, table
from tests.infra.template import properties
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.deployment import ACCOUNT, REGION, TABLE, session

# Seconds a function runs, its waits aside: assumed, from design notes on such functions.
_SECONDS = {
    "ApiFunction": 0.1, "SubmitFunction": 0.4, "CheckFunction": 0.25, "FinalizeFunction": 1.5,
    "RecordStatsFunction": 0.1, "ThumbnailFunction": 0.7, "AuthorizerFunction": 0.05,
}  # fmt: skip
_PLATFORM_LOG = 350  # bytes of START, END and REPORT around each run
_INDEXES = [
    tuple(each["AttributeName"] for each in index["KeySchema"])
    for index in properties("Table")["GlobalSecondaryIndexes"]
]


class Bill(NamedTuple):
    """What was counted for one job, and what it costs."""

    calls: Counter[str]
    write_units: int
    read_units: float
    log_bytes: int
    usd: dict[str, float]

    @property
    def total(self) -> float:
        """USD, without the transitions and the time that it waits in Check."""
        return sum(self.usd.values())


@cache
def one_job() -> Bill:
    """Run one text-to-image job from its HTTP request to its tally, and count."""
    said, meter = io.StringIO(), _Meter()
    with (
        contextlib.redirect_stdout(said),
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}}),
        pytest.MonkeyPatch.context() as patch,
    ):
        cloud = Cloud(patch)
        with meter.counts(cloud):
            answer = cloud.call("POST", "/v1/jobs", body=REQUEST)
            job_id = json.loads(answer["body"])["job_id"]
            cloud.machine.run_pending()
            told = {"id": "event", "detail": {"job_id": job_id}}
            cloud.lambdas.deliver("RecordStatsFunction", told)
    runs = set(_SECONDS)
    log_bytes = len(said.getvalue().encode()) + _PLATFORM_LOG * len(runs)
    puts = meter.calls["PutObject"] + 1  # the thumbnail
    usd = {
        f"{meter.write_units} write units": meter.write_units * prices.WRITE_UNIT,
        f"{meter.read_units:g} read units": meter.read_units * prices.READ_UNIT,
        f"{puts} objects put, 1 read": puts * prices.S3_PUT + prices.S3_GET,
        f"{meter.calls['PutEvents']} events": meter.calls["PutEvents"] * prices.EVENT,
        "the HTTP request": prices.API_CALL,
        f"{len(runs)} functions, {sum(_SECONDS.values()):.1f} s (assumed)": sum(
            prices.function(memory(name), seconds) for name, seconds in _SECONDS.items()
        ),
        f"{log_bytes / 1000:.1f} kB of logs": log_bytes * prices.LOG_BYTE,
    }
    return Bill(meter.calls, meter.write_units, meter.read_units, log_bytes, usd)


def memory(function: str, *, webhook: bool = False) -> float:
    """Return the MB that the template gives a function."""
    match properties(function)["MemorySize"]:
        case {"Fn::If": ["WebhooksEnabled", called, polled]}:
            return float(called if webhook else polled)
        case size:
            return float(size)


class _Meter:
    """Counts what handlers ask of AWS."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.write_units, self.read_units = 0, 0.0

    @contextlib.contextmanager
    def counts(self, cloud: Cloud) -> Iterator[None]:
        """Count while a handler of this deployment runs."""

        def before(model: Any, params: Any, context: Any, **_: Any) -> None:
            if cloud.lambdas.is_running:
                self.calls[model.name] += 1
                context["items"] = _touched(model.name, params["body"])

        def after(model: Any, context: Any, **_: Any) -> None:
            for key, old in context.get("items", []):
                self._bill(model.name, old, _item(key))

        session().events.register("before-call", before, unique_id="meter-before")
        session().events.register("after-call", after, unique_id="meter-after")
        yield
        session().events.unregister("before-call", unique_id="meter-before")
        session().events.unregister("after-call", unique_id="meter-after")

    def _bill(self, operation: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        twice = 2 if operation == "TransactWriteItems" else 1
        size = max(_size(old), _size(new))
        if operation == "GetItem":
            self.read_units += max(1, math.ceil(size / 4096))
            return
        self.write_units += max(1, math.ceil(size / 1024)) * twice
        for keys in _INDEXES:
            before, after = ([item.get(key) for key in keys] for item in (old, new))
            if before != after:  # taken out, put in, or both
                self.write_units += (None not in before) + (None not in after)


def _touched(operation: str, body: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if operation not in ("GetItem", "PutItem", "UpdateItem", "TransactWriteItems"):
        return []
    asked = json.loads(body)
    parts = [next(iter(part.values())) for part in asked.get("TransactItems", [])] or [asked]
    keys = [part.get("Key") or {n: part["Item"][n] for n in ("pk", "sk")} for part in parts]
    return [(key, _item(key)) for key in keys]


def _item(key: dict[str, Any]) -> dict[str, Any]:
    stored = dynamodb_backends[ACCOUNT][REGION].get_table(TABLE)
    found = stored.get_item(DynamoType(key["pk"]), DynamoType(key["sk"]))
    plain = json.dumps(
        {n: v.to_json() for n, v in found.attrs.items()} if found else {}, default=_plain
    )
    item: dict[str, Any] = json.loads(plain)
    return item


def _plain(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else str(value)


def _size(value: Any) -> int:
    """Return the bytes that DynamoDB counts for an item, or for a typed value."""
    match value:
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(number)}:
            return len(number.strip("-").replace(".", "")) // 2 + 2
        case {"BOOL": _} | {"NULL": _}:
            return 1
        case {"L": list(inner)}:
            return 3 + sum(1 + _size(each) for each in inner)
        case {"M": dict(inner)}:
            return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in inner.items())
        case dict():
            return sum(len(name.encode()) + _size(each) for name, each in value.items())
    raise ValueError(f"no item: {value}")


def run() -> Section:
    """Return the table."""
    bill = one_job()
    rows = [(name, dollars(usd)) for name, usd in bill.usd.items()]
    rows.append(("all but transitions and waits", dollars(bill.total)))
    return Section(
        "What a job costs besides its waiting",
        "One text-to-image job, by HTTP, without webhook, from request to tally, in moto: the "
        "shipped machine and handlers. List prices of us-east-1, 2026-11, no free tier.",
        table(("what", "USD"), rows),
    )
