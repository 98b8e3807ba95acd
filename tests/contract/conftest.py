"""Fixtures: AWS in memory (moto) and the provider simulator; only loopback sockets are allowed."""

from collections.abc import Generator
from typing import Final

import boto3
import pytest
import requests
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client
from pytest_socket import enable_socket, socket_allow_hosts

from darkroom.adapters.wavespeed.client import WaveSpeed
from simulator import testing
from simulator.options import Options
from tests.contract.scripted_http import Keys
from tests.contract.simulator_calls import Connect
from tests.contract.stores import (
    Stores,
    dynamodb_stores,
    in_memory_stores,
    reject_invalid_expressions,
)
from tests.infra.template import properties

REGION: Final = "eu-central-1"
TABLE: Final = "darkroom"


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
    """Patch botocore once per file, because patching takes longer than most tests."""
    with mock_aws():
        yield


@pytest.fixture
def aws(moto: None, credentials: None) -> None:
    """Reset the AWS account to an empty one."""
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5).raise_for_status()


@pytest.fixture
def s3(aws: None) -> S3Client:
    """Return an S3 client with a versioned bucket `assets` and an unversioned bucket `plain`."""
    client = boto3.client("s3")
    for bucket in ("assets", "plain"):
        client.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
    client.put_bucket_versioning(Bucket="assets", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:
    """Return a DynamoDB client with the table of the template."""
    client, table = boto3.client("dynamodb"), properties("Table")
    client.create_table(
        TableName=TABLE,
        BillingMode=table["BillingMode"],
        AttributeDefinitions=table["AttributeDefinitions"],
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
    )
    reject_invalid_expressions(client)
    return client


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Return the ports over the table, once in memory and once over DynamoDB."""
    if request.param == "memory":
        return in_memory_stores()
    return dynamodb_stores(request.getfixturevalue("dynamodb"), TABLE)


@pytest.fixture(scope="session")
def shared_simulator() -> Generator[testing.Provider]:
    with testing.running(time_scale=0) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: testing.Provider) -> Generator[testing.Provider]:
    """Return the shared simulator; its state and options are reset after the test."""
    yield shared_simulator
    shared_simulator.reset()
    shared_simulator.options(**Options(time_scale=0).model_dump())


@pytest.fixture
def connect(simulator: testing.Provider) -> Generator[Connect]:
    """Return a factory of adapters for given keys; their connections are closed after the test."""
    adapters: list[WaveSpeed] = []

    def connect(keys: Keys) -> WaveSpeed:
        adapters.append(WaveSpeed(simulator.provider_url, keys))
        return adapters[-1]

    yield connect
    for adapter in adapters:
        adapter._checks.close()
        adapter._submits.close()


@pytest.fixture
def provider(simulator: testing.Provider, connect: Connect) -> WaveSpeed:
    return connect(Keys(simulator.key))
