"""Invalid event requests: a JobRejected event with the field, no job and no charge."""

import pytest

from local.events import put
from tests.e2e.deployment import Deployment, png_image


def _edit(image: str) -> dict[str, object]:
    return {"operation": "edit", "prompt": "x", "images": [image]}


INVALID_REQUESTS: dict[str, tuple[object, str]] = {
    "missing prompt": ({"operation": "text-to-image"}, "prompt"),
    "no such object": (_edit("s3://{assets}/uploads/none.png"), "images.0"),
    "object of another owner": (_edit("s3://{foreign}/a.png"), "images.0"),
    "an empty object": (_edit("s3://{assets}/uploads/empty.png"), "images.0"),
    "a list": ([], ""),
}


@pytest.fixture(scope="module")
def buckets(deployment: Deployment) -> dict[str, str]:
    """Return the names of two buckets with objects."""
    foreign = deployment.create_bucket("bucket-of-another-owner")
    assets = deployment.stack.assets_bucket
    deployment.s3.put_object(Bucket=foreign, Key="a.png", Body=png_image())
    deployment.s3.put_object(Bucket=assets, Key="uploads/empty.png", Body=b"")
    return {"assets": assets, "foreign": foreign}


@pytest.mark.parametrize("name", INVALID_REQUESTS)
def test_invalid_request_is_rejected_with_its_field(
    deployment: Deployment, buckets: dict[str, str], name: str
) -> None:
    detail, field = INVALID_REQUESTS[name]
    if isinstance(detail, dict) and "images" in detail:
        detail = detail | {"images": [image.format(**buckets) for image in detail["images"]]}
    before = deployment.charge_count()

    event = deployment.wait_for_request(put(deployment.stack, detail))

    assert event["detail-type"] == "JobRejected"
    problems = {problem["field"]: problem for problem in event["detail"]["errors"]}
    assert field in problems
    assert problems[field]["allowed"]
    assert event["detail"]["job_id"] is None
    assert deployment.charge_count() == before
