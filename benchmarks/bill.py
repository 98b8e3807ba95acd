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
    "OnWebhookFunction": 0.1,
}  # fmt: skip
_WEBHOOK_AT = 30  # seconds after the submit
_WAKE_TOKEN_UNITS = 2  # WaitForWebhook writes its token to the record of 1 to 2 kB
_UNUSED = {True: "CheckFunction", False: "OnWebhookFunction"}  # with and without a webhook
_PLATFORM_LOG = 350  # bytes of the START, END and REPORT lines of each invocation
_INDEXES = [
    tuple(key["AttributeName"] for key in index["KeySchema"])
    for index in properties("Table")["GlobalSecondaryIndexes"]
]


class Bill(NamedTuple):
    """The metered usage of one job, and its cost."""

    states: tuple[str, ...]  # one transition each
    amounts: dict[str, float]  # by item
    usd: dict[str, float]  # by item

    @property
    def write_units(self) -> int:
        """The write units of the table and its indexes."""
        return int(self.amounts["write units"])

    @property
    def total(self) -> float:
        """The total in USD, without state transitions and the time that Check waits."""
        return sum(self.usd.values())


@cache
def one_job(*, webhook: bool = False) -> Bill:
    """Run one text-to-image job from its HTTP request to its statistics, and meter the usage."""
    log = io.StringIO()
    with (
        contextlib.redirect_stdout(log),
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}}),
        pytest.MonkeyPatch.context() as patch,
    ):
        cloud = Cloud(patch)
        if webhook:
            cloud.enable_webhooks()
            cloud.provider.set_duration(_WEBHOOK_AT)
            cloud.clock.schedule(_WEBHOOK_AT, cloud.deliver_webhook)
        with _metered(cloud) as meter:
            response = cloud.call("POST", "/v1/jobs", body=REQUEST)
            job_id = json.loads(response["body"])["job_id"]
            cloud.machine.run_pending()
            event = {"id": "event", "detail": {"job_id": job_id}}
            cloud.lambdas.deliver("RecordStatsFunction", event)
        states = cloud.inspect(job_id).states
    run_seconds = {
        name: seconds for name, seconds in _RUN_SECONDS.items() if name != _UNUSED[webhook]
    }
    write_units = meter.write_units + (_WAKE_TOKEN_UNITS if webhook else 0)
    log_bytes = len(log.getvalue().encode()) + _PLATFORM_LOG * len(run_seconds)
    puts = meter.calls["PutObject"] + 1  # the thumbnail
    requests = 2 if webhook else 1
    usd = {
        "write units": write_units * prices.WRITE_UNIT,
        "read units": meter.read_units * prices.READ_UNIT,
        "S3 PUTs, 1 GET": puts * prices.S3_PUT + prices.S3_GET,
        "events": meter.calls["PutEvents"] * prices.EVENT,
        "HTTP requests": requests * prices.API_CALL,
        "invocations": sum(
            prices.function(memory(name), seconds) for name, seconds in run_seconds.items()
        ),
        "kB of logs": log_bytes * prices.LOG_BYTE,
    }
    amounts = (
        write_units, meter.read_units, puts, meter.calls["PutEvents"], requests, len(run_seconds),
        log_bytes / 1000,
    )  # fmt: skip
    return Bill(tuple(states), dict(zip(usd, amounts, strict=True)), usd)


def memory(function: str) -> float:
    """Return the memory of a function in the template, in MB."""
    return float(properties(function)["MemorySize"])


class _Meter:
    """Counts the AWS calls of handlers."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.write_units, self.read_units = 0, 0.0

    def before(self, operation: str, params: Any, context: Any) -> None:
        """Count a call and remember the items that it affects."""
        self.calls[operation] += 1
        context["items"] = _affected_items(operation, params["body"])
        if operation == "Query":
            context["is_consistent"] = json.loads(params["body"]).get("ConsistentRead", False)

    def after(self, operation: str, context: Any, parsed: Any) -> None:
        """Bill the units of a call."""
        for key, old in context.get("items", []):
            self._bill(operation, old, _item(key))
        if "is_consistent" in context:  # the items of a query are billed together
            units = max(1, math.ceil(sum(map(_size, parsed["Items"])) / 4096))
            self.read_units += units if context["is_consistent"] else units / 2

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


# The session and its clients outlive a job; their events go to the meter of the current job.
_CURRENT: list[tuple[_Meter, Cloud]] = []


@cache
def _register_hooks() -> None:
    def before(model: Any, params: Any, context: Any, **_: Any) -> None:
        for meter, cloud in _CURRENT:
            if cloud.lambdas.is_running:
                meter.before(model.name, params, context)

    def after(model: Any, context: Any, parsed: Any, **_: Any) -> None:
        for meter, _cloud in _CURRENT:
            meter.after(model.name, context, parsed)

    session().events.register("before-call", before)
    session().events.register("after-call", after)


@contextlib.contextmanager
def _metered(cloud: Cloud) -> Iterator[_Meter]:
    """Meter the AWS calls of this deployment's handlers."""
    _register_hooks()
    meter = _Meter()
    _CURRENT.append((meter, cloud))
    yield meter
    _CURRENT.pop()


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
    bills = [one_job(), one_job(webhook=True)]
    rows = [
        (name, *(f"{bill.amounts[name]:.3g}: {dollars(bill.usd[name])}" for bill in bills))
        for name in bills[0].usd
    ]
    totals = [dollars(bill.total) for bill in bills]
    rows.append(("total without transitions and waits", *totals))
    rows.append(("state transitions", *(
        f"{len(bill.states)}: {dollars(len(bill.states) * prices.TRANSITION)}" for bill in bills
    )))  # fmt: skip
    return Section(
        "AWS cost of a job without waiting",
        "One text-to-image job in moto, requested over HTTP, from the request to the statistics. State machine "
        "and handlers are the shipped code. The run time of functions is assumed. List prices of us-east-1, "
        "2026-11, without the free tier.",
        table(("item", "without webhooks", "with a webhook"), rows),
    )
