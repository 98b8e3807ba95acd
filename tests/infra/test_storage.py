"""What is kept: closed, encrypted, and still there when the stack is gone."""

import re
from datetime import date

import pytest

from darkroom.adapters import items
from darkroom.domain.job import Job
from tests.infra.policies import name
from tests.infra.template import ROOT, properties, resources, template

BUCKETS = list(resources("AWS::S3::Bucket"))
# What callers and local/ read, and so must not lose its name.
OUTPUTS = {
    "ApiUrl",
    "ApiId",
    "InboxBucketName",
    "OnRequestFunctionArn",
    "EventBusName",
    "EventBusArn",
    "AssetsBucketName",
    "TableName",
    "StateMachineArn",
    "ProviderKeyArn",
    "DeadLettersUrl",
    "SubmitsFlagName",
    "WebhooksFlagName",
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


def test_references_uploads_and_notes_go_with_the_records_and_assets_stay() -> None:
    rules = properties("AssetsBucket")["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]

    assert [(r["Prefix"], r["ExpirationInDays"]) for r in expiring] == [
        ("references/", {"Ref": "RecordRetentionDays"}),
        ("uploads/", {"Ref": "RecordRetentionDays"}),
        ("batches/", {"Ref": "RecordRetentionDays"}),
        ("errors/", {"Ref": "RecordRetentionDays"}),
    ]
    for rule in expiring:  # in a bucket with versions, what expires only hides
        assert rule["Status"] == "Enabled"
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_the_inbox_tells_of_every_upload_and_never_deletes_one() -> None:
    inbox = properties("InboxBucket")

    told = inbox["NotificationConfiguration"]
    assert told == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert not [r for r in inbox["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in r]


def test_the_bucket_of_the_outputs_starts_nothing() -> None:
    assert "NotificationConfiguration" not in properties("AssetsBucket")


def test_pages_may_follow_a_presigned_url_and_no_other_origin_may_call_the_api_unasked() -> None:
    (rule,) = properties("AssetsBucket")["CorsConfiguration"]["CorsRules"]

    assert rule["AllowedOrigins"] == ["*"]  # the studio's own origin is not known to the bucket
    assert set(rule["AllowedMethods"]) == {"GET", "PUT"}
    assert rule["AllowedHeaders"] == ["*"]  # what is signed decides, and it varies
    assert template()["Parameters"]["AllowedOrigin"]["Default"] == ""


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
    assert policy["Condition"] == "EnforceTls"


def test_plain_http_is_refused_unless_an_emulator_asks_otherwise() -> None:
    assert template()["Parameters"]["TlsOnly"]["Default"] == "true"
    assert template()["Conditions"]["EnforceTls"] == {"Fn::Equals": [{"Ref": "TlsOnly"}, "true"]}


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


def test_jobs_are_listed_by_caller_by_time_and_by_what_is_due_from_indexes_of_keys() -> None:
    """So that a change of a record, of which a job has many, writes no other index."""
    table = properties("Table")
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}

    keys = {name: schema(index["KeySchema"]) for name, index in indexes.items()}
    assert keys == {
        "by-caller": {"HASH": "caller", "RANGE": "accepted_at"},
        "by-time": {"HASH": "sk", "RANGE": "accepted_at"},
        "by-sweep": {"HASH": "sk", "RANGE": "sweep_after"},
    }
    for index in indexes.values():
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_the_indexes_are_keyed_by_fields_of_a_record_and_by_its_sort_key() -> None:
    """`sk` is one word for all records: no other item is in their lists."""
    keys = {
        name
        for index in properties("Table")["GlobalSecondaryIndexes"]
        for name in schema(index["KeySchema"]).values()
    }

    assert keys - {"sk"} <= Job.model_fields.keys()
    assert {items.queue_key()["sk"]["S"], items.claim_key("p")["sk"]["S"]}.isdisjoint(
        {items.SORT_KEY}
    )
    assert items.budget_key(date(2026, 11, 22), "STACK")["sk"]["S"] != items.SORT_KEY


def test_the_table_defines_the_attributes_of_its_keys_and_no_other() -> None:
    """DynamoDB refuses a table that does not."""
    table = properties("Table")
    schemas = [table["KeySchema"], *(i["KeySchema"] for i in table["GlobalSecondaryIndexes"])]

    defined = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert set(defined) == {name for keys in schemas for name in schema(keys).values()}
    assert set(defined.values()) == {"S"}
    assert schema(table["KeySchema"]) == {"HASH": "pk", "RANGE": "sk"}


def schema(keys: list[dict[str, str]]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in keys}


def test_the_stack_says_what_a_caller_needs() -> None:
    outputs = template()["Outputs"]

    assert set(outputs) >= OUTPUTS
    assert all(output["Description"] for output in outputs.values())


def test_the_urls_and_names_that_the_stack_says_are_those_of_its_own_parts() -> None:
    told = {key: output["Value"] for key, output in template()["Outputs"].items()}

    host = "${RestApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    assert told["ApiUrl"] == {"Fn::Sub": f"https://{host}/{properties('RestApi')['StageName']}"}
    assert told["ApiId"] == {"Ref": "RestApi"}
    assert told["InboxBucketName"] == {"Ref": "InboxBucket"}
    assert told["AssetsBucketName"] == {"Ref": "AssetsBucket"}
    assert told["OnRequestFunctionArn"] == {"Fn::GetAtt": ["OnRequestFunction", "Arn"]}


def test_what_the_local_stack_reads_of_the_outputs_is_there() -> None:
    sources = [path.read_text() for path in (ROOT / "local").glob("*.py")]
    read = {key for text in sources for key in re.findall(r'outputs\["(\w+)"\]', text)}

    assert read
    assert read <= set(template()["Outputs"])


def test_every_parameter_says_what_it_is_for() -> None:
    parameters = template()["Parameters"]

    assert all(p["Description"] and p["Type"] for p in parameters.values())
    assert [n for n, p in parameters.items() if "Default" not in p] == ["ProviderApiKey"]
