"""The S3 entry point on the deployed stack: concurrent uploads and their results."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from darkroom.adapters.s3.presets import KEY
from darkroom.domain import presets, uploads
from local.events import Event
from local.waiting import until
from tests.e2e.deployment import Deployment, png_image

JPEG = png_image()
LOW = {"quality": "low"}


class InboxUpload(NamedTuple):
    """An upload; `refused` is the field of the expected refusal, or None for a job."""

    key: str
    body: bytes = JPEG
    metadata: dict[str, str] = LOW
    refused: str | None = None


UPLOADS = {
    "an image": InboxUpload("warmer-light/beach.png"),
    "odd characters": InboxUpload("clean-scan/a b+c%41 & (d)/ü 写真 ?.webp"),
    "no extension": InboxUpload("warmer-light/upload"),
    "another extension": InboxUpload("warmer-light/photo.jfif"),
    "the longest key": InboxUpload(f"warmer-light/{'long/' * 190}{'x' * 57}.png"),
    "overridden": InboxUpload(
        "product-studio/chair.png",
        metadata={
            **LOW,
            "prompt": uploads.encode("Ein Stuhl, größer"),
            "aspect_ratio": "1:1",
            "resolution": "1k",
            "output_format": "webp",
            "references": "references/logo.png, chair.png",
        },
    ),
    "not an image": InboxUpload("warmer-light/words.png", b"only words", refused="object"),
    "25 MB": InboxUpload("warmer-light/huge.png", JPEG + bytes(25_000_000), refused="object"),
    "truncated": InboxUpload("warmer-light/half.png", JPEG[:-40], refused="object"),
    "no preset": InboxUpload("holiday/beach.png", refused="folder"),
    "our own output": InboxUpload(
        "warmer-light/loop.png",
        metadata={"darkroom_job_id": "x"},
        refused="metadata.darkroom-job-id",
    ),
    "bad metadata": InboxUpload(
        "warmer-light/bad.png", metadata={"quality": "ultra"}, refused="metadata.quality"
    ),
    "bad description": InboxUpload(
        "orders/1/worse.job.json", b'{"operation": "edit", "prompt": "x"}', refused="images"
    ),
}  # fmt: skip
ACCEPTED = [name for name, upload in UPLOADS.items() if upload.refused is None]
REFUSED = [name for name, upload in UPLOADS.items() if upload.refused is not None]


@pytest.fixture(scope="module")
def versions(deployment: Deployment) -> dict[str, str]:
    """Upload all files; their jobs run concurrently. Return the object versions."""
    deployment.put_to_inbox("references/logo.png", png_image(64, 64))
    return {
        name: deployment.put_to_inbox(upload.key, upload.body, **upload.metadata)
        for name, upload in UPLOADS.items()
    }


def terminal_event(deployment: Deployment, versions: dict[str, str], name: str) -> Event:
    return deployment.wait_for_upload(UPLOADS[name].key, versions[name])


@pytest.mark.parametrize("name", ACCEPTED)
def test_upload_becomes_an_edit_under_its_path(
    deployment: Deployment, versions: dict[str, str], name: str
) -> None:
    key = UPLOADS[name].key

    event = terminal_event(deployment, versions, name)

    assert event["detail-type"] == "JobCompleted", event["detail"]
    detail = event["detail"]
    assert detail["caller"] == f"inbox:{key.partition('/')[0]}"
    (asset,) = detail["assets"]
    folder = asset["key"].removesuffix(f"/{detail['job_id']}/0.{asset['key'][-4:].lstrip('.')}")
    assert f"edits/{key}".startswith(folder)
    assert folder == f"edits/{key}" or len(key) > 900
    metadata = deployment.s3.head_object(Bucket=asset["bucket"], Key=asset["key"])["Metadata"]
    assert uploads.decode(metadata["source-key"]) == key
    assert metadata["source-version-id"] == versions[name]
    assert metadata["source-bucket"] == deployment.stack.inbox_bucket
    assert metadata["darkroom-job-id"] == detail["job_id"]
    assert metadata["preset"] == f"{key.partition('/')[0]}@1"


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_upload_is_refused_with_an_error_note(
    deployment: Deployment, versions: dict[str, str], name: str
) -> None:
    upload = UPLOADS[name]

    event = terminal_event(deployment, versions, name)

    assert event["detail-type"] == "JobRejected", event["detail"]
    assert upload.refused in [problem["field"] for problem in event["detail"]["errors"]]
    note = json.loads(
        deployment.asset_bytes(
            {"bucket": deployment.stack.assets_bucket, "key": f"errors/{upload.key}.json"}
        )
    )
    assert upload.key in note["message"]
    assert "No job was started, and nothing was charged." in note["message"]
    assert note["errors"] == event["detail"]["errors"]


def test_job_description_file_starts_its_job(deployment: Deployment) -> None:
    deployment.put_to_inbox("orders/2/front.png", png_image())
    body = {"operation": "edit", **LOW, "prompt": "Front and logo",
            "images": ["front.png", "references/logo.png"]}  # fmt: skip
    key = "orders/2/both.job.json"
    deployment.put_to_inbox("references/logo.png", png_image(64, 64))

    version = deployment.put_to_inbox(key, json.dumps(body).encode())

    event = deployment.wait_for_upload(key, version)
    assert event["detail-type"] == "JobCompleted", event["detail"]
    (post,) = deployment.submits_with("Front and logo")
    assert len(post["body"]["images"]) == 2


def test_description_waits_for_its_image(deployment: Deployment) -> None:
    body = {"operation": "edit", **LOW, "prompt": "Before its image", "images": ["late.png"]}
    version = deployment.put_to_inbox("orders/3/late.job.json", json.dumps(body).encode())
    until(
        lambda: deployment.s3.list_objects_v2(
            Bucket=deployment.stack.assets_bucket, Prefix="waiting/"
        ).get("Contents"),
        seconds=30,
        what="the waiting description",
    )

    deployment.put_to_inbox("orders/3/late.png", png_image())

    # The sweep runs every minute.
    event = deployment.wait_for_upload("orders/3/late.job.json", version, seconds=120)
    assert event["detail-type"] == "JobCompleted", event["detail"]


def test_failed_job_has_a_note_that_the_next_success_removes(deployment: Deployment) -> None:
    key, note = "warmer-light/blocked.png", "errors/warmer-light/blocked.png.json"
    location = {"bucket": deployment.stack.assets_bucket, "key": note}
    version = deployment.put_to_inbox(
        key, png_image(), **LOW, prompt="No luck [[fault run.moderated]]"
    )
    event = deployment.wait_for_upload(key, version)
    assert event["detail-type"] == "JobFailed", event["detail"]

    def read_note() -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = json.loads(deployment.asset_bytes(location))
        except ClientError:
            return None
        return document

    written = until(read_note, seconds=30, what="the note")
    assert written["source"]["version_id"] == version
    assert "may have charged" in written["message"]

    better = deployment.put_to_inbox(key, png_image(), **LOW, prompt="Harmless")
    assert deployment.wait_for_upload(key, better)["detail-type"] == "JobCompleted"
    until(lambda: read_note() is None or None, seconds=30, what="the removal of the note")


def test_repeated_upload_is_not_paid_again(deployment: Deployment) -> None:
    key, prompt = "warmer-light/nightly.png", "Uploaded every night"
    first = deployment.put_to_inbox(key, png_image(), **LOW, prompt=prompt)
    detail = deployment.wait_for_upload(key, first)["detail"]
    second = deployment.put_to_inbox(key, png_image(), **LOW, prompt=prompt)

    def source_version() -> str | None:
        source = deployment.job(detail["job_id"]).source
        return source.version_id if source else None

    until(lambda: source_version() == second or None, seconds=30, what="the repeated upload")
    assert len(deployment.submits_with(prompt)) == 1


@pytest.fixture
def write_presets(deployment: Deployment) -> Iterator[Any]:
    """Yield a function that writes the preset document; the document is deleted afterwards."""
    bucket = deployment.stack.assets_bucket

    def write(text: str) -> None:
        deployment.s3.put_object(Bucket=bucket, Key=KEY, Body=text.encode())

    yield write
    deployment.s3.delete_object(Bucket=bucket, Key=KEY)


def test_preset_document_changes_without_a_deployment_and_invalid_ones_are_ignored(
    deployment: Deployment, write_presets: Any
) -> None:
    own_presets = presets.shipped().model_dump(mode="json")
    own_presets["version"] = 7
    own_presets["presets"]["sepia"] = {"prompt": "Make it sepia, easily found", "quality": "low"}
    write_presets(json.dumps(own_presets))
    write_presets('{"version": 8, "presets": ')

    version = deployment.put_to_inbox("sepia/old.png", png_image())

    event = deployment.wait_for_upload("sepia/old.png", version)
    assert event["detail-type"] == "JobCompleted", event["detail"]
    assert deployment.job(event["detail"]["job_id"]).preset == "sepia@7"
    with deployment.http_client(deployment.create_key("reader")) as client:
        view = client.get("/v1/presets").json()
    assert view["version"] == 7
    assert "not valid JSON" in view["problem"]
    until(
        lambda: _metric_is_logged(deployment, "PresetsBroken"),
        seconds=20,
        what="the metric of the alarm",
    )


def _metric_is_logged(deployment: Deployment, metric: str) -> bool | None:
    return any(f'"Name":"{metric}"' in line for line in deployment.log_lines(f'"{metric}"')) or None
