"""`darkroom destroy`: what is deleted, what is kept, and the confirmation."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from darkroom_cli import main
from darkroom_cli.errors import Exit
from darkroom_cli.operator import stack
from tests.infra.template import properties, template

TABLE, ASSETS, INBOX = "images-Table", "images-assets", "images-inbox"
NAMES = (TABLE, ASSETS, INBOX)
# The type, the logical id and the name of each resource.
RESOURCES = [
    ("AWS::DynamoDB::Table", "Table", TABLE),
    ("AWS::S3::Bucket", "AssetsBucket", ASSETS),
    ("AWS::S3::Bucket", "InboxBucket", INBOX),
    ("AWS::S3::Bucket", "AuditBucket", "images-audit"),
    ("AWS::Lambda::Function", "ApiFunction", "images-ApiFunction"),
]

type Destroy = Callable[..., int]


class Formation:
    """A fake of CloudFormation, which keeps the data of a deleted stack."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.description = template()["Description"]
        self.resources = list(RESOURCES)

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        """Return a stack without outputs, as after a failed creation."""
        return {"Stacks": [{"StackName": StackName, "Description": self.description}]}

    def get_paginator(self, _name: str) -> Any:
        summaries = [
            {"ResourceType": kind, "LogicalResourceId": logical, "PhysicalResourceId": name}
            for kind, logical, name in self.resources
        ]
        page = {"StackResourceSummaries": summaries}
        return type("Pages", (), {"paginate": lambda *_, **__: iter([page])})()

    def delete_stack(self, *, StackName: str) -> None:  # noqa: N803
        self.deleted.append(StackName)

    def get_waiter(self, _name: str) -> Any:
        return type("Waiter", (), {"wait": lambda *_, **__: None})()


class FakeStack(stack.Stack):
    """The stack with clients of moto, except for CloudFormation."""

    def __init__(self, formation: Formation) -> None:
        super().__init__(None, "images")
        self.formation = formation

    def client(self, service: Any) -> Any:
        return self.formation if service == "cloudformation" else boto3.client(service)


@pytest.fixture
def formation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Formation]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fake = Formation()
    monkeypatch.setattr(stack, "find", lambda *_: FakeStack(fake))
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (ASSETS, INBOX):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            for body in (b"1", b"2"):
                s3.put_object(Bucket=bucket, Key="photo.png", Body=body)
            s3.delete_object(Bucket=bucket, Key="photo.png")
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=properties("Table")["DeletionProtectionEnabled"],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        yield fake


def left() -> tuple[int, int]:
    """Return the number of buckets and tables."""
    buckets = boto3.client("s3").list_buckets()["Buckets"]
    return len(buckets), len(boto3.client("dynamodb").list_tables()["TableNames"])


def test_stack_and_all_versions_of_its_data_are_deleted(
    formation: Formation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["destroy", "--stack", "images", "--yes"]) == Exit.DONE

    assert formation.deleted == ["images"]
    assert left() == (0, 0)
    out, err = capsys.readouterr()
    assert all(name in out and name in err for name in NAMES)
    assert "images-audit" not in out + err


def test_data_is_kept_if_asked(formation: Formation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["destroy", "--stack", "images", "--keep-data", "--yes"]) == Exit.DONE

    assert (formation.deleted, left()) == (["images"], (2, 1))
    assert f"kept the table {TABLE}" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "deleted"), [("images", ["images"]), ("other", [])])
def test_name_of_the_stack_confirms(
    formation: Formation, monkeypatch: pytest.MonkeyPatch, answer: str, deleted: list[str]
) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: answer)

    code = main.run(["destroy", "--stack", "images"])

    assert formation.deleted == deleted
    assert (code == Exit.DONE) is bool(deleted)


def test_data_that_is_already_gone_is_no_error(formation: Formation) -> None:
    dynamodb = boto3.client("dynamodb")
    dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=TABLE)

    assert main.run(["destroy", "--stack", "images", "--yes"]) == Exit.DONE
    assert left() == (0, 0)


def test_rest_of_a_failed_creation_is_deleted(formation: Formation) -> None:
    """Its stack has no outputs, and only some of the resources."""
    formation.resources = RESOURCES[:2]

    assert main.run(["destroy", "--stack", "images", "--yes"]) == Exit.DONE

    assert formation.deleted == ["images"]
    assert left() == (1, 0)  # the other bucket does not belong to the stack


def test_stack_of_another_product_is_refused(
    formation: Formation, capsys: pytest.CaptureFixture[str]
) -> None:
    formation.description = "Another product"

    assert main.run(["destroy", "--stack", "images", "--yes"]) == Exit.NO_TARGET

    assert (formation.deleted, left()) == ([], (2, 1))
    assert "not a Darkroom stack" in capsys.readouterr().err
