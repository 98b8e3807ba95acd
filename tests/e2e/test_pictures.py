"""Both operations, every kind of reference, and any other model: from the event to the bucket."""

import base64
import io
import json
from collections.abc import Callable

import pytest
from PIL import Image

from darkroom.domain.identity import job_id
from darkroom.domain.job import Status
from local.waiting import until
from tests.e2e.desk import EVENTS, Desk, picture, sha256


def test_a_prompt_becomes_a_stored_picture_with_a_manifest_and_a_price(desk: Desk) -> None:
    prompt = "A paper boat on a puddle"

    event = desk.run(prompt=prompt, aspect_ratio="3:2", output_format="webp")

    assert event["detail-type"] == "JobCompleted"
    detail = event["detail"]
    (asset,) = detail["assets"]
    data = desk.body(asset)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("WEBP", (asset["width"], asset["height"]))
    assert (len(data), sha256(data)) == (asset["size"], asset["sha256"])
    assert asset["key"] == f"jobs/{detail['job_id']}/0.webp"
    assert detail["estimated_cost_micro_usd"] == 10_000
    manifest = json.loads(desk.body(detail["manifest"]))
    assert manifest["input"]["prompt"] == prompt
    assert manifest["assets"] == detail["assets"]
    assert detail["uris"] == [f"s3://{asset['bucket']}/{asset['key']}"]


def test_the_record_tells_when_each_part_ended(desk: Desk) -> None:
    event = desk.run(prompt="A clock tower")

    job = desk.job(event["detail"]["job_id"])
    assert job.status is Status.COMPLETED
    moments = [job.accepted_at, job.submitted_at, job.provider_completed_at, job.stored_at]
    assert all(moments)
    assert moments == sorted(moment for moment in moments if moment)
    assert job.checks >= 1
    assert job.expires_at > job.accepted_at.timestamp()
    assert job.prediction_id
    assert desk.charges(job.prediction_id) == 1


def test_the_object_names_its_job_prediction_model_and_digest(desk: Desk) -> None:
    detail = desk.run(prompt="A brass key")["detail"]

    (asset,) = detail["assets"]
    head = desk.s3.head_object(Bucket=asset["bucket"], Key=asset["key"])

    assert head["ContentType"] == "image/png"
    assert head["Metadata"] == {
        "darkroom-job-id": detail["job_id"],
        "darkroom-caller": EVENTS,
        "prediction-id": detail["prediction_id"],
        "model": "openai/gpt-image-2/text-to-image",
        "sha256": asset["sha256"],
    }


def _url(desk: Desk) -> str:
    return "https://pictures.example/garden.jpg"


def _own_asset(desk: Desk) -> str:
    (asset,) = desk.run(prompt="A red bicycle")["detail"]["assets"]
    return f"s3://{asset['bucket']}/{asset['key']}"


def _uploaded(desk: Desk) -> str:
    key = "uploads/holiday snaps/sea + sky 100%.png"
    desk.s3.put_object(Bucket=desk.stack.assets_bucket, Key=key, Body=picture())
    return f"s3://{desk.stack.assets_bucket}/{key}"


def _data_uri(desk: Desk) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture()).decode()}"


def _base64(desk: Desk) -> str:
    return base64.b64encode(picture()).decode()


@pytest.mark.parametrize("reference", [_url, _own_asset, _uploaded, _data_uri, _base64])
def test_an_edit_takes_a_reference_as(desk: Desk, reference: Callable[[Desk], str]) -> None:
    image = reference(desk)

    event = desk.run({"operation": "edit", "quality": "low", "prompt": "Warmer", "images": [image]})

    assert event["detail-type"] == "JobCompleted", event["detail"]
    assert event["detail"]["estimated_cost_micro_usd"] == 30_000
    (asset,) = event["detail"]["assets"]
    Image.open(io.BytesIO(desk.body(asset))).load()


def test_an_edit_uses_the_version_that_lay_there_when_it_was_asked_for(desk: Desk) -> None:
    bucket, key = desk.stack.assets_bucket, "uploads/changing.png"
    desk.s3.put_object(Bucket=bucket, Key=key, Body=picture(640, 480))

    asked = desk.ask(
        operation="edit",
        prompt="Version one [[fault submit.http status=429 retry_after=3]]",
        images=[f"s3://{bucket}/{key}"],
        idempotency_key="pinned",
    )
    until(lambda: desk.find(job_id(EVENTS, "pinned")), seconds=60, what="the record")
    desk.s3.put_object(Bucket=bucket, Key=key, Body=b"no picture any more")

    assert desk.outcome(asked)["detail-type"] == "JobCompleted"
    assert len(desk.posts("Version one")) == 2  # so the second came after the overwriting


@pytest.mark.parametrize(
    ("model", "given", "content_type", "extension"),
    [
        ("wavespeed-ai/wan-2.2/t2v-480p-ultra-fast", {"prompt": "Waves"}, "video/mp4", "mp4"),
        ("minimax/speech-02-turbo", {"text": "Hello", "speed": 1.25}, "audio/wav", "wav"),
        (
            "wavespeed-ai/hunyuan3d-v2-base",
            {"image": "https://pictures.example/vase.png"},
            "model/gltf-binary",
            "glb",
        ),
    ],
)
def test_any_other_model_runs_the_same_way_at_the_price_that_was_quoted(
    desk: Desk, model: str, given: dict[str, object], content_type: str, extension: str
) -> None:
    event = desk.run({"model": model, "input": given})

    assert event["detail-type"] == "JobCompleted", event["detail"]
    (charge,) = desk.admin("ledger", prediction=event["detail"]["prediction_id"])["entries"]
    assert event["detail"]["estimated_cost_micro_usd"] == charge["amount_micro_usd"] > 0
    (asset,) = event["detail"]["assets"]
    assert asset["content_type"] == content_type
    assert asset["key"].endswith(f"/0.{extension}")
    assert asset["width"] is None
    assert sha256(desk.body(asset)) == asset["sha256"]


def test_neither_sync_mode_nor_base64_is_ever_sent(desk: Desk) -> None:
    desk.run(prompt="A plain request, easily found")

    (post,) = desk.posts("A plain request, easily found")

    assert post["body"].keys() == {"prompt", "quality", "resolution", "output_format"}
