"""Erasure on the deployed stack: no version of a file and no item has the content of a job."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from darkroom.domain.callers import Role
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment, png_image
from tests.e2e.test_batches import until_ended

PROMPT = "an unmistakable periwinkle ocelot"
# By bucket. Other folders have keys of other tests with characters that the emulator cannot list.
FOLDERS = {
    "assets_bucket": (
        "jobs/", "edits/warmer-light/peri", "uploads/", "references/", "thumbnails/", "batches/"
    ),
    "inbox_bucket": ("warmer-light/peri",),
}  # fmt: skip


def versions(deployment: Deployment) -> Iterator[tuple[str, bytes]]:
    """Yield the key and the bytes of every version in FOLDERS; b"" for a delete marker."""
    s3 = deployment.s3
    for attribute, folders in FOLDERS.items():
        bucket = getattr(deployment.stack, attribute)
        for folder in folders:
            pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=folder)
            for page in pages:
                for version in page.get("Versions", []):
                    key, version_id = version["Key"], version["VersionId"]
                    response = s3.get_object(Bucket=bucket, Key=key, VersionId=version_id)
                    yield key, response["Body"].read()
                yield from ((marker["Key"], b"") for marker in page.get("DeleteMarkers", []))


def items(deployment: Deployment) -> str:
    """Return all items of the table as one text."""
    dynamodb = deployment.stack.client("dynamodb")
    pages = dynamodb.get_paginator("scan").paginate(TableName=deployment.stack.table)
    return json.dumps([page["Items"] for page in pages], default=str)


def erase(api_client: ApiClient, job_id: str) -> httpx.Response:
    return api_client.client.delete(f"/v1/jobs/{job_id}/data")


def assert_nothing_left(deployment: Deployment, jobs: list[str], names: list[str]) -> None:
    """Assert that no job id is in a key except of its batch, and no name or prompt is anywhere."""
    found = list(versions(deployment))
    assert not [key for key, _ in found if any(text in key for text in [*jobs, *names])]
    assert not [key for key, data in found if PROMPT.encode() in data]
    table = items(deployment)
    assert PROMPT not in table
    assert all(job in table for job in jobs)


def test_edit_of_an_upload_is_erased(deployment: Deployment, api_client: ApiClient) -> None:
    upload = api_client.upload(png_image())
    job = api_client.run_job(operation="edit", prompt=PROMPT, images=[upload["reference"]])
    job_id = job["job_id"]
    assert (job["status"], erase(api_client, "a" * 26).status_code) == ("completed", 404)
    deployment.wait_for_thumbnail(job_id)

    response = erase(api_client, job_id)

    assert response.status_code == 200, response.text
    assert response.json()["erased_at"] is not None
    assert_nothing_left(deployment, [job_id], [upload["upload_id"]])
    predictions = deployment.query_simulator("predictions")
    (deleted,) = [p for p in predictions if p["id"] == job["prediction_id"]]
    assert deleted["is_deleted"] is True
    assert httpx.get(job["assets"][0]["url"], trust_env=False).status_code == 404
    assert erase(api_client, job_id).status_code == 200  # idempotent


def test_row_of_a_batch_is_erased(deployment: Deployment, api_client: ApiClient) -> None:
    image = api_client.upload(png_image())
    rows: list[dict[str, Any]] = [
        {"operation": "edit", "prompt": PROMPT, "images": [image["reference"]]},
        {"prompt": "A plain kettle, kept"},
    ]
    data = "\n".join(json.dumps({"quality": "low", "resolution": "1k"} | r) for r in rows).encode()
    file = api_client.upload(data, "application/x-ndjson")
    started = api_client.client.post("/v1/batches", json={"source": file["reference"]}).json()
    batch = until_ended(api_client, started["batch_id"])
    jobs = api_client.client.get("/v1/jobs", params={"batch": batch["batch_id"]}).json()["jobs"]
    (job_id,) = [job["job_id"] for job in jobs if job["input"]["prompt"] == PROMPT]
    deployment.wait_for_thumbnail(job_id)

    assert erase(api_client, job_id).status_code == 200

    assert_nothing_left(deployment, [job_id], [image["upload_id"], file["upload_id"]])
    results = httpx.get(
        api_client.client.get(f"/v1/batches/{batch['batch_id']}").json()["results"]["jsonl_url"],
        trust_env=False,
    )
    erased, kept = [json.loads(line) for line in results.text.splitlines()]
    assert (erased["job_id"], erased["request"], erased["assets"]) == (job_id, None, [])
    assert kept["request"]["prompt"] == "A plain kettle, kept"


def test_inbox_upload_is_erased(deployment: Deployment) -> None:
    key = "warmer-light/periwinkle.png"
    version = deployment.put_to_inbox(key, png_image(), quality="low", prompt=PROMPT)
    job_id = deployment.wait_for_upload(key, version)["detail"]["job_id"]
    deployment.wait_for_thumbnail(job_id)
    token = deployment.create_key("eraser", Role.ADMIN)

    with deployment.http_client(token) as client:
        response = client.delete(f"/v1/jobs/{job_id}/data")

    assert response.status_code == 200, response.text
    assert response.json()["source"] is None
    assert_nothing_left(deployment, [job_id], ["periwinkle.png"])
