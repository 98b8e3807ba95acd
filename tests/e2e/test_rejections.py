"""Invalid event requests: a JobRejected event with the field, no job and no charge."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from local.events import put
from tests.e2e.deployment import Deployment, png_image

IMAGE_BASE64 = base64.b64encode(png_image()).decode()


def _edit(*images: object, **fields: object) -> dict[str, object]:
    return {"operation": "edit", "prompt": "x", "images": list(images)} | fields


def _text(**fields: object) -> dict[str, object]:
    return {"operation": "text-to-image", "prompt": "x"} | fields


INVALID_REQUESTS: dict[str, tuple[object, str]] = {
    "missing prompt": ({"operation": "text-to-image"}, "prompt"),
    "unknown field": (_text(size="1024x1024"), "size"),
    "not an image": (_edit(base64.b64encode(b"plain words").decode()), "images.0"),
    "private address": (_edit("https://10.0.0.8/b.png"), "images.0"),
    "no such object": (_edit("s3://{assets}/uploads/none.png"), "images.0"),
    "no such bucket": (_edit("s3://missing-bucket-of-the-tests/a.png"), "images.0"),
    "object of another owner": (_edit("s3://{foreign}/a.png"), "images.0"),
    "a text object": (_edit("s3://{assets}/uploads/words.png"), "images.0"),
    "an empty object": (_edit("s3://{assets}/uploads/empty.png"), "images.0"),
    "a huge object": (_edit("s3://{assets}/uploads/huge.png"), "images.0"),
    "a list": ([_text()], ""),
    "null": (None, ""),
}


@pytest.fixture(scope="module")
def foreign(deployment: Deployment) -> str:
    bucket = deployment.create_bucket("bucket-of-another-owner")
    deployment.s3.put_object(Bucket=bucket, Key="a.png", Body=png_image())
    return bucket


@pytest.fixture(scope="module")
def insert_buckets(deployment: Deployment, foreign: str) -> Callable[[Any], Any]:
    """Return a function that inserts the bucket names into a case."""
    bucket = deployment.stack.assets_bucket
    bodies = {
        "words": b"These are words and no picture at all.",
        "empty": b"",
        "huge": png_image() + bytes(20_000_001),
    }
    for name, body in bodies.items():
        deployment.s3.put_object(Bucket=bucket, Key=f"uploads/{name}.png", Body=body)

    def insert_buckets(detail: Any) -> Any:
        if isinstance(detail, dict) and "images" in detail:
            names = {"assets": bucket, "foreign": foreign}
            images = [i.format(**names) if "s3://" in i else i for i in detail["images"]]
            return detail | {"images": images}
        return detail

    return insert_buckets


@pytest.mark.parametrize("name", INVALID_REQUESTS)
def test_invalid_request_is_rejected_with_its_field(
    deployment: Deployment, insert_buckets: Callable[[Any], Any], name: str
) -> None:
    detail, field = INVALID_REQUESTS[name]
    before = deployment.charge_count()

    event = deployment.wait_for_request(put(deployment.stack, insert_buckets(detail)))

    assert event["detail-type"] == "JobRejected"
    problems = {problem["field"]: problem for problem in event["detail"]["errors"]}
    assert field in problems
    assert problems[field]["allowed"]
    assert event["detail"]["job_id"] is None
    assert deployment.charge_count() == before
