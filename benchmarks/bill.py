"""AWS cost of one job without waiting, metered while the shipped state machine runs in moto.

Table writes and reads are counted by item size, as DynamoDB bills them. Calls, events and log bytes
are counted as they occur. The run time of functions cannot be measured in moto: it is assumed.
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

# Run time in seconds without waits: assumed, from design notes on similar functions.
_RUN_SECONDS = {
    "ApiFunction": 0.1, "SubmitFunction": 0.4, "CheckFunction": 0.25, "FinalizeFunction": 1.5,
    "RecordStatsFunction": 0.1, "ThumbnailFunction": 0.7, "AuthorizerFunction": 0.05,
}  # fmt: skip
_PLATFORM_LOG = 350  # bytes of the START, END and REPORT lines of each invocation
_INDEXES = [
    tuple(key["AttributeName"] for key in index["KeySchema"])
    for index in properties("Table")["GlobalSecondaryIndexes"]
]


class Bill(NamedTuple):
    """The metered usage of one job, and its cost."""

    write_units: int
    usd: dict[str, float]  # by item

    @property
    def total(self) -> float:
        """The total in USD, without state transitions and the time that Check waits."""
        return sum(self.usd.values())


@cache
def one_job() -> Bill:
    """Run one text-to-image job from its HTTP request to its statistics, and meter the usage."""
    log, meter = io.StringIO(), _Meter()
    with (
        contextlib.redirect_stdout(log),
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}}),
        pytest.MonkeyPatch.context() as patch,
    ):
        cloud = Cloud(patch)
        with meter.count(cloud):
            response = cloud.call("POST", "/v1/jobs", body=REQUEST)
            job_id = json.loads(response["body"])["job_id"]
            cloud.machine.run_pending()
            event = {"id": "event", "detail": {"job_id": job_id}}
            cloud.lambdas.deliver("RecordStatsFunction", event)
    functions = len(_RUN_SECONDS)
    log_bytes = len(log.getvalue().encode()) + _PLATFORM_LOG * functions
    puts = meter.calls["PutObject"] + 1  # the thumbnail
    usd = {
        f"{meter.write_units} write units": meter.write_units * prices.WRITE_UNIT,
        f"{meter.read_units:g} read units": meter.read_units * prices.READ_UNIT,
        f"{puts} S3 PUTs, 1 GET": puts * prices.S3_PUT + prices.S3_GET,
        f"{meter.calls['PutEvents']} events": meter.calls["PutEvents"] * prices.EVENT,
        "1 HTTP request": prices.API_CALL,
        f"{functions} invocations, {sum(_RUN_SECONDS.values()):.1f} s (assumed)": sum(
            prices.function(memory(name), seconds) for name, seconds in _RUN_SECONDS.items()
        ),
        f"{log_bytes / 1000:.1f} kB of logs": log_bytes * prices.LOG_BYTE,
    }
    return Bill(meter.write_units, usd)


def memory(function: str, *, webhook: bool = False) -> float:
    """Return the memory of a function in the template, in MB."""
    match properties(function)["MemorySize"]:
        case {"Fn::If": ["WebhooksEnabled", with_webhooks, without]}:
            return float(with_webhooks if webhook else without)
        case size:
            return float(size)


class _Meter:
    """Counts the AWS calls of handlers."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.write_units, self.read_units = 0, 0.0

    @contextlib.contextmanager
    def count(self, cloud: Cloud) -> Iterator[None]:
        """Count calls while a handler of this deployment runs."""

        def before(model: Any, params: Any, context: Any, **_: Any) -> None:
            if cloud.lambdas.is_running:
                self.calls[model.name] += 1
                context["items"] = _affected_items(model.name, params["body"])

        def after(model: Any, context: Any, **_: Any) -> None:
            for key, old in context.get("items", []):
                self._bill(model.name, old, _item(key))

        session().events.register("before-call", before, unique_id="meter-before")
        session().events.register("after-call", after, unique_id="meter-after")
        yield
        session().events.unregister("before-call", unique_id="meter-before")
        session().events.unregister("after-call", unique_id="meter-after")

    def _bill(self, operation: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        factor = 2 if operation == "TransactWriteItems" else 1
        size = max(_size(old), _size(new))
        if operation == "GetItem":
            self.read_units += max(1, math.ceil(size / 4096))
            return
        self.write_units += max(1, math.ceil(size / 1024)) * factor
        for keys in _INDEXES:
            before, after = ([item.get(key) for key in keys] for item in (old, new))
            if before != after:  # an index entry is deleted, added, or both
                self.write_units += (None not in before) + (None not in after)


def _affected_items(operation: str, body: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if operation not in ("GetItem", "PutItem", "UpdateItem", "TransactWriteItems"):
        return []
    request = json.loads(body)
    writes = [next(iter(write.values())) for write in request.get("TransactItems", [])]
    keys = [
        write.get("Key") or {name: write["Item"][name] for name in ("pk", "sk")}
        for write in writes or [request]
    ]
    return [(key, _item(key)) for key in keys]


def _item(key: dict[str, Any]) -> dict[str, Any]:
    stored = dynamodb_backends[ACCOUNT][REGION].get_table(TABLE)
    found = stored.get_item(DynamoType(key["pk"]), DynamoType(key["sk"]))
    attributes = found.attrs if found else {}
    text = json.dumps(
        {name: value.to_json() for name, value in attributes.items()}, default=_to_json
    )
    item: dict[str, Any] = json.loads(text)
    return item


def _to_json(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else str(value)


def _size(value: Any) -> int:
    """Return the size that DynamoDB bills for an item or a typed value, in bytes."""
    match value:
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(number)}:
            return len(number.strip("-").replace(".", "")) // 2 + 2
        case {"BOOL": _} | {"NULL": _}:
            return 1
        case {"L": list(values)}:
            return 3 + sum(1 + _size(element) for element in values)
        case {"M": dict(fields)}:
            return 3 + sum(1 + len(name.encode()) + _size(field) for name, field in fields.items())
        case dict():
            return sum(len(name.encode()) + _size(field) for name, field in value.items())
    raise ValueError(f"not a DynamoDB item: {value}")


def run() -> Section:
    """Return the table."""
    bill = one_job()
    rows = [(name, dollars(usd)) for name, usd in bill.usd.items()]
    rows.append(("total without transitions and waits", dollars(bill.total)))
    return Section(
        "AWS cost of a job without waiting",
        "One text-to-image job in moto, requested over HTTP, without webhooks, from the request to the "
        "statistics. State machine and handlers are the shipped code. List prices of us-east-1, 2026-11, "
        "without the free tier.",
        table(("item", "cost"), rows),
    )
