"""AWS cost of one job without waiting: the shipped handlers in moto, routed by the shipped state machine.

Transitions, table units, calls, invocations and log bytes are counted as they occur. The run time of
functions cannot be measured in moto: it is assumed.
"""

import contextlib
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import IO, Any, NamedTuple
from unittest.mock import patch

import boto3
import yaml
from jsonata import Jsonata  # type: ignore[import-untyped]
from moto import mock_aws

from benchmarks import prices
from benchmarks.meter import Meter
from benchmarks.report import ROOT, Section, dollars, table
from benchmarks.template import VARIABLES, memory, properties
from darkroom import aws
from darkroom.app import app
from darkroom.aws import AwsPorts
from darkroom.domain.media import PNG
from darkroom.handlers._http import api
from darkroom.observability import logger
from darkroom.ports import Accepted, Download, Quote, RuntimeFlags, Succeeded
from simulator.webhooks import signed_headers

# Run time in seconds without waits: assumed, from design notes on similar functions.
_RUN_SECONDS = {
    "ApiFunction": 0.1, "SubmitFunction": 0.4, "CheckFunction": 0.25, "FinalizeFunction": 1.5,
    "RecordStatsFunction": 0.1, "ThumbnailFunction": 0.7, "AuthorizerFunction": 0.05,
    "OnWebhookFunction": 0.1,
}  # fmt: skip
_NOT_RUN = ("AuthorizerFunction", "ThumbnailFunction")  # counted, with one PUT of a thumbnail
_PLATFORM_LOG = 350  # bytes of the START, END and REPORT lines of each invocation
_TOKEN_LENGTH = 800  # characters of a task token: assumed
_API_URL, _SECRET, _PREDICTION = "https://api.example.com/live", "whsec_bench", "5" * 32
_OUTPUT, _IMAGE = f"https://cdn.wavespeed.ai/{_PREDICTION}/1.png", b"image"


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
    with _deployment(log) as meter:
        job = _Job(has_webhook=webhook)
        with patch.object(aws, "AwsPorts", job.ports):
            states = job.run()
    invocations = job.invocations + Counter(_NOT_RUN)
    log_bytes = len(log.getvalue().encode()) + _PLATFORM_LOG * invocations.total()
    puts, events = meter.calls["PutObject"] + 1, meter.calls["PutEvents"]
    requests = invocations["ApiFunction"] + invocations["OnWebhookFunction"]
    run_usd = sum(
        prices.function(memory(name), _RUN_SECONDS[name] * count, count)
        for name, count in invocations.items()
    )
    items = {
        "write units": (meter.write_units, meter.write_units * prices.WRITE_UNIT),
        "read units": (meter.read_units, meter.read_units * prices.READ_UNIT),
        "S3 PUTs, 1 GET": (puts, puts * prices.S3_PUT + prices.S3_GET),
        "events": (events, events * prices.EVENT),
        "HTTP requests": (requests, requests * prices.API_CALL),
        "invocations": (invocations.total(), run_usd),
        "kB of logs": (log_bytes / 1000, log_bytes * prices.LOG_BYTE),
    }
    amounts = {name: amount for name, (amount, _) in items.items()}
    return Bill(tuple(states), amounts, {name: usd for name, (_, usd) in items.items()})


@contextlib.contextmanager
def _deployment(log: io.StringIO) -> Iterator[Meter]:
    """Create the table, the bus and the bucket in moto; meter the calls and collect the logs."""
    with (
        mock_aws(),
        patch.dict(os.environ, VARIABLES),
        patch.object(boto3, "DEFAULT_SESSION", session := boto3.Session()),
        patch.object(logger.registered_handler, "stream", log),
        contextlib.redirect_stdout(log),  # metrics
    ):
        attributes = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
        session.client("dynamodb").create_table(
            TableName=VARIABLES["TABLE_NAME"],
            **{name: properties("Table")[name] for name in attributes},
        )
        session.client("events").create_event_bus(Name=VARIABLES["EVENT_BUS_NAME"])
        session.client("s3").create_bucket(Bucket=VARIABLES["ASSETS_BUCKET"])
        app.cache_clear()
        api.cache_clear()
        try:
            yield Meter(session, VARIABLES["TABLE_NAME"])
        finally:
            app.cache_clear()
            api.cache_clear()
            logger.remove_keys(["function_name"])


