"""Which stack keys are made for: the one that is up here, or a named one on AWS."""

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
    """Return where a stack that is up has written its addresses."""
    path = tmp_path / "stack.json"
    STACK.write(path)
    monkeypatch.setattr(paths, "STACK_FILE", path)
    return path


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return what CloudFormation is to answer."""
    client = boto3.client("cloudformation")
    other = boto3.client

    def choose(service: str) -> Any:
        return client if service == "cloudformation" else other(service)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", choose)
    with Stubber(client) as stubber:
        yield stubber


def described(name: str, outputs: dict[str, str]) -> dict[str, Any]:
    told = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    created = {"CreationTime": datetime(2026, 11, 22, tzinfo=UTC), "StackStatus": "CREATE_COMPLETE"}
    return {"Stacks": [{"StackName": name, "Outputs": told, **created}]}


def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr("sys.argv", ["local.keys", "list"])
    assert keys.main() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("name", [None, ""])
def test_unless_said_otherwise_it_is_the_stack_that_is_up(
    up: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    if name is not None:  # `make key STACK=`
        monkeypatch.setenv("STACK", name)

    client, table = keys.target()

    assert table == STACK.table
    assert client.meta.endpoint_url == STACK.emulator_url


def test_a_named_stack_is_asked_for_its_table_on_aws(
    up: Path, stacks: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = described("production", {"TableName": "production-table"})
    stacks.add_response("describe_stacks", answer, {"StackName": "production"})
    monkeypatch.setenv("STACK", "production")

    client, table = keys.target()

    assert table == "production-table"
    assert client.meta.endpoint_url == "https://dynamodb.us-east-1.amazonaws.com"


def test_a_named_stack_that_is_not_there_is_said_in_one_sentence(
    stacks: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said_by_aws = "Stack with id production does not exist"
    stacks.add_client_error("describe_stacks", "ValidationError", said_by_aws)
    monkeypatch.setenv("STACK", "production")

    said = fails(monkeypatch, capsys)

    assert "Stack with id production does not exist" in said


def test_a_stack_of_something_else_is_said_to_be_that(
    stacks: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.add_response("describe_stacks", described("website", {"BucketName": "pages"}))
    monkeypatch.setenv("STACK", "website")

    said = fails(monkeypatch, capsys)

    assert said == "failed: STACK=website: that is no Darkroom, it has no output TableName\n"


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"), NoCredentialsError()]
)
def test_what_does_not_answer_is_said_in_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a stack that was killed, and left its addresses behind."""

    def fail() -> Any:
        raise error

    monkeypatch.setattr(keys, "target", fail)

    assert fails(monkeypatch, capsys) == f"failed: {error}\n"
