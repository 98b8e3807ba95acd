"""Generation from the event to the bucket: operations, reference types and other models."""

import base64
import io
import json

import pytest
from PIL import Image

from darkroom.domain.identity import job_id
from local.waiting import until
from tests.e2e.deployment import EVENTS, Deployment, png_image, sha256


def test_prompt_becomes_a_stored_image(deployment: Deployment) -> None:
    """The asset, its metadata, the manifest, the record, the price and the submit."""
    prompt = "A paper boat on a puddle"

    detail = deployment.run_job(prompt=prompt, aspect_ratio="3:2", output_format="webp")["detail"]

    (asset,) = detail["assets"]
    data = deployment.asset_bytes(asset)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("WEBP", (asset["width"], asset["height"]))
    assert (len(data), sha256(data)) == (asset["size"], asset["sha256"])
    assert asset["key"] == f"jobs/{detail['job_id']}/0.webp"
    assert detail["uris"] == [f"s3://{asset['bucket']}/{asset['key']}"]
    head = deployment.s3.head_object(Bucket=asset["bucket"], Key=asset["key"])
    assert head["ContentType"] == "image/webp"
    assert head["Metadata"] == {
        "darkroom-job-id": detail["job_id"],
        "darkroom-caller": EVENTS,
        "prediction-id": detail["prediction_id"],
        "model": "openai/gpt-image-2/text-to-image",
        "sha256": asset["sha256"],
    }
    manifest = json.loads(deployment.asset_bytes(detail["manifest"]))
    assert manifest["input"]["prompt"] == prompt
    assert manifest["assets"] == detail["assets"]
    job = deployment.job(detail["job_id"])
    times = [job.accepted_at, job.submitted_at, job.provider_completed_at, job.stored_at]
    assert all(times)
    assert times == sorted(time for time in times if time)
    assert detail["estimated_cost_micro_usd"] == 10_000
    assert deployment.charges_of(detail["prediction_id"]) == 1
    (post,) = deployment.submits_with(prompt)
    assert post["body"].keys() == {
        "prompt", "quality", "resolution", "output_format", "aspect_ratio",
    }  # fmt: skip


def test_edit_accepts_every_reference_type(deployment: Deployment) -> None:
    (asset,) = deployment.run_job(prompt="A red bicycle")["detail"]["assets"]
    key = "uploads/holiday snaps/sea + sky 100%.png"
    deployment.s3.put_object(Bucket=deployment.stack.assets_bucket, Key=key, Body=png_image())
    data = base64.b64encode(png_image()).decode()
    images = [
        "https://images.example/garden.jpg",
        f"s3://{asset['bucket']}/{asset['key']}",
        f"s3://{deployment.stack.assets_bucket}/{key}",
        f"data:image/png;base64,{data}",
        data,
    ]

    event = deployment.run_job(
        {"operation": "edit", "quality": "low", "prompt": "Warmer", "images": images}
    )

    assert event["detail-type"] == "JobCompleted", event["detail"]
    assert event["detail"]["estimated_cost_micro_usd"] == 30_000 + 4 * 12_000
    (edited,) = event["detail"]["assets"]
    Image.open(io.BytesIO(deployment.asset_bytes(edited))).load()


def test_edit_uses_the_pinned_version_of_a_reference(deployment: Deployment) -> None:
    bucket, key = deployment.stack.assets_bucket, "uploads/changing.png"
    deployment.s3.put_object(Bucket=bucket, Key=key, Body=png_image(640, 480))

    event_id = deployment.request_job(
        operation="edit",
        prompt="Version one [[fault submit.http status=429 retry_after=3]]",
        images=[f"s3://{bucket}/{key}"],
        idempotency_key="pinned",
    )
    until(lambda: deployment.find_job(job_id(EVENTS, "pinned")), seconds=60, what="the record")
    deployment.s3.put_object(Bucket=bucket, Key=key, Body=b"not an image")

    assert deployment.wait_for_request(event_id)["detail-type"] == "JobCompleted"
    assert (
        len(deployment.submits_with("Version one")) == 2
    )  # the second submit came after the object was overwritten


@pytest.mark.parametrize(
    ("model", "model_input", "content_type", "extension"),
    [
        ("wavespeed-ai/wan-2.2/t2v-480p-ultra-fast", {"prompt": "Waves"}, "video/mp4", "mp4"),
        (
            "wavespeed-ai/hunyuan3d-v2-base",
            {"image": "https://images.example/vase.png"},
            "model/gltf-binary",
            "glb",
        ),
    ],
)
def test_any_model_completes_at_the_quoted_price(
    deployment: Deployment,
    model: str,
    model_input: dict[str, object],
    content_type: str,
    extension: str,
) -> None:
    event = deployment.run_job({"model": model, "input": model_input})

    assert event["detail-type"] == "JobCompleted", event["detail"]
    (charge,) = deployment.query_simulator("ledger", prediction=event["detail"]["prediction_id"])[
        "entries"
    ]
    assert event["detail"]["estimated_cost_micro_usd"] == charge["amount_micro_usd"] > 0
    (asset,) = event["detail"]["assets"]
    assert asset["content_type"] == content_type
    assert asset["key"].endswith(f"/0.{extension}")
    assert asset["width"] is None
    assert sha256(deployment.asset_bytes(asset)) == asset["sha256"]
