"""Buckets, queues and the table: private, encrypted, and retained when the stack is deleted."""

import re
from datetime import date, timedelta

import pytest

from darkroom.adapters.dynamodb import items
from darkroom.adapters.s3 import inbox
from darkroom.domain.job import Job
from darkroom.domain.requests import MAX_DEADLINE_SECONDS
from tests.infra.policies import granted_actions, name
from tests.infra.template import ROOT, functions, properties, resources, template

BUCKETS = list(resources("AWS::S3::Bucket"))


@pytest.mark.parametrize("resource", [*BUCKETS, "Table"])
def test_data_is_retained_when_the_stack_is_deleted(resource: str) -> None:
    definition = template()["Resources"][resource]

    is_protected = definition["Properties"].get("DeletionProtectionEnabled", False)
    assert is_protected == (resource == "Table")
    # The rollback of a failed creation deletes what it can delete.
    assert definition["DeletionPolicy"] == ("Retain" if is_protected else "RetainExceptOnCreate")
    assert definition["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_blocks_public_access(bucket: str) -> None:
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
def test_bucket_is_versioned(bucket: str) -> None:
    assert properties(bucket)["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_aborts_incomplete_multipart_uploads(bucket: str) -> None:
    rules = properties(bucket)["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]

    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule


ASSETS = {
    "Fn::If": ["AssetsExpire", {"Ref": "AssetRetentionDays"}, {"Ref": "AWS::NoValue"}],
}


def test_each_folder_expires_after_its_parameter() -> None:
    rules = properties("AssetsBucket")["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]

    assert [(r["Prefix"], r["ExpirationInDays"]) for r in expiring] == [
        ("references/", {"Ref": "InputRetentionDays"}),
        ("uploads/", {"Ref": "InputRetentionDays"}),
        ("batches/", {"Ref": "RecordRetentionDays"}),
        ("zips/", 1),
        ("waiting/", 1),
        ("models/", 1),
        ("errors/", {"Ref": "InputRetentionDays"}),
        ("jobs/", ASSETS),
        ("edits/", ASSETS),
        ("thumbnails/", ASSETS),
    ]
    for rule in expiring:  # in a versioned bucket, expiration only adds a delete marker
        is_asset = rule["ExpirationInDays"] == ASSETS
        days = {"Ref": "NoncurrentVersionDays"} if is_asset else 1
        assert rule["Status"] == "Enabled"
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": days}


def test_replaced_and_deleted_objects_of_each_written_folder_are_deleted() -> None:
    rules = properties("AssetsBucket")["LifecycleConfiguration"]["Rules"]
    deleted = {rule["Prefix"] for rule in rules if "NoncurrentVersionExpiration" in rule}
    targets = {t for f in functions() for t in granted_actions(f).get("s3:PutObject", set())}

    bucket = "${AssetsBucket.Arn}/"
    written = {t.removeprefix(bucket).removesuffix("*") for t in targets if t.startswith(bucket)}
    assert deleted == written - {"config/presets.json"}  # every version of the presets is kept
    for rule in rules:  # a rule with days also removes expired delete markers; S3 refuses both
        if rule.get("ExpirationInDays") == ASSETS:
            (condition, without, marker) = rule["ExpiredObjectDeleteMarker"]["Fn::If"]
            assert (condition, without, marker) == ("AssetsExpire", {"Ref": "AWS::NoValue"}, True)
        elif "NoncurrentVersionExpiration" in rule:
            assert ("ExpirationInDays" in rule) != ("ExpiredObjectDeleteMarker" in rule)


def test_inbox_publishes_events() -> None:
    values = properties("InboxBucket")["NotificationConfiguration"]

    assert values == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_processed_uploads_expire_if_asked_and_other_objects_are_kept() -> None:
    """Objects in references/ are not processed."""
    rules = properties("InboxBucket")["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if "ExpirationInDays" in rule]

    assert rule == {
        "Id": "processed-uploads",
        "Status": {"Fn::If": ["InboxExpires", "Enabled", "Disabled"]},
        "TagFilters": [inbox.TAG],
        "ExpirationInDays": {"Fn::If": ["InboxExpires", {"Ref": "InboxRetentionDays"}, 1]},
    }


def test_replaced_uploads_are_deleted_when_no_job_or_dead_letter_can_need_them() -> None:
    rules = properties("InboxBucket")["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if "NoncurrentVersionExpiration" in rule]

    assert rule["NoncurrentVersionExpiration"] == {
        "NoncurrentDays": {"Ref": "NoncurrentVersionDays"}
    }
    dead_letters = timedelta(seconds=properties("DeadLetters")["MessageRetentionPeriod"])
    queue_limit = template()["Parameters"]["MaxQueueSeconds"]["MaxValue"]
    longest_job = timedelta(seconds=queue_limit + MAX_DEADLINE_SECONDS)
    for parameter in ("NoncurrentVersionDays", "InputRetentionDays"):
        kept = timedelta(days=template()["Parameters"][parameter]["MinValue"])
        assert kept >= dead_letters + longest_job
    assert rule["ExpiredObjectDeleteMarker"] is True
    assert not {"Prefix", "TagFilters"} & rule.keys()


def test_assets_bucket_allows_cors_and_the_api_does_not_by_default() -> None:
    (rule,) = properties("AssetsBucket")["CorsConfiguration"]["CorsRules"]

    assert rule["AllowedOrigins"] == ["*"]  # the template does not know the origin of the studio
    assert set(rule["AllowedMethods"]) == {"GET", "PUT"}
    assert rule["AllowedHeaders"] == ["*"]  # the signed headers vary
    assert template()["Parameters"]["AllowedOrigin"]["Default"] == ""


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bucket_refuses_plain_http(bucket: str) -> None:
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
    assert policy["Condition"] == ("HasAuditBucket" if bucket == "AuditBucket" else "OnAws")
    assert template()["Parameters"]["Emulator"]["Default"] == "none"  # refused by default


def test_dead_letters_are_retained_for_14_days() -> None:
    assert properties("DeadLetters")["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_table_has_ttl_and_recovery() -> None:
    table = properties("Table")

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_index_keys_are_fields_of_a_job_or_the_sort_key() -> None:
    """All job records have the same `sk`, so that lists contain no other items."""
    indexes = properties("Table")["GlobalSecondaryIndexes"]
    keys = {key["AttributeName"] for index in indexes for key in index["KeySchema"]}

    assert keys - {"sk"} <= Job.model_fields.keys()
    assert {items.queue_key()["sk"]["S"], items.claim_key("p")["sk"]["S"]}.isdisjoint({items.JOB})
    assert items.budget_key(date(2026, 11, 22), "STACK")["sk"]["S"] != items.JOB
    for index in indexes:  # so that most changes of a record do not write an index
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_outputs_read_by_the_local_stack_exist() -> None:
    sources = [path.read_text() for path in (ROOT / "local").glob("*.py")]
    output_keys = {key for text in sources for key in re.findall(r'outputs\["(\w+)"\]', text)}

    assert output_keys
    assert output_keys <= set(template()["Outputs"])
