"""Calls of the handlers are checked against their roles, and a missing permission is detected."""

import json
from typing import Any

import boto3
import pytest

from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.adapters.s3.batch_files import CHUNKS, key_of
from darkroom.domain.callers import Role
from darkroom.domain.errors import Code
from darkroom.domain.keys import mint
from darkroom.domain.uploads import CALLER_METADATA
from tests.fakes.images import PNG
from tests.infra.iam import ACCOUNT, REGION
from tests.workflow.cloud import Cloud
from tests.workflow.deployment import BUCKET, BUS, INBOX, SECRET, TABLE
from tests.workflow.entry_points import api_request_event
from tests.workflow.permissions import denied_calls

JOB, QUEUE, KEY = ({"pk": {"S": name}, "sk": {"S": "x"}} for name in ("JOB#a", "QUEUE", "KEYS"))
NAMES = {"TableName": TABLE}
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:darkroom-image-job:a"


@pytest.mark.parametrize(
    ("function", "service", "operation", "params"),
    [
        ("CheckFunction", "dynamodb", "PutItem", NAMES | {"Item": KEY}),
        ("SubmitFunction", "dynamodb", "GetItem", NAMES | {"Key": KEY}),
        ("OnRequestFunction", "dynamodb", "GetItem", NAMES | {"Key": QUEUE}),
        ("OnWebhookFunction", "dynamodb", "UpdateItem", NAMES | {"Key": QUEUE}),
        ("SubmitFunction", "dynamodb", "GetItem", {"TableName": "another", "Key": JOB}),
        (
            "OnRequestFunction",
            "dynamodb",
            "Query",
            NAMES
            | {
                "IndexName": "by-time",
                "KeyConditionExpression": "sk = :sk",
                "ExpressionAttributeValues": {":sk": {"S": "JOB"}},
            },
        ),
        (
            "ApiFunction",
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {TABLE: {"Keys": [JOB, KEY]}}},
        ),
        (
            "OnWebhookFunction",
            "dynamodb",
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Update": NAMES | {"Key": JOB}},
                    {"Update": NAMES | {"Key": QUEUE}},
                ]
            },
        ),
        ("ApiFunction", "secrets-manager", "GetSecretValue", {"SecretId": SECRET}),
        ("ApiFunction", "s3", "PutObject", {"Bucket": BUCKET, "Key": "jobs/a/0.png"}),
        ("ApiFunction", "s3", "GetObject", {"Bucket": INBOX, "Key": "a.png"}),
        ("CheckFunction", "lambda", "Invoke", {"FunctionName": "darkroom-quote"}),
        ("SubmitFunction", "sfn", "DescribeExecution", {"executionArn": EXECUTION}),
        (
            "SubmitFunction",
            "eventbridge",
            "PutEvents",
            {"Entries": [{"EventBusName": BUS, "Source": "another"}]},
        ),
    ],
)
def test_call_without_permission_is_denied(
    function: str, service: str, operation: str, params: dict[str, Any]
) -> None:
    assert denied_calls(function, service, operation, params)


def test_calls_of_all_handlers_of_a_job_are_checked(webhook_cloud: Cloud) -> None:
    run = webhook_cloud.request()
    webhook_cloud.machine.run_pending()
    webhook_cloud.deliver_webhook()
    webhook_cloud.finish(run)
    webhook_cloud.sweep()

    checked = webhook_cloud.lambdas.checked
    assert {function for function, _ in checked} == {
        "OnRequestFunction", "QuoteFunction", "SubmitFunction", "FinalizeFunction",
        "OnWebhookFunction", "SweepFunction",
    }  # fmt: skip
    assert {service for _, service in checked} >= {
        "dynamodb", "s3", "eventbridge", "sfn", "ssm", "secrets-manager", "lambda",
    }  # fmt: skip


@pytest.fixture
def batch_file(cloud: Cloud) -> str:
    """Return the URI of an uploaded batch file."""
    del cloud
    boto3.client("s3").put_object(
        Bucket=BUCKET,
        Key="uploads/rows.csv",
        Body=b"prompt\nA kite\n",
        Metadata={CALLER_METADATA: "key:owner"},
    )
    return f"s3://{BUCKET}/uploads/rows.csv"


