"""The target of the key commands: the local stack or a named stack on AWS."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from local import keys, paths
from tests.local_stack.test_stack import STACK


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("STACK", raising=False)


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the address file of a running stack."""
    path = tmp_path / "stack.json"
    STACK.write(path)
    monkeypatch.setattr(paths, "STACK_FILE", path)
    return path


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return a stubber for CloudFormation."""
    client = boto3.client("cloudformation")
    original = boto3.client

    def choose(service: str) -> Any:
        return client if service == "cloudformation" else original(service)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", choose)
    with Stubber(client) as stubber:
        yield stubber


def stack_description(name: str, outputs: dict[str, str]) -> dict[str, Any]:
    entries = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    created = {"CreationTime": datetime(2026, 11, 22, tzinfo=UTC), "StackStatus": "CREATE_COMPLETE"}
    return {"Stacks": [{"StackName": name, "Outputs": entries, **created}]}


def error_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr("sys.argv", ["local.keys", "list"])
    assert keys.main() == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("name", [None, ""])
def test_default_target_is_the_local_stack(
    up: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    if name is not None:  # `make key STACK=`
        monkeypatch.setenv("STACK", name)

    client, table = keys.target()

    assert table == STACK.table
    assert client.meta.endpoint_url == STACK.emulator_url


def test_named_stack_gives_its_table_on_aws(
    up: Path, stacks: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = stack_description("production", {"TableName": "production-table"})
    stacks.add_response("describe_stacks", response, {"StackName": "production"})
    monkeypatch.setenv("STACK", "production")

    client, table = keys.target()

    assert table == "production-table"
    assert client.meta.endpoint_url == "https://dynamodb.us-east-1.amazonaws.com"


def test_missing_named_stack_is_reported_in_one_line(
    stacks: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "Stack with id production does not exist"
    stacks.add_client_error("describe_stacks", "ValidationError", message)
    monkeypatch.setenv("STACK", "production")

    output = error_output(monkeypatch, capsys)

    assert message in output


def test_stack_of_another_product_is_refused(
    stacks: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.add_response("describe_stacks", stack_description("website", {"BucketName": "pages"}))
    monkeypatch.setenv("STACK", "website")

    output = error_output(monkeypatch, capsys)

    assert output == ("failed: STACK=website is not a Darkroom stack: it has no output TableName\n")


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"), NoCredentialsError()]
)
def test_connection_or_credential_error_is_reported_in_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example, a killed stack leaves its address file behind."""

    def fail() -> Any:
        raise error

    monkeypatch.setattr(keys, "target", fail)

    assert error_output(monkeypatch, capsys) == f"failed: {error}\n"
