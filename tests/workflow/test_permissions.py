"""Calls of the handlers are checked against their roles, and a missing permission is detected."""

from typing import Any

import pytest

from tests.infra.iam import ACCOUNT, REGION
from tests.workflow.cloud import Cloud
from tests.workflow.deployment import BUCKET, BUS, INBOX, SECRET, TABLE
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
            {"TransactItems": [{"Update": NAMES | {"Key": JOB}}, {"Update": NAMES | {"Key": QUEUE}}]},
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
