"""AWS in memory (moto), a provider on this machine, and no other machine at all."""

from collections.abc import Generator
from typing import Final

import boto3
import pytest
import requests
from hypothesis import HealthCheck, settings
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client
from pytest_socket import enable_socket, socket_allow_hosts

from darkroom.adapters.wavespeed import WaveSpeed
from local.provider import testing
from local.provider.options import Options
from tests.contract.scripted_http import Keys
from tests.contract.simulated import Connect
from tests.contract.stores import Stores, be_strict, in_memory, over
from tests.infra.template import properties

REGION: Final = "eu-central-1"
TABLE: Final = "darkroom"

settings.register_profile(
    "contract",
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def loopback_only() -> Generator[None]:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"])
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(scope="module")
def moto() -> Generator[None]:
    """Patch botocore once for a file: that takes longer than most of its tests."""
    with mock_aws():
        yield


@pytest.fixture
def aws(moto: None, credentials: None) -> None:
    """Give an account without anything in it."""
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5).raise_for_status()


@pytest.fixture
def s3(aws: None) -> S3Client:
    """S3 with a bucket `assets` that keeps versions, and one `plain` that does not."""
    client = boto3.client("s3")
    for bucket in ("assets", "plain"):
        client.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
    client.put_bucket_versioning(Bucket="assets", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:
    """DynamoDB with the template's table."""
    client, table = boto3.client("dynamodb"), properties("Table")
    client.create_table(
        TableName=TABLE,
        BillingMode=table["BillingMode"],
        AttributeDefinitions=table["AttributeDefinitions"],
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
    )
    be_strict(client)
    return client


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Give the table's ports twice: one suite for both."""
    if request.param == "memory":
        return in_memory()
    return over(request.getfixturevalue("dynamodb"), TABLE)


@pytest.fixture(scope="session")
def running() -> Generator[testing.Provider]:
    with testing.running(time_scale=0) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: testing.Provider) -> Generator[testing.Provider]:
    """Give the simulator as if just started."""
    yield running
    running.reset()
    running.options(**Options(time_scale=0).model_dump())


@pytest.fixture
def connect(simulator: testing.Provider) -> Generator[Connect]:
    """Make adapters with keys of one's choice; their connections are closed at the end."""
    made: list[WaveSpeed] = []

    def connect(keys: Keys) -> WaveSpeed:
        made.append(WaveSpeed(simulator.provider_url, keys))
        return made[-1]

    yield connect
    for adapter in made:
        adapter._checks.close()
        adapter._submits.close()


@pytest.fixture
def provider(simulator: testing.Provider, connect: Connect) -> WaveSpeed:
    return connect(Keys(simulator.key))
