"""Requests from boto3 are named by the called operation."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from reliability.operations import name
from reliability.proxy import Request

CALLS: dict[str, Callable[[Any], object]] = {
    "dynamodb UpdateItem": lambda c: c.update_item(TableName="t", Key={"pk": {"S": "x"}}),
    "dynamodb TransactWriteItems": lambda c: c.transact_write_items(
        TransactItems=[{"Delete": {"TableName": "t", "Key": {}}}]
    ),
    "events PutEvents": lambda c: c.put_events(Entries=[{"Source": "x"}]),
    "secretsmanager GetSecretValue": lambda c: c.get_secret_value(SecretId="s"),
    "ssm GetParameter": lambda c: c.get_parameter(Name="n"),
    "stepfunctions StartExecution": lambda c: c.start_execution(stateMachineArn="arn"),
    "stepfunctions SendTaskSuccess": lambda c: c.send_task_success(taskToken="t", output="{}"),
    "s3 PutObject": lambda c: c.put_object(Bucket="b", Key="/a/b c%", Body=b"x"),
    "s3 GetObject": lambda c: c.get_object(Bucket="b", Key="k", VersionId="v"),
    "s3 HeadObject": lambda c: c.head_object(Bucket="b", Key="k"),
    "s3 DeleteObject": lambda c: c.delete_object(Bucket="b", Key="k"),
    "s3 CopyObject": lambda c: c.copy_object(Bucket="b", Key="k", CopySource="b/o"),
    "s3 PutObjectTagging": lambda c: c.put_object_tagging(
        Bucket="b", Key="k", Tagging={"TagSet": []}
    ),
    "s3 CreateMultipartUpload": lambda c: c.create_multipart_upload(Bucket="b", Key="k"),
    "s3 UploadPart": lambda c: c.upload_part(Bucket="b", Key="k", UploadId="u", PartNumber=1),
    "s3 CompleteMultipartUpload": lambda c: c.complete_multipart_upload(
        Bucket="b", Key="k", UploadId="u"
    ),
    "s3 ListObjectsV2": lambda c: c.list_objects_v2(Bucket="b", Prefix="p/"),
    "s3 ListObjectVersions": lambda c: c.list_object_versions(Bucket="b"),
    "s3 DeleteObjects": lambda c: c.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "k"}]}),
}


def client(service: Any) -> Any:
    return boto3.Session("key", "secret", region_name="us-east-1").client(
        service,
        endpoint_url="http://127.0.0.1:1",
        config=Config(signature_version="s3v4") if service == "s3" else None,
    )


@pytest.mark.parametrize("operation", CALLS)
def test_boto3_call_is_named_by_its_operation(operation: str) -> None:
    names: list[str] = []

    def catch(request: AWSPreparedRequest, **_kwargs: object) -> AWSResponse:
        address = urlsplit(request.url)
        raw: Any = request.headers  # values are str or bytes, unlike in the stubs
        headers = tuple((k, v.decode() if isinstance(v, bytes) else v) for k, v in raw.items())
        target = f"{address.path}?{address.query}"
        names.append(name(Request(request.method, target, headers, b"")))
        raise StopIteration

    aws = client(operation.split()[0])
    aws.meta.events.register("before-send", catch)

    with pytest.raises(StopIteration):
        CALLS[operation](aws)

    assert names == [operation]


def test_presigned_url_is_named_by_its_operation() -> None:
    url = urlsplit(client("s3").generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}))

    assert name(Request("GET", f"{url.path}?{url.query}", (), b"")) == "s3 GetObject"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/api/v3/openai/gpt-image-2/edit?x=1", "POST /api/v3/openai/gpt-image-2/edit"),
        (
            "/api/v3/predictions/5726c29e99964e4d939e5754fb8be226/result",
            "POST /api/v3/predictions/*/result",
        ),
        (
            "/x/8f14e45f-ceea-467a-9575-f1f5a3b1c2d3",
            "POST /x/*",
        ),
    ],
)
def test_other_request_is_named_by_method_and_path(target: str, expected: str) -> None:
    assert name(Request("POST", target, (), b"")) == expected
