"""Requests through the injector: AWS errors, resets, and killed workers."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.emulator import ROOT_KEY
from local.errors import LocalError
from local.waiting import until
from reliability import workers
from reliability.faults import (
    Fault,
    Moment,
    kill,
    lost,
    outage,
    partial_put_events,
    reset,
    slow,
    throttle,
)
from reliability.injector import Call, Injector
from reliability.proxy import DropError, Proxy, Request, Response
from reliability.workers import Worker
from tests.reliability import fake_workers

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SESSION = boto3.Session(ROOT_KEY, ROOT_KEY, region_name="us-east-1")
SPECIAL_KEY = "/a b+c%41 & (d)/ü 写真 ?.webp"
CALLS: dict[str, Callable[[Any], object]] = {
    "dynamodb": lambda c: c.get_item(TableName="t", Key={"pk": {"S": "x"}}),
    "events": lambda c: c.put_events(Entries=[{"Detail": "a"}]),
    "s3": lambda c: c.put_object(Bucket="b", Key=SPECIAL_KEY, Body=b"x" * 100_000),
    "secretsmanager": lambda c: c.get_secret_value(SecretId="s"),
    "ssm": lambda c: c.get_parameter(Name="n"),
    "stepfunctions": lambda c: c.start_execution(stateMachineArn="arn", name="n"),
}


class Emulator:
    """Accepts and records every request."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def serve(self, request: Request) -> Response:
        self.requests.append(request)
        is_s3 = "/s3/" in request.header("Authorization")
        length = (("Content-Length", "123"),) if request.method == "HEAD" else ()
        return Response(200, length, b"" if is_s3 else b"{}", "OK")


