"""boto3's calls through microburst: what it lets pass is exact, and what it breaks is AWS's way."""

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
from reliability.aws_faults import AwsFaults, proxied
from reliability.faults import Fault, error, lost, outage, partial_put_events, reset, slow, throttle
from reliability.http_messages import Answer, Request, forward
from reliability.proxy import Proxy, Visit
from reliability.route import FUNCTION

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ODD_KEY = "/a b+c%41 & (d)/ü 写真 ?.webp"
CALLS: dict[str, Callable[[Any], object]] = {
    "dynamodb": lambda c: c.get_item(TableName="t", Key={"pk": {"S": "x"}}),
    "events": lambda c: c.put_events(Entries=[{"Detail": "a"}]),
    "s3": lambda c: c.put_object(Bucket="b", Key=ODD_KEY, Body=b"x" * 100_000),
    "secretsmanager": lambda c: c.get_secret_value(SecretId="s"),
    "ssm": lambda c: c.get_parameter(Name="n"),
    "stepfunctions": lambda c: c.start_execution(stateMachineArn="arn", name="n"),
}


class Emulator:
    """Takes everything, and keeps it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def serve(self, visit: Visit) -> Answer:
        self.requests.append(visit.request)
        is_s3 = "/s3/" in visit.request.header("Authorization")
        length = (("Content-Length", "123"),) if visit.request.method == "HEAD" else ()
        return Answer(200, length, b"" if is_s3 else b"{}", "OK")


class Scene(NamedTuple):
    emulator: Emulator
    aws: AwsFaults
    url: str

    def client(self, service: Any, *, as_worker: bool = True) -> Any:
        """One that tries once; a worker's unless told otherwise."""
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
            proxied(Running(stack, children), server.url, seed=7) as aws,
            # As the guillotine does, which knows whose request it is.
            Proxy(
                lambda visit: forward(aws.url, visit.request.with_headers({FUNCTION: "Submit"}))
            ) as named,
        ):
            yield Scene(emulator, aws, named.url)


@pytest.fixture
def scene(running_microburst: Scene) -> Scene:
    running_microburst.aws.set()
    running_microburst.aws.forget()
    running_microburst.emulator.requests.clear()
    return running_microburst


@pytest.mark.parametrize("service", CALLS)
def test_without_faults_a_call_arrives_as_it_was_signed(scene: Scene, service: str) -> None:
    scene.call(service)
    CALLS[service](scene.client(service, as_worker=False))

    through, straight = scene.emulator.requests
    assert (through.method, through.target) == (straight.method, straight.target)
    assert through.body == straight.body
    assert through.header("Host") == scene.url.removeprefix("http://")
    signed = through.header("Authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert all(through.header(name) for name in signed)
    assert scene.fired() == []


def test_an_answer_keeps_its_length_without_a_body(scene: Scene) -> None:
    assert scene.client("s3").head_object(Bucket="b", Key="k")["ContentLength"] == 123


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("fault", [throttle, outage])
def test_a_service_fails_in_its_own_words(
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


def test_any_error_can_be_asked_for(scene: Scene) -> None:
    scene.aws.set(error("dynamodb", "GetItem", "TransactionInProgressException", 400))

    with pytest.raises(ClientError, match="TransactionInProgressException"):
        scene.call("dynamodb")


def test_a_large_upload_is_refused_as_well(scene: Scene) -> None:
    scene.aws.set(throttle("s3"))

    with pytest.raises(ClientError, match="SlowDown"):
        scene.client("s3").put_object(Bucket="b", Key="k", Body=bytes(20_000_000))


def test_a_connection_is_reset_before_anything_was_done(scene: Scene) -> None:
    scene.aws.set(reset("dynamodb"))

    with pytest.raises(ConnectionClosedError):
        scene.call("dynamodb")

    assert scene.emulator.requests == []
    assert scene.fired() == ["dynamodb *: reset"]


def test_an_answer_is_lost_after_it_was_done(scene: Scene) -> None:
    scene.aws.set(lost("dynamodb", "GetItem", times=1))

    with pytest.raises(ConnectionClosedError):
        scene.call("dynamodb")
    scene.call("dynamodb")

    assert len(scene.emulator.requests) == 2
    assert scene.fired() == ["dynamodb GetItem: lost"]


def test_what_is_too_slow_is_done_all_the_same(scene: Scene) -> None:
    scene.aws.set(slow("dynamodb", milliseconds=(1200, 1200), times=1))

    with pytest.raises(ReadTimeoutError):
        scene.call("dynamodb")
    until(lambda: scene.emulator.requests or None, seconds=10, what="the late call")
    scene.call("dynamodb")

    assert len(scene.emulator.requests) == 2
    assert scene.fired() == ["dynamodb *: slow"]


def test_an_event_is_refused_inside_an_answer_of_200(scene: Scene) -> None:
    scene.aws.set(partial_put_events(times=1))

    refused, taken = (
        scene.client("events").put_events(Entries=[{"Detail": "a"}]) for _ in range(2)
    )

    assert refused["FailedEntryCount"] == 1
    assert "FailedEntryCount" not in taken
    assert [json.loads(request.body) for request in scene.emulator.requests] == [
        {"Entries": [{"Detail": "a"}]}
    ]


def test_other_functions_are_spared(scene: Scene) -> None:
    scene.aws.set(throttle("dynamodb", function="Sub"), lost("dynamodb", function="Check"))

    scene.call("dynamodb")

    assert scene.fired() == []


def test_who_follows_a_presigned_url_is_spared(scene: Scene) -> None:
    url = scene.client("s3", as_worker=False).generate_presigned_url(
        "get_object", {"Bucket": "b", "Key": ODD_KEY}
    )
    scene.aws.set(throttle("s3"), lost("s3"))

    assert httpx.get(url, trust_env=False).status_code == 200

    assert scene.emulator.requests[0].target == url.removeprefix(scene.aws.url)


def test_a_set_of_faults_begins_at_the_seed(scene: Scene) -> None:
    client = scene.client("ssm")

    def outcomes() -> list[bool]:
        scene.aws.set(throttle("ssm", probability=0.5))
        told = []
        for _ in range(20):
            try:
                CALLS["ssm"](client)
            except ClientError:
                told.append(False)
            else:
                told.append(True)
        return told

    first = outcomes()

    assert outcomes() == first
    assert True in first
    assert False in first
