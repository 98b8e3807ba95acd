"""boto3 calls through microburst: requests pass unchanged, and faults look like AWS errors."""

import json
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.emulator import ROOT_KEY
from local.processes import Supervisor
from local.stack import Running
from local.waiting import until
from reliability.aws_faults import AwsFaults, microburst_proxies
from reliability.faults import Fault, lost, outage, partial_put_events, reset, slow, throttle
from reliability.http_messages import Request, Response, forward
from reliability.proxy import ProxiedRequest, Proxy
from reliability.route import FUNCTION_HEADER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

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


class Scene(NamedTuple):
    emulator: Emulator
    aws: AwsFaults
    url: str

    def client(self, service: Any, *, as_worker: bool = True) -> Any:
        """Return a client that makes one attempt, by default as a worker."""
        config = Config(retries={"total_max_attempts": 1}, read_timeout=1)
        if service == "s3":
            config = config.merge(Config(signature_version="s3v4"))
        session = boto3.Session(ROOT_KEY, ROOT_KEY, region_name="us-east-1")
        url = self.url if as_worker else self.aws.url
        return session.client(service, endpoint_url=url, config=config)

    def call(self, service: str) -> object:
        return CALLS[service](self.client(service))

    def fired(self) -> list[str]:
        return [str(fired.fault) for fired in self.aws.fired]


@pytest.fixture(scope="module")
def running_microburst(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    emulator = Emulator()
    with Proxy(emulator.serve) as server:
        children = Supervisor(tmp_path_factory.mktemp("logs"))
        stack: Any = SimpleNamespace(client=lambda _service: None)
        with (
            children,
            microburst_proxies(Running(stack, children), server.url, seed=7) as aws,
            # Stands in for the worker killer, which adds the name of the function.
            Proxy(
                lambda proxied: forward(
                    aws.url, proxied.request.with_headers({FUNCTION_HEADER: "Submit"})
                )
            ) as worker_proxy,
        ):
            yield Scene(emulator, aws, worker_proxy.url)


@pytest.fixture
def scene(running_microburst: Scene) -> Scene:
    running_microburst.aws.set()
    running_microburst.aws.reset()
    running_microburst.emulator.requests.clear()
    return running_microburst


@pytest.mark.parametrize("service", CALLS)
def test_call_without_faults_arrives_unchanged(scene: Scene, service: str) -> None:
    scene.call(service)
    CALLS[service](scene.client(service, as_worker=False))

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


def test_large_upload_is_throttled(scene: Scene) -> None:
    scene.aws.set(throttle("s3"))

    with pytest.raises(ClientError, match="SlowDown"):
        scene.client("s3").put_object(Bucket="b", Key="k", Body=bytes(20_000_000))


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


def test_partial_put_events_returns_200_with_failed_entry(scene: Scene) -> None:
    scene.aws.set(partial_put_events(times=1))

    rejected, accepted = (
        scene.client("events").put_events(Entries=[{"Detail": "a"}]) for _ in range(2)
    )

    assert rejected["FailedEntryCount"] == 1
    assert "FailedEntryCount" not in accepted
    assert [json.loads(request.body) for request in scene.emulator.requests] == [
        {"Entries": [{"Detail": "a"}]}
    ]


def test_fault_of_another_function_does_not_fire(scene: Scene) -> None:
    scene.aws.set(throttle("dynamodb", function="Sub"), lost("dynamodb", function="Check"))

    scene.call("dynamodb")

    assert scene.fired() == []


def test_presigned_url_bypasses_faults(scene: Scene) -> None:
    url = scene.client("s3", as_worker=False).generate_presigned_url(
        "get_object", {"Bucket": "b", "Key": SPECIAL_KEY}
    )
    scene.aws.set(throttle("s3"), lost("s3"))

    assert httpx.get(url, trust_env=False).status_code == 200

    assert scene.emulator.requests[0].target == url.removeprefix(scene.aws.url)


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
