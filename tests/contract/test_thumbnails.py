"""The function of thumbnails over S3 (moto): once a picture, the original as it was."""

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


@pytest.fixture
def bucket(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    monkeypatch.setattr(thumbnail, "_s3", lambda: s3)
    return s3


def png(size: int = 640) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), "blue").save(file, "PNG")
    return file.getvalue()


def told(*assets: tuple[str, str]) -> dict[str, Any]:
    """The event of a job with these assets: key and content type."""
    detail = {
        "job_id": "j",
        "caller": "key:Zoë",
        "assets": [{"bucket": "assets", "key": k, "content_type": kind} for k, kind in assets],
    }
    return {"detail-type": "JobCompleted", "detail": detail}


def outcomes(*assets: tuple[str, str]) -> list[str]:
    found: list[str] = thumbnail.handler(told(*assets), CONTEXT)["outcomes"]
    return found


def test_a_picture_gets_one_with_its_owner_and_is_left_as_it_was(bucket: S3Client) -> None:
    before = bucket.put_object(Bucket="assets", Key="jobs/j/0.png", Body=png())

    assert outcomes(("jobs/j/0.png", "image/png")) == ["made"]

    found = bucket.get_object(Bucket="assets", Key=KEY)
    assert Image.open(io.BytesIO(found["Body"].read())).size == (320, 320)
    assert found["ContentType"] == "image/webp"
    assert found["Metadata"] == {CALLER_METADATA: encode("key:Zoë"), "darkroom-job-id": "j"}
    after = bucket.head_object(Bucket="assets", Key="jobs/j/0.png")
    assert (after["VersionId"], after["ETag"]) == (before["VersionId"], before["ETag"])


def test_told_again_it_makes_nothing_new(bucket: S3Client) -> None:
    bucket.put_object(Bucket="assets", Key="jobs/j/0.png", Body=png())
    outcomes(("jobs/j/0.png", "image/png"))
    first = bucket.head_object(Bucket="assets", Key=KEY)["VersionId"]

    assert outcomes(("jobs/j/0.png", "image/png")) == ["there already"]
    assert bucket.head_object(Bucket="assets", Key=KEY)["VersionId"] == first


def test_each_output_has_its_own_and_what_is_none_stops_no_other(bucket: S3Client) -> None:
    bucket.put_object(Bucket="assets", Key="jobs/j/0.mp3", Body=b"sound")
    bucket.put_object(Bucket="assets", Key="jobs/j/1.png", Body=b"no picture")
    bucket.put_object(Bucket="assets", Key="jobs/j/3.png", Body=png())

    assert outcomes(
        ("jobs/j/0.mp3", "audio/mpeg"),
        ("jobs/j/1.png", "image/png"),
        ("jobs/j/2.png", "image/png"),
        ("jobs/j/3.png", "image/png"),
    ) == ["no picture", "unreadable", "gone", "made"]
    listed = bucket.list_objects_v2(Bucket="assets", Prefix="thumbnails/")["Contents"]
    assert [each["Key"] for each in listed] == ["thumbnails/j/3.webp"]


def test_a_bucket_that_may_not_be_read_is_a_crash_for_people_to_see(bucket: S3Client) -> None:
    event = told(("jobs/j/0.png", "image/png"))
    event["detail"]["assets"][0]["bucket"] = "no-such-bucket"

    with pytest.raises(ClientError):
        thumbnail.handler(event, CONTEXT)
