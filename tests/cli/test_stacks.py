"""The stack of the operator's commands: the local stack of a checkout, or a stack on AWS."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError
from moto import mock_aws

from darkroom_cli import main
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.operator import stack
from darkroom_cli.operator.stack import Stack, find
from tests.infra.template import properties

LOCAL = {
    "emulator_url": "http://127.0.0.1:1",
    "region": "us-east-1",
    "access_key_id": "test",
    "secret_access_key": "test",
    "stack_name": "darkroom",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a checkout in which no stack is up."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("PWD", str(tmp_path))
    for name in ("template.yaml", "Makefile"):
        (tmp_path / name).touch()
    return tmp_path


class CloudFormation:
    """A fake of a session and its client of CloudFormation, with one stack."""

    def client(self, _service: str, **_options: Any) -> "CloudFormation":
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        return {"Stacks": [{"Outputs": [{"OutputKey": "TableName", "OutputValue": StackName}]}]}

    def get_paginator(self, _operation: str) -> "CloudFormation":
        return self

    def paginate(self, *, StackName: str) -> Any:  # noqa: N803
        kinds = {"function": "AWS::Lambda::Function", "queue": "AWS::SQS::Queue"}
        for name, kind in kinds.items():
            resource = {
                "LogicalResourceId": name,
                "PhysicalResourceId": f"{StackName}-{name}",
                "ResourceType": kind,
            }
            yield {"StackResourceSummaries": [resource]}


def test_default_is_the_local_stack(checkout: Path) -> None:
    (checkout / ".local").mkdir()
    (checkout / ".local" / "stack.json").write_text(json.dumps(LOCAL))

    for name in (None, ""):  # `make key STACK=`
        local = find(name, checkout)
        assert local.name == "darkroom"
        assert local.client("dynamodb").meta.endpoint_url == LOCAL["emulator_url"]


def test_named_stack_is_on_aws(checkout: Path) -> None:
    production = find("production", checkout)

    assert production.name == "production"
    url = production.client("dynamodb").meta.endpoint_url
    assert url == "https://dynamodb.eu-central-1.amazonaws.com"


def test_missing_local_stack_is_reported_with_the_remedy(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["keys", "list", "--stack", "local"]) == Exit.NO_TARGET

    error = capsys.readouterr().err
    assert "No local stack is up" in error
    assert "make up" in error
    assert "--stack" in error


def test_outputs_and_functions_are_read_from_the_stack() -> None:
    production = Stack(CloudFormation(), "production")

    assert production.output("TableName") == "production"
    assert production.functions() == {"production-function"}
    with pytest.raises(CliError, match="production is not a Darkroom stack"):
        production.output("DeadLettersUrl")


def test_invoke_timeout_covers_the_functions_and_has_no_retry() -> None:
    config = Stack(boto3.Session(region_name="us-east-1"), "x").client("lambda").meta.config

    assert config.read_timeout >= max(
        properties(name)["Timeout"] for name in ("OnUploadFunction", "OnRequestFunction")
    )
    assert config.retries["total_max_attempts"] == 1


@pytest.mark.parametrize("error", [NoCredentialsError(), NoRegionError()])
def test_missing_credentials_are_reported_with_the_remedy(
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr(stack, "find", fail)

    assert main.run(["keys", "list", "--stack", "production"]) == Exit.NO_TARGET
    message, hint = capsys.readouterr().err.splitlines()
    assert message == f"darkroom: {error}"
    assert "AWS_DEFAULT_REGION" in hint


def test_missing_stack_is_reported_with_its_name_and_region() -> None:
    session = boto3.Session("test", "test", region_name="eu-central-1")
    with mock_aws(), pytest.raises(CliError) as raised:
        Stack(session, "production").output("TableName")

    assert raised.value.message == "There is no stack production in eu-central-1."
    assert raised.value.code is Exit.NO_TARGET
