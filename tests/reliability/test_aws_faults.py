"""boto3 calls through the fault proxy: requests pass unchanged, and faults look like AWS errors."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.emulator import ROOT_KEY
from local.errors import LocalError
from local.waiting import until
from reliability.aws_faults import AwsFaults
from reliability.faults import Fault, lost, outage, partial_put_events, reset, slow, throttle
from reliability.http_messages import Request, Response
from reliability.proxy import ProxiedRequest, Proxy

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

    def serve(self, proxied: ProxiedRequest) -> Response:
        self.requests.append(proxied.request)
        is_s3 = "/s3/" in proxied.request.header("Authorization")
        length = (("Content-Length", "123"),) if proxied.request.method == "HEAD" else ()
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
    aws: AwsFaults
    url: str
    emulator_url: str
    callers: list[str | None]

    def client(self, service: Any, url: str | None = None) -> Any:
        """Return a client of the proxy that makes one attempt."""
        config = Config(retries={"total_max_attempts": 1}, read_timeout=1)
        if service == "s3":
            config = config.merge(Config(signature_version="s3v4"))
        session = boto3.Session(ROOT_KEY, ROOT_KEY, region_name="us-east-1")
        return session.client(service, endpoint_url=url or self.url, config=config)

    def call(self, service: str) -> object:
        return CALLS[service](self.client(service))

    def put_events(self, details: str) -> Any:
        entries = [{"Detail": detail} for detail in details]
        return self.client("events").put_events(Entries=entries)

    def fired(self) -> list[str]:
        return [str(fault) for fault in self.aws.fired]


@pytest.fixture
def scene() -> Iterator[Scene]:
    emulator, bus = Emulator(), Bus()
    callers: list[str | None] = ["Submit"]
    with Proxy(emulator.serve) as server:
        faults = AwsFaults(server.url, bus.put, lambda _proxied: callers[0], seed=7)
        with Proxy(faults.serve) as proxy:
            yield Scene(emulator, bus, faults, proxy.url, server.url, callers)


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


def test_head_response_keeps_content_length(scene: Scene) -> None:
    assert scene.client("s3").head_object(Bucket="b", Key="k")["ContentLength"] == 123


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("fault", [throttle, outage])
def test_service_fails_with_its_own_error_code(
    scene: Scene, service: str, fault: Callable[[str], Fault]
) -> None:
    expected = fault(service)
    scene.aws.set(expected)

    with pytest.raises(ClientError) as failed:
        scene.call(service)

    assert failed.value.response["Error"]["Code"] == expected.code
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == expected.status
    assert scene.emulator.requests == []
    assert scene.fired() == [str(expected)]


def test_head_request_fails_with_the_status(scene: Scene) -> None:
    scene.aws.set(throttle("s3"))

    with pytest.raises(ClientError, match="503"):
        scene.client("s3").head_object(Bucket="b", Key="k")


def test_reset_connection_has_no_effect(scene: Scene) -> None:
    scene.aws.set(reset("dynamodb"))

    with pytest.raises(ConnectionClosedError):
        scene.call("dynamodb")

    assert scene.emulator.requests == []
    assert scene.fired() == ["dynamodb *: reset"]


def test_lost_response_follows_effect(scene: Scene) -> None:
    scene.aws.set(lost("dynamodb", "GetItem", times=1))

    with pytest.raises(ConnectionClosedError):
        scene.call("dynamodb")
    scene.call("dynamodb")

    assert len(scene.emulator.requests) == 2
    assert scene.fired() == ["dynamodb GetItem: lost"]


def test_slow_call_takes_effect_after_client_timeout(scene: Scene) -> None:
    scene.aws.set(slow("dynamodb", milliseconds=(1200, 1200), times=1))

    with pytest.raises(ReadTimeoutError):
        scene.call("dynamodb")
    until(lambda: scene.emulator.requests or None, seconds=10, what="the delayed call")
    scene.call("dynamodb")

    assert len(scene.emulator.requests) == 2
    assert scene.fired() == ["dynamodb *: slow"]


def test_single_entry_fails_with_200(scene: Scene) -> None:
    scene.aws.set(partial_put_events(times=1))

    rejected, accepted = scene.put_events("a"), scene.put_events("b")

    assert rejected["FailedEntryCount"] == 1
    assert rejected["Entries"][0]["ErrorCode"] == "InternalFailure"
    assert scene.bus.accepted == []
    assert "FailedEntryCount" not in accepted
    assert [json.loads(request.body) for request in scene.emulator.requests] == [
        {"Entries": [{"Detail": "b"}]}
    ]


def test_some_of_several_entries_fail_and_the_rest_are_accepted(scene: Scene) -> None:
    scene.aws.set(partial_put_events("ThrottlingException"))

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
    scene.aws.set(fault)

    scene.call("dynamodb")

    assert scene.fired() == []


def test_presigned_url_bypasses_faults(scene: Scene) -> None:
    scene.callers[0] = None  # no worker sent the request
    scene.aws.set(throttle("s3"), lost("s3"))

    scene.call("s3")

    assert scene.fired() == []


def test_setting_faults_resets_random_draws_to_seed(scene: Scene) -> None:
    client = scene.client("ssm")

    def outcomes() -> list[bool]:
        scene.aws.set(throttle("ssm", probability=0.5))
        succeeded = []
        for _ in range(20):
            try:
                CALLS["ssm"](client)
            except ClientError:
                succeeded.append(False)
            else:
                succeeded.append(True)
        return succeeded

    first = outcomes()

    assert outcomes() == first
    assert True in first
    assert False in first


def test_fault_of_unknown_service_raises_error() -> None:
    with pytest.raises(LocalError, match="sqs"):
        outage("sqs")