def test_calls_of_the_api_are_checked(cloud: Cloud, batch_file: str) -> None:
    job = {"operation": "text-to-image", "prompt": "A kite"}
    calls: list[tuple[str, str, object]] = [
        ("POST", "/v1/jobs", job), ("GET", "/v1/jobs", None), ("POST", "/v1/estimates", job),
        ("POST", "/v1/uploads", {"content_type": "image/png", "size": 68}),
        ("POST", "/v1/batches", {"source": batch_file, "dry_run": True}),
        ("GET", "/v1/batches", None), ("GET", "/v1/presets", None), ("GET", "/v1/me", None),
        ("GET", "/v1/stats", None), ("GET", "/api/v3/models", None), ("GET", "/", None),
        ("GET", "/v1/models", None),
    ]  # fmt: skip

    for method, path, body in calls:
        assert cloud.call(method, path, body=body)["statusCode"] < 300, path
    (queued,) = cloud.jobs()
    assert cloud.cancel(queued.job_id) == 200

    services = {service for function, service in cloud.lambdas.checked if function == "ApiFunction"}
    assert services == {
        "dynamodb", "s3", "eventbridge", "sfn", "lambda", "cloudwatch-logs", "ssm",
    }  # fmt: skip
    assert ("QuoteFunction", "s3") in cloud.lambdas.checked


def test_calls_of_a_batch_are_checked(cloud: Cloud, batch_file: str) -> None:
    boto3.client("stepfunctions").create_state_machine(
        name="darkroom-batch",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine",
    )
    response = cloud.call("POST", "/v1/batches", body={"source": batch_file})
    batch_id = json.loads(response["body"])["batch_id"]
    chunks = boto3.client("s3").get_object(Bucket=BUCKET, Key=key_of(batch_id, CHUNKS))["Body"]
    for chunk in json.load(chunks):
        cloud.lambdas.invoke("CreateRowsFunction", {"batch_id": batch_id, "chunk": chunk})
    assert cloud.call("DELETE", f"/v1/batches/{batch_id}")["statusCode"] == 202

    cloud.lambdas.invoke("CollectBatchFunction", {"batch_id": batch_id})

    (job,) = cloud.jobs()
    assert job.code is Code.CANCELED
    cloud.lambdas.invoke("RecordStatsFunction", {"id": "1", "detail": {"job_id": job.job_id}})
    for function in ("CreateRowsFunction", "CollectBatchFunction", "RecordStatsFunction"):
        assert (function, "dynamodb") in cloud.lambdas.checked


def test_calls_of_the_authorizer_are_checked(cloud: Cloud) -> None:
    token, key = mint("shop", Role.SUBMIT, now=cloud.clock.now)
    KeyTable(boto3.client("dynamodb"), TABLE).add(key)
    event = api_request_event("GET", "/v1/me", role="submit") | {
        "headers": {"Authorization": f"Bearer {token}"},
        "methodArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/live/GET/v1/me",
    }

    policy = cloud.lambdas.invoke("AuthorizerFunction", event)

    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert ("AuthorizerFunction", "dynamodb") in cloud.lambdas.checked


def test_calls_of_the_keys_are_checked(cloud: Cloud) -> None:
    def call(method: str, path: str, body: object = None) -> Any:
        event = api_request_event(method, path, role="admin", body=body)
        response = cloud.lambdas.invoke("KeysFunction", event)
        assert response["statusCode"] in (200, 201), response["body"]
        return json.loads(response["body"])

    key = {"name": "shop", "expires_in_days": 1, "daily_budget_usd": 5}
    created = call("POST", "/v1/keys", key)
    assert call("GET", "/v1/keys")["keys"][0]["used_today_usd"] == 0
    call("PATCH", f"/v1/keys/{created['id']}", {"unlimited": True})
    call("DELETE", f"/v1/keys/{created['id']}")

    assert ("KeysFunction", "dynamodb") in cloud.lambdas.checked


def test_calls_of_an_upload_are_checked(cloud: Cloud) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=INBOX)
    s3.put_bucket_versioning(Bucket=INBOX, VersioningConfiguration={"Status": "Enabled"})
    stored = s3.put_object(Bucket=INBOX, Key="warmer-light/a.png", Body=PNG)
    detail = {
        "bucket": {"name": INBOX},
        "object": {
            "key": "warmer-light/a.png", "size": len(PNG), "etag": stored["ETag"].strip('"'),
            "version-id": stored["VersionId"],
        },
    }  # fmt: skip
    event = {"id": "event-1", "detail-type": "Object Created", "detail": detail}

    job_id = cloud.lambdas.invoke("OnUploadFunction", event)["job_id"]

    assert job_id is not None
    ended = {"id": "event-2", "detail-type": "JobFailed", "detail": {"job_id": job_id}}
    cloud.cancel(job_id)
    cloud.lambdas.invoke("OnUploadFunction", ended)
    assert ("OnUploadFunction", "s3") in cloud.lambdas.checked
