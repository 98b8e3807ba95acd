"""Encryption of what is stored: with AWS's keys by default, with one key of the owner if given."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.expand import Resolver
from tests.infra.template import ROOT
from tests.infra.test_sam_translation import expanded, resources_of
from tests.infra.test_stack_parameters import KEY

pytestmark = pytest.mark.linters

# The types of resources that store what callers send, or secrets.
STORES = {
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::SQS::Queue",
    "AWS::Logs::LogGroup", "AWS::Events::Archive",
}  # fmt: skip
# Types without such data: code, rules and names. The states of executions have ids and counters.
OTHERS = {
    "AWS::Events::EventBusPolicy",
    "AWS::ApiGateway::Deployment", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage",
    "AWS::CloudFormation::Stack", "AWS::Events::EventBus", "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function", "AWS::Lambda::Permission", "AWS::Logs::SubscriptionFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter", "AWS::StepFunctions::StateMachine",
}  # fmt: skip


def stores(key: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield type, logical id and properties of each store, with this value of KmsKeyArn."""
    resolver = Resolver(
        expanded(), "images", "eu-central-1", "123456789012", parameters={"KmsKeyArn": key}
    )
    for name, resource in expanded()["Resources"].items():
        if resource["Type"] in STORES:
            yield resource["Type"], name, resolver.resolve(resource["Properties"])


def test_every_type_of_resource_is_known_to_store_data_or_not() -> None:
    types = {resource["Type"] for resource in expanded()["Resources"].values()}

    assert types <= STORES | OTHERS
    assert types >= STORES


def test_every_store_uses_the_key_of_the_owner() -> None:
    for kind, name, properties in stores(KEY):
        match kind:
            case "AWS::S3::Bucket":
                (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
                assert rule == {"ServerSideEncryptionByDefault": by_key, "BucketKeyEnabled": True}
            case "AWS::DynamoDB::Table":
                assert properties["SSESpecification"] == {
                    "SSEEnabled": True,
                    "SSEType": "KMS",
                    "KMSMasterKeyId": KEY,
                }
            case "AWS::SQS::Queue":
                assert properties["KmsMasterKeyId"] == KEY
                assert "SqsManagedSseEnabled" not in properties  # SQS refuses both
            case "AWS::Events::Archive":
                assert properties["KmsKeyIdentifier"] == KEY
            case _:
                assert properties["KmsKeyId"] == KEY, name


def test_stores_use_keys_of_aws_by_default() -> None:
    for kind, _, properties in stores(""):
        assert "kms:" not in str(properties).replace("aws:kms", "kms:")
        match kind:
            case "AWS::S3::Bucket":
                (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            case "AWS::DynamoDB::Table":
                assert properties["SSESpecification"] == {"SSEEnabled": True}
            case "AWS::SQS::Queue":
                assert properties["SqsManagedSseEnabled"] is True
            case _:
                assert not properties.keys() & {"KmsKeyId", "KmsKeyIdentifier"}


def test_every_role_may_use_the_key() -> None:
    """One policy names the roles, so a new function must be added to it."""
    policy = resources_of("AWS::IAM::ManagedPolicy")["KmsKeyPolicy"]

    # A role with a condition is in both branches of an !If.
    named = [role["Fn::If"][1] if "Fn::If" in role else role for role in policy["Roles"]]
    assert sorted(role["Ref"] for role in named) == sorted(resources_of("AWS::IAM::Role"))
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= set(statement["Action"])
    assert expanded()["Resources"]["KmsKeyPolicy"]["Condition"] == "HasKmsKey"


def test_policy_of_the_key_allows_the_services_that_write_to_the_stores() -> None:
    policy = json.loads((ROOT / "docs/examples/kms-key-policy.json").read_text())
    statements = [s for s in policy["Statement"] if "Service" in s["Principal"]]

    assert {statement["Principal"]["Service"] for statement in statements} == {
        "logs.eu-central-1.amazonaws.com", "delivery.logs.amazonaws.com", "events.amazonaws.com",
    }  # fmt: skip
    for statement in statements:
        only_describes = statement["Action"] == "kms:DescribeKey"
        assert only_describes or "123456789012" in str(statement["Condition"])