class _Job:
    """One job in simulated time, with its provider in memory."""

    def __init__(self, *, has_webhook: bool) -> None:
        self.invocations: Counter[str] = Counter()
        self._flags = RuntimeFlags(webhook_url=_API_URL if has_webhook else None)
        self._webhook_url: str | None = None
        self._now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def ports(self, settings: Any) -> AwsPorts:
        """Return the ports in moto, with the provider, executions and flags in memory."""
        ports = AwsPorts(settings, now=lambda: self._now, sleep=self._sleep)
        vars(ports).update(
            provider=SimpleNamespace(
                prepare=lambda: None, submit=self._submit, check=lambda _: Succeeded((_OUTPUT,))
            ),
            prices=SimpleNamespace(quote=lambda *_: Quote(60_000, "2026-11-22")),
            downloads=SimpleNamespace(fetch=_download),
            webhook_secrets=SimpleNamespace(read=lambda _: [_SECRET]),
            workflow=SimpleNamespace(start=lambda *_: True, wake=lambda _: None),
            flag_store=SimpleNamespace(read=lambda: self._flags),
        )
        return ports

    def run(self) -> list[str]:
        """Create the job over HTTP, run it to its statistics, and return the entered states."""
        request = {"operation": "text-to-image", "prompt": "A lighthouse at night"}
        response = self._invoke("ApiFunction", _http_event("/v1/jobs", json.dumps(request)))
        job_id = json.loads(response["body"])["job_id"]
        states = list(self._execute({"job_id": job_id}))
        self._invoke("RecordStatsFunction", {"id": "event", "detail": {"job_id": job_id}})
        return states

    def _execute(self, step: dict[str, Any]) -> Iterator[str]:
        """Run the shipped state machine, and yield the name of each state."""
        path = ROOT / properties("ImageJobStateMachine")["DefinitionUri"]
        machine = yaml.safe_load(path.read_text())
        name = machine["StartAt"]
        while True:
            yield name
            match machine["States"][name]:
                case {"Type": "Choice", "Choices": choices, "Default": default}:
                    matching = (c["Next"] for c in choices if _evaluate(c["Condition"], step))
                    name = next(matching, default)
                    continue
                case {"Type": "Wait", "Seconds": seconds}:
                    self._sleep(_evaluate(seconds, step))
                case {"Type": "Task", "Arguments": {"FunctionName": function}}:
                    step = self._invoke(function.removeprefix("${").removesuffix("Arn}"), step)
                case {"Type": "Task", "Arguments": arguments}:  # WaitForWebhook
                    boto3.client("dynamodb").update_item(**_evaluate(arguments, step))
                    self._deliver_webhook()
                case {"Type": "Succeed"}:
                    return
                case _:
                    raise ValueError(f"the job failed in {name}: {step}")
            name = machine["States"][name]["Next"]

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:
        self.invocations[function] += 1
        logger.append_keys(function_name=function)
        module, _, name = properties(function)["Handler"].rpartition(".")
        context = SimpleNamespace(aws_request_id="b4acd59f-3e51-4a6c-9a7b-1f5b6e3d2c10")
        return json.loads(json.dumps(getattr(import_module(module), name)(event, context)))

    def _sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def _submit(self, _model: str, _input: object, webhook: str | None = None) -> Accepted:
        self._webhook_url = webhook
        return Accepted(_PREDICTION)

    def _deliver_webhook(self) -> None:
        self._sleep(30)
        assert self._webhook_url is not None
        path, _, token = self._webhook_url.removeprefix(_API_URL).partition("?token=")
        body = json.dumps({"id": _PREDICTION, "status": "completed", "outputs": []})
        event = _http_event(path, body) | {
            "headers": signed_headers(
                _SECRET, _PREDICTION, int(self._now.timestamp()), body.encode()
            ),
            "pathParameters": {"job_id": path.rpartition("/")[2]},
            "queryStringParameters": {"token": token},
        }
        assert self._invoke("OnWebhookFunction", event)["statusCode"] == 204


def _http_event(path: str, body: str) -> dict[str, Any]:
    """Return the event of API Gateway for a POST of an admin."""
    authorizer = {
        "principalId": "0123456789ab", "name": "bench", "role": "admin", "models": "",
        "callback_url": "", "reuse_seconds": "0",
    }  # fmt: skip
    return {
        "httpMethod": "POST", "path": path, "resource": "/{proxy+}", "body": body, "isBase64Encoded": False,
        "headers": {"Host": "api.example.com", "Content-Type": "application/json"}, "queryStringParameters": None,
        "requestContext": {"requestId": "bench", "path": f"/live{path}", "authorizer": authorizer},
    }  # fmt: skip


def _download(_url: str, into: IO[bytes], **_: object) -> Download:
    into.write(_IMAGE)
    return Download(PNG, len(_IMAGE), hashlib.sha256(_IMAGE).hexdigest(), (1024, 1024))


def _evaluate(value: Any, step: dict[str, Any]) -> Any:
    """Return a value of the definition with its expressions and substitutions replaced."""
    match value:
        case dict():
            return {name: _evaluate(field, step) for name, field in value.items()}
        case str() if value.startswith("{%"):
            expression = Jsonata(value.removeprefix("{%").removesuffix("%}"))
            token = {"Task": {"Token": "t" * _TOKEN_LENGTH}}
            expression.assign("states", {"input": step, "context": token})
            return expression.evaluate(None)
    return value.replace("${TableName}", VARIABLES["TABLE_NAME"])


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
        "One text-to-image job in moto, requested over HTTP, from the request to the statistics, without a daily "
        "budget. State machine and handlers are the shipped code. The run time of functions and the length of a "
        "task token are assumed. List prices of us-east-1, 2026-11, without the free tier. No run of Quote: each "
        "process keeps a price for an hour.",
        table(("item", "without webhooks", "with a webhook"), rows),
    )