class Bus:
    """Accepts entries, and returns an id for each."""

    def __init__(self) -> None:
        self.accepted: list[str] = []

    def put(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.accepted += [entry["Detail"] for entry in entries]
        return {"Entries": [{"EventId": f"id of {entry['Detail']}"} for entry in entries]}


class Scene(NamedTuple):
    emulator: Emulator
    bus: Bus
    faults: Injector
    url: str
    emulator_url: str

    def client(self, service: Any, url: str | None = None) -> Any:
        """Return a client of the proxy that makes one attempt."""
        config = Config(retries={"total_max_attempts": 1}, read_timeout=1)
        if service == "s3":
            config = config.merge(Config(signature_version="s3v4"))
        return SESSION.client(service, endpoint_url=url or self.url, config=config)

    def call(self, service: str) -> object:
        return CALLS[service](self.client(service))

    def put_events(self, details: str) -> Any:
        entries = [{"Detail": detail} for detail in details]
        return self.client("events").put_events(Entries=entries)

    def fired(self) -> list[str]:
        return [str(fault) for fault in self.faults.fired]


def short_name(function: str) -> str:
    return function.split("-")[1]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Return an injector before an emulator. This process counts as a worker of Submit."""
    monkeypatch.setattr(workers, "find", lambda *_: Worker(0, "stack-Submit-1"))
    emulator, bus = Emulator(), Bus()
    with Proxy(emulator.serve) as server:
        faults = Injector(server.url, "http://provider.invalid", bus.put, short_name, seed=7)
        with Proxy(faults.serve) as proxy:
            yield Scene(emulator, bus, faults, proxy.url, server.url)


@pytest.mark.parametrize("service", CALLS)
def test_call_without_faults_arrives_unchanged(scene: Scene, service: str) -> None:
    scene.call(service)
    CALLS[service](scene.client(service, scene.emulator_url))

    proxied, direct = scene.emulator.requests
    assert (proxied.method, proxied.target) == (direct.method, direct.target)
    assert proxied.body == direct.body
    assert proxied.header("Host") == scene.url.removeprefix("http://")
    signed = proxied.header("Authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert all(proxied.header(name) for name in signed)
    assert scene.fired() == []


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("fault", [throttle, outage])
def test_service_fails_with_its_own_error_code(
    scene: Scene, service: str, fault: Callable[[str], Fault]
) -> None:
    expected = fault(service)
    scene.faults.set(expected)

    with pytest.raises(ClientError) as failed:
        scene.call(service)

    assert failed.value.response["Error"]["Code"] == expected.code
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == expected.status
    assert scene.emulator.requests == []
    assert scene.fired() == [str(expected)]


def test_reset_connection_has_no_effect(scene: Scene) -> None:
    scene.faults.set(reset("dynamodb"))

    with pytest.raises(ConnectionClosedError):
        scene.call("dynamodb")

    assert scene.emulator.requests == []
    assert scene.fired() == ["dynamodb *: reset"]


def test_lost_response_follows_effect(scene: Scene) -> None:
    scene.faults.set(lost("dynamodb", "GetItem", times=1))

    with pytest.raises(ConnectionClosedError):
        scene.call("dynamodb")
    scene.call("dynamodb")

    assert len(scene.emulator.requests) == 2
    assert scene.fired() == ["dynamodb GetItem: lost"]


def test_slow_call_takes_effect_after_client_timeout(scene: Scene) -> None:
    scene.faults.set(slow("dynamodb", milliseconds=(1200, 1200), times=1))

    with pytest.raises(ReadTimeoutError):
        scene.call("dynamodb")
    until(lambda: scene.emulator.requests or None, seconds=10, what="the delayed call")
    scene.call("dynamodb")

    assert len(scene.emulator.requests) == 2
    assert scene.fired() == ["dynamodb *: slow"]


def test_single_entry_fails_with_200(scene: Scene) -> None:
    scene.faults.set(partial_put_events(times=1))

    rejected, accepted = scene.put_events("a"), scene.put_events("b")

    assert rejected["FailedEntryCount"] == 1
    assert rejected["Entries"][0]["ErrorCode"] == "InternalFailure"
    assert scene.bus.accepted == []
    assert "FailedEntryCount" not in accepted
    assert [json.loads(request.body) for request in scene.emulator.requests] == [
        {"Entries": [{"Detail": "b"}]}
    ]


def test_some_of_several_entries_fail_and_the_rest_are_accepted(scene: Scene) -> None:
    scene.faults.set(partial_put_events("ThrottlingException"))

    result = scene.put_events("abcdefgh")

    failed = [entry.get("ErrorCode") == "ThrottlingException" for entry in result["Entries"]]
    assert 0 < sum(failed) == result["FailedEntryCount"] < len(failed)
    assert scene.bus.accepted == [
        detail for detail, is_failed in zip("abcdefgh", failed, strict=True) if not is_failed
    ]
    ids = [entry["EventId"] for entry in result["Entries"] if "EventId" in entry]
    assert ids == [f"id of {detail}" for detail in scene.bus.accepted]


@pytest.mark.parametrize(
    "fault",
    [
        throttle("dynamodb", "PutItem"),
        throttle("dynamodb", function="Sub"),
        lost("dynamodb", function="Check"),
        throttle("s3"),
        reset("dynamodb", times=0),
    ],
    ids=str,
)
def test_fault_does_not_fire_for_other_calls(scene: Scene, fault: Fault) -> None:
    scene.faults.set(fault)

    scene.call("dynamodb")

    assert scene.fired() == []


def test_presigned_url_bypasses_faults(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "find", lambda *_: None)  # no worker sent the request
    scene.faults.set(throttle("s3"), lost("s3"))

    scene.call("s3")

    assert scene.fired() == []


def test_fault_of_unknown_service_raises_error() -> None:
    with pytest.raises(LocalError, match="sqs"):
        outage("sqs")


# --- Killed workers: processes that look like the emulator's workers

PUTS = ["PUT /a one", "PUT /b two", "PUT /b three"]


class Kills(NamedTuple):
    faults: Injector
    received: list[tuple[str, str]]  # upstream and body
    start: Callable[..., Popen[str]]


@pytest.fixture
def kills(tmp_path: Path) -> Iterator[Kills]:
    received: list[tuple[str, str]] = []
    started: list[Popen[str]] = []

    def receive(upstream: str, request: Request) -> Response:
        received.append((upstream, request.body.decode()))
        if request.target == "/drop":
            raise DropError("on purpose")
        return Response(200, (), b"done")

    def start(host: str, requests: list[str], **options: str) -> Popen[str]:
        started.append(fake_workers.start(tmp_path, host, requests, **options))
        return started[-1]

    with Proxy(partial(receive, "aws")) as aws, Proxy(partial(receive, "provider")) as provider:
        faults = Injector(aws.url, provider.url, lambda _: {}, short_name)
        with Proxy(faults.serve) as proxy:
            yield Kills(faults, received, partial(start, urlsplit(proxy.url).netloc))
    for process in started:
        process.kill()
        process.communicate()


def end(worker: Popen[str]) -> tuple[list[str], int]:
    out, _ = worker.communicate(timeout=20)
    return out.split(), worker.returncode


@on_linux
def test_calls_are_recorded_and_forwarded_by_path(kills: Kills) -> None:
    assert end(kills.start([*PUTS, "POST /api/v3/model four"])) == (["200"] * 4, 0)

    assert kills.faults.calls == [
        Call("Submit", "PUT /a", 1),
        Call("Submit", "PUT /b", 1),
        Call("Submit", "PUT /b", 2),
        Call("Submit", "POST /api/v3/model", 1),
    ]
    assert kills.received == [
        ("aws", "one"), ("aws", "two"), ("aws", "three"), ("provider", "four"),
    ]  # fmt: skip


@on_linux
@pytest.mark.parametrize(
    ("moment", "received"), [("before", ["one", "two"]), ("after", ["one", "two", "three"])]
)
def test_worker_is_killed_at_nth_matching_request(
    kills: Kills, moment: Moment, received: list[str]
) -> None:
    fault = kill("Submit", "PUT /b", nth=2, moment=moment)
    kills.faults.set(fault)

    assert end(kills.start([*PUTS, "PUT /c never"])) == (["200"] * 2, -signal.SIGKILL)

    assert [body for _, body in kills.received] == received
    assert kills.faults.fired == [fault]


@on_linux
def test_worker_is_killed_when_upstream_resets_the_connection(kills: Kills) -> None:
    kills.faults.set(kill("Submit", "*", moment="after"))

    assert end(kills.start(["GET /drop x"])) == ([], -signal.SIGKILL)


@on_linux
def test_kill_happens_once_and_only_to_its_function(kills: Kills) -> None:
    kills.faults.set(kill("Submit", "PUT *"))

    assert end(kills.start(PUTS, function="stack-Check-2")) == (["200"] * 3, 0)
    assert end(kills.start(PUTS)) == ([], -signal.SIGKILL)
    assert end(kills.start(PUTS)) == (["200"] * 3, 0)
