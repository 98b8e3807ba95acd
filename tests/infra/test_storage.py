"""What is kept: closed, encrypted, and still there when the stack is gone."""

import re

import pytest

from tests.infra.policies import name
from tests.infra.template import ROOT, properties, resources, template

BUCKETS = list(resources("AWS::S3::Bucket"))
# What callers and local/ read, and so must not lose its name.
OUTPUTS = {
    "EventBusName",
    "EventBusArn",
    "AssetsBucketName",
    "TableName",
    "StateMachineArn",
    "ProviderKeyArn",
    "DeadLettersUrl",
}


@pytest.mark.parametrize("resource", [*BUCKETS, "Table"])
def test_data_outlives_the_stack(resource: str) -> None:
    given = template()["Resources"][resource]

    assert given["DeletionPolicy"] == "Retain"
    assert given["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_closed_to_the_public_in_all_four_ways(bucket: str) -> None:
    assert properties(bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties(bucket)["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_encrypted_and_versioned(bucket: str) -> None:
    (rule,) = properties(bucket)["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    assert properties(bucket)["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_forgets_uploads_that_were_never_finished(bucket: str) -> None:
    rules = properties(bucket)["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]

    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule


def test_kept_references_go_with_their_records_and_assets_stay() -> None:
    rules = properties("AssetsBucket")["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]

    assert [(r["Prefix"], r["ExpirationInDays"]) for r in expiring] == [
        ("references/", {"Ref": "RecordRetentionDays"})
    ]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_refuses_plain_http(bucket: str) -> None:
    (policy,) = [
        p
        for p in resources("AWS::S3::BucketPolicy").values()
        if p["Properties"]["Bucket"] == {"Ref": bucket}
    ]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]

    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Action"] == "s3:*"
    targets = {name(target) for target in statement["Resource"]}
    assert targets == {f"{bucket}.Arn", f"${{{bucket}.Arn}}/*"}
    assert policy["Condition"] == "RefuseHttp"


def test_plain_http_is_refused_unless_an_emulator_asks_otherwise() -> None:
    assert template()["Parameters"]["TlsOnly"]["Default"] == "true"
    assert template()["Conditions"]["RefuseHttp"] == {"Fn::Equals": [{"Ref": "TlsOnly"}, "true"]}


def test_every_queue_is_encrypted_and_keeps_messages_as_long_as_it_can() -> None:
    for queue in resources("AWS::SQS::Queue"):
        assert properties(queue)["SqsManagedSseEnabled"] is True
        assert properties(queue)["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_records_expire_can_be_restored_and_are_encrypted() -> None:
    table = properties("Table")

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_the_stack_says_what_a_caller_needs() -> None:
    outputs = template()["Outputs"]

    assert set(outputs) >= OUTPUTS
    assert all(output["Description"] for output in outputs.values())


def test_what_the_local_stack_reads_of_the_outputs_is_there() -> None:
    sources = [path.read_text() for path in (ROOT / "local").glob("*.py")]
    read = {key for text in sources for key in re.findall(r'outputs\["(\w+)"\]', text)}

    assert read
    assert read <= set(template()["Outputs"])


def test_every_parameter_says_what_it_is_for() -> None:
    parameters = template()["Parameters"]

    assert all(p["Description"] and p["Type"] for p in parameters.values())
    assert [n for n, p in parameters.items() if "Default" not in p] == ["ProviderApiKey"]
