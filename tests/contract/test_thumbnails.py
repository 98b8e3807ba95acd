"""The thumbnail function over S3 (moto): one thumbnail per image; the original is unchanged."""

import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client
from PIL import Image

import thumbnail
from darkroom.domain.uploads import CALLER_METADATA, encode

CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))
KEY = "thumbnails/j/0.webp"
METADATA = {CALLER_METADATA: encode("key:Zoë"), "darkroom-job-id": "j"}


@pytest.fixture
def bucket(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    monkeypatch.setattr(thumbnail, "_s3", lambda: s3)
    return s3


def png(size: int = 1280) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), "blue").save(file, "PNG")
    return file.getvalue()


def put(bucket: S3Client, key: str, body: bytes, metadata: dict[str, str] | None = None) -> Any:
    return bucket.put_object(Bucket="assets", Key=key, Body=body, Metadata=metadata or METADATA)


def job_completed(*assets: tuple[str, str]) -> dict[str, Any]:
    """Return the JobCompleted event of a job with the given assets (key and content type)."""
    detail = {
        "job_id": "j",
        "caller": "key:Zoë",
        "assets": [
            {"bucket": "assets", "key": key, "content_type": content_type}
            for key, content_type in assets
        ],
    }
    return {"detail-type": "JobCompleted", "detail": detail}


def outcomes(*assets: tuple[str, str]) -> list[str]:
    result: list[str] = thumbnail.handler(job_completed(*assets), CONTEXT)["outcomes"]
    return result


def test_image_gets_a_thumbnail_with_its_owner_and_is_unchanged(bucket: S3Client) -> None:
    before = put(bucket, "jobs/j/0.png", png())

    assert outcomes(("jobs/j/0.png", "image/png")) == ["made"]

    stored = bucket.get_object(Bucket="assets", Key=KEY)
    assert Image.open(io.BytesIO(stored["Body"].read())).size == (640, 640)
    assert stored["ContentType"] == "image/webp"
    assert stored["Metadata"] == METADATA
    after = bucket.head_object(Bucket="assets", Key="jobs/j/0.png")
    assert (after["VersionId"], after["ETag"]) == (before["VersionId"], before["ETag"])


@pytest.mark.parametrize("forged", [{"caller": "key:thief"}, {"job_id": "mine"}])
def test_event_decides_neither_the_owner_nor_the_job(
    bucket: S3Client, forged: dict[str, str]
) -> None:
    put(bucket, "jobs/j/0.png", png())
    event = job_completed(("jobs/j/0.png", "image/png"))
    event["detail"] |= forged

    thumbnail.handler(event, CONTEXT)

    (stored,) = bucket.list_objects_v2(Bucket="assets", Prefix="thumbnails/")["Contents"]
    assert stored["Key"] == KEY
    assert bucket.head_object(Bucket="assets", Key=KEY)["Metadata"] == METADATA


def test_object_without_an_owner_gets_no_thumbnail(bucket: S3Client) -> None:
    put(bucket, "jobs/j/0.png", png(), {"darkroom-job-id": "j"})

    assert outcomes(("jobs/j/0.png", "image/png")) == ["no asset"]


def test_repeated_event_keeps_the_thumbnail(bucket: S3Client) -> None:
    put(bucket, "jobs/j/0.png", png())
    outcomes(("jobs/j/0.png", "image/png"))
    first = bucket.head_object(Bucket="assets", Key=KEY)["VersionId"]

    assert outcomes(("jobs/j/0.png", "image/png")) == ["there already"]
    assert bucket.head_object(Bucket="assets", Key=KEY)["VersionId"] == first


def test_invalid_output_does_not_prevent_other_thumbnails(bucket: S3Client) -> None:
    put(bucket, "jobs/j/0.mp3", b"sound")
    put(bucket, "jobs/j/1.png", b"no picture")
    put(bucket, "jobs/j/3.png", png())

    assert outcomes(
        ("jobs/j/0.mp3", "audio/mpeg"),
        ("jobs/j/1.png", "image/png"),
        ("jobs/j/2.png", "image/png"),
        ("jobs/j/3.png", "image/png"),
    ) == ["no picture", "unreadable", "gone", "made"]
    listed = bucket.list_objects_v2(Bucket="assets", Prefix="thumbnails/")["Contents"]
    assert [item["Key"] for item in listed] == ["thumbnails/j/3.webp"]


def test_unreadable_bucket_raises(bucket: S3Client) -> None:
    event = job_completed(("jobs/j/0.png", "image/png"))
    event["detail"]["assets"][0]["bucket"] = "no-such-bucket"

    with pytest.raises(ClientError):
        thumbnail.handler(event, CONTEXT)
