"""The HTTP entry point on the deployed stack: create, wait, list, cancel, upload and errors."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from darkroom.domain.identity import job_id
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment, png_image, sha256


def test_posted_job_completes_with_a_presigned_url(
    deployment: Deployment, api_client: ApiClient
) -> None:
    response = api_client.post_job(prompt="A tin robot")

    assert response.status_code == 202
    assert int(response.headers["retry-after"]) >= 1
    location = response.url.join(response.headers["location"])
    job = api_client.wait_for_status(response.json()["job_id"])
    assert api_client.client.get(location).json()["job_id"] == job["job_id"]
    assert (job["status"], job["charged"], job["caller"]) == ("completed", "yes", "key:shop")
    (asset,) = job["assets"]
    data = httpx.get(asset["url"], trust_env=False).content
    assert (len(data), sha256(data)) == (asset["size"], asset["sha256"])
    assert deployment.wait_for_job(job["job_id"])["detail-type"] == "JobCompleted"
    etag = {"If-None-Match": api_client.client.get(location).headers["etag"]}
    assert api_client.client.get(location, headers=etag).status_code == 304


def test_ten_concurrent_posts_with_one_key_are_one_job_and_one_charge(
    deployment: Deployment, api_client: ApiClient
) -> None:
    headers_with_key = {"Idempotency-Key": "ten"}

    with ThreadPoolExecutor(10) as pool:
        responses = list(
            pool.map(
                lambda _: api_client.post_job(prompt="Ten times one", headers=headers_with_key),
                range(10),
            )
        )

    assert {response.status_code for response in responses} == {202}
    assert {response.json()["job_id"] for response in responses} == {job_id("key:shop", "ten")}
    ended = api_client.wait_for_status(job_id("key:shop", "ten"))
    assert ended["status"] == "completed"
    assert len(deployment.submits_with("Ten times one")) == 1
    assert deployment.charges_of(ended["prediction_id"]) == 1


def test_queued_job_is_canceled_without_a_charge(
    deployment: Deployment, api_client: ApiClient
) -> None:
    job = api_client.create_job(
        prompt="Not yet sent [[fault submit.http status=429 retry_after=8 times=0]]"
    )
    deadline = time.monotonic() + 30
    while (
        not deployment.submits_with("Not yet sent")
        or api_client.get_job(job["job_id"])["status"] != "queued"
    ):
        assert time.monotonic() < deadline

    response = api_client.client.delete(f"/v1/jobs/{job['job_id']}")

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["charged"]) == ("failed", "no")
    assert response.json()["failure"]["code"] == "canceled"
    assert deployment.wait_for_job(job["job_id"])["detail"]["charged"] == "no"
    assert api_client.client.delete(f"/v1/jobs/{job['job_id']}").status_code == 200


def test_submitted_job_is_canceled_with_its_image_stored(
    deployment: Deployment, api_client: ApiClient
) -> None:
    job = api_client.create_job(prompt="Too late to stop [[fault run.duration seconds=8]]")
    api_client.wait_for_status(job["job_id"], "submitted")

    response = api_client.client.delete(f"/v1/jobs/{job['job_id']}")

    assert response.status_code == 202
    assert (response.json()["charged"], bool(response.json()["canceled_at"])) == ("yes", True)
    event = deployment.wait_for_job(job["job_id"])
    assert (event["detail-type"], event["detail"]["code"]) == ("JobFailed", "canceled")
    assert deployment.asset_bytes(event["detail"]["assets"][0])
    ended = api_client.get_job(job["job_id"])
    assert (ended["status"], ended["failure"]["code"]) == ("failed", "canceled")
    assert [asset["key"] for asset in ended["assets"]] == [
        asset["key"] for asset in event["detail"]["assets"]
    ]


def test_upload_and_output_can_be_edited(api_client: ApiClient) -> None:
    by_reference, by_uri = (api_client.upload(png_image()) for _ in range(2))
    (asset,) = api_client.run_job(prompt="A yellow gate")["assets"]

    job = api_client.run_job(
        operation="edit",
        prompt="A green one",
        images=[by_reference["reference"], by_uri["uri"], asset["url"]],
    )

    assert job["status"] == "completed", job
    asset_uri = f"s3://{asset['bucket']}/{asset['key']}"
    assert job["references"] == [by_reference["uri"], by_uri["uri"], asset_uri]


def test_presigned_upload_accepts_only_the_signed_file_once(api_client: ApiClient) -> None:
    data = png_image()
    body = {"content_type": "image/png", "size": len(data)}
    presigned = api_client.client.post("/v1/uploads", json=body).json()

    def put(content: bytes, **headers: str) -> int:
        sent_headers = presigned["headers"] | {
            name.replace("_", "-"): v for name, v in headers.items()
        }
        return httpx.put(
            presigned["url"], content=content, headers=sent_headers, trust_env=False
        ).status_code

    assert put(data + b"!") == 403
    assert put(data, Content_Type="text/html") == 403
    assert put(data, x_amz_meta_darkroom_caller="key:else") == 403
    assert put(data) == 200
    assert put(data) == 412


def test_throttled_request_returns_429_with_retry_after(
    deployment: Deployment, api_client: ApiClient
) -> None:
    gateway = deployment.stack.client("apigateway")
    api_id = deployment.stack.api_url.split("/")[-2]
    settings_before = gateway.get_stage(restApiId=api_id, stageName="live")["methodSettings"]["*/*"]

    def limit(rate: float, burst: int) -> None:
        limits = {"rateLimit": rate, "burstLimit": burst}
        gateway.update_stage(
            restApiId=api_id,
            stageName="live",
            patchOperations=[
                {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(value)}
                for name, value in limits.items()
            ],
        )

    assert (settings_before["throttlingRateLimit"], settings_before["throttlingBurstLimit"]) == (
        100,
        100,
    )
    limit(0.5, 1)
    try:
        responses = [api_client.client.get("/v1/presets") for _ in range(3)]
    finally:
        limit(settings_before["throttlingRateLimit"], settings_before["throttlingBurstLimit"])

    throttled = responses[-1]
    assert throttled.status_code == 429
    assert throttled.headers["retry-after"] == "1"
    assert throttled.json()["type"] == "urn:darkroom:problem:too-many-requests"
