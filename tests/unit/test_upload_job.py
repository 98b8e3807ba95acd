"""UploadJob: an image in a preset folder becomes an edit, a description any job."""

import base64
import json
from typing import Any

import pytest

from darkroom.domain import presets
from darkroom.domain.events import JobCompleted
from darkroom.domain.job import Job, Status
from darkroom.domain.references import MAX_REFERENCE_BYTES, S3Object
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL, Operation
from darkroom.domain.steps import Step
from darkroom.domain.uploads import encode
from tests.fakes.images import JPEG, PNG, WEBP
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import TEXT_TO_IMAGE, World

SCAN = presets.shipped().presets["clean-scan"]
PAGE = "clean-scan/page.png"


def upload_file(world: World, key: str, data: bytes = PNG, **metadata: str) -> Job:
    """Put a file into the inbox; return its job."""
    job = world.app.upload_job.run(world.inbox.put(key, data, **metadata), event_id="event-1")
    assert job is not None
    assert job.status is Status.QUEUED
    assert job.job_id in world.jobs.records
    assert job.job_id in world.workflow.started
    assert world.events.published == []
    assert world.assets.documents == {}
    return job


def upload_description(world: World, key: str, **description: Any) -> Job:
    return upload_file(world, key, json.dumps(description).encode())


def object_at(key: str, version: str = "v1", bucket: str = "inbox") -> S3Object:
    return S3Object(bucket=bucket, key=key, version_id=version)


def test_image_in_a_preset_folder_becomes_an_edit_with_that_preset() -> None:
    job = upload_file(World(), "clean-scan/2026/a page.png")

    assert (job.operation, job.model) == (Operation.EDIT, EDIT_MODEL)
    assert job.input == {
        "prompt": SCAN.prompt, "resolution": "2k", "quality": "high", "output_format": "png"
    }  # fmt: skip
    assert job.references == (job.source,) == (object_at("clean-scan/2026/a page.png"),)
    assert (job.caller, job.request_id) == ("inbox:clean-scan", "event-1")
    assert job.preset == "clean-scan@1"
    assert job.prefix == f"edits/clean-scan/2026/a page.png/{job.job_id}"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.PNG", JPEG),
        ("a.JPeG", WEBP),
        ("a.webp", PNG.ljust(MAX_REFERENCE_BYTES, b"\x00")),
        ("photo.jfif", JPEG),
        ("upload", PNG),
        ("a.gif", WEBP),
        ("a.txt", PNG),
        ("scan.v1.2", JPEG),
    ],
)
def test_image_format_is_detected_from_the_bytes(name: str, data: bytes) -> None:
    assert upload_file(World(), f"clean-scan/{name}", data).operation is Operation.EDIT


def test_references_are_relative_keys_full_keys_or_uris() -> None:
    world = World()
    for key in ("clean-scan/x/logo.png", "logo.png", "references/ä,b.png", "references/new.png"):
        world.inbox.put(key, JPEG)
    world.inbox.put("references/new.png", WEBP)
    world.references.objects["photos", "p q.png"] = [PNG]
    names = ["logo.png", "references/ä,b.png", "references/new.png", "s3://photos/p q.png"]

    job = upload_file(world, "clean-scan/x/page.png", references=json.dumps(names))

    assert job.references == (
        object_at("clean-scan/x/page.png"),
        object_at("clean-scan/x/logo.png"),
        object_at("references/ä,b.png"),
        object_at("references/new.png", "v2"),
        object_at("p q.png", bucket="photos"),
    )


def test_job_records_the_version_of_custom_presets() -> None:
    world = World()
    world.presets.current = presets.parse(
        b'{"version": 12, "presets": {"mine": {"prompt": "sepia"}}}'
    )

    job = upload_file(world, "mine/a.png")

    assert (job.preset, job.input["prompt"]) == ("mine@12", "sepia")
    assert world.metrics.total("PresetsBroken") == 0


def test_broken_presets_document_is_counted_and_the_current_presets_apply() -> None:
    world = World()
    world.presets.problem = "The newest presets document is not used."

    assert upload_file(world, PAGE).input["prompt"] == SCAN.prompt
    assert world.metrics.total("PresetsBroken") == 1


def test_each_version_of_a_key_is_one_job_with_its_metadata() -> None:
    world = World()
    first, second = world.inbox.put(PAGE, PNG, prompt="1"), world.inbox.put(PAGE, JPEG, prompt="2")

    # Reordered and duplicate notifications.
    jobs = [
        world.app.upload_job.run(upload, event_id="e") for upload in (second, first, second, first)
    ]

    assert len(world.jobs.records) == len(world.workflow.started) == 2
    requests = [(job.input["prompt"], job.references) for job in jobs if job]
    assert requests == [("2", (object_at(PAGE, "v2"),)), ("1", (object_at(PAGE),))] * 2


@pytest.mark.parametrize("key", [PAGE, "jobs/a.job.json"])
def test_deleted_object_creates_no_job_and_no_rejection(key: str) -> None:
    world = World()
    upload = world.inbox.put(key, PNG)
    world.references.objects.clear()

    assert world.app.upload_job.run(upload, event_id="event-1") is None

    assert (world.jobs.records, world.events.published) == ({}, [])


@pytest.mark.parametrize(
    "key", ["clean-scan/", "a/b/", "/", "references/", "references/a.png", "references/notes.txt"]
)
def test_folders_and_references_are_ignored(key: str) -> None:
    world = World()

    assert world.app.upload_job.run(world.inbox.put(key, b""), event_id="event-1") is None
    assert world.inbox.processed == set()

    assert (world.jobs.records, world.events.published) == ({}, [])
    assert world.assets.documents == {}


@pytest.mark.parametrize("data", [PNG, b"no image"])
def test_accepted_and_rejected_uploads_expire(data: bytes) -> None:
    world = World()

    world.app.upload_job.run(world.inbox.put(PAGE, data), event_id="event-1")

    assert world.inbox.processed == {PAGE}


def test_description_creates_a_job_of_any_operation() -> None:
    world = World()

    job = upload_description(world, "tonight/fog.job.json", **TEXT_TO_IMAGE, deadline_seconds=600)
    other = upload_description(world, "a.job.json", model="maker/model", input={"seed": 7})

    assert (job.model, job.deadline_seconds) == (TEXT_TO_IMAGE_MODEL, 600)
    assert job.source == object_at("tonight/fog.job.json")
    assert (job.caller, job.preset, job.prefix) == ("inbox", None, f"jobs/{job.job_id}")
    assert (other.model, other.input) == ("maker/model", {"seed": 7})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_description_is_read_in_any_unicode_encoding(encoding: str) -> None:
    """PowerShell writes UTF-16."""
    text = json.dumps(TEXT_TO_IMAGE | {"prompt": "größer"}, ensure_ascii=False)

    job = upload_file(World(), "a.job.json", text.encode(encoding))

    assert job.input["prompt"] == "größer"


def test_description_images_are_relative_keys_or_any_reference() -> None:
    world = World()
    world.inbox.put("shop/a b.png", PNG)
    world.inbox.put("shop/deep/c.png", PNG)
    world.inbox.put("references/d.png", PNG)
    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    images = ["a b.png", "deep/c.png", "references/d.png", "https://a.test/e.png", data]

    job = upload_description(
        world, "shop/x.job.json", operation="edit", prompt="join", images=images
    )

    *inbox_objects, url, stored = job.references
    assert inbox_objects == [
        object_at("shop/a b.png"),
        object_at("shop/deep/c.png"),
        object_at("references/d.png"),
    ]
    assert str(url) == "https://a.test/e.png"
    assert str(stored).startswith(f"s3://assets/references/{job.job_id}/")


@pytest.mark.parametrize(
    ("key", "header"), [("clean-scan/a b.png", "clean-scan/a b.png"), ("clean-scan/ü.png",
     "=?UTF-8?B?Y2xlYW4tc2Nhbi/DvC5wbmc=?="), (f"clean-scan/{'ü' * 504}.png", None)],
)  # fmt: skip
def test_outputs_have_the_prefix_and_metadata_of_their_upload(key: str, header: str | None) -> None:
    world = World()
    world.downloads.files = {OUTPUT: PNG}
    job = upload_file(world, key)
    step = Step(job_id=job.job_id)
    for state in (world.app.submit_job, world.app.check_job, world.app.finalize_job):
        step = state.run(step)

    [(output, metadata)] = world.assets.metadata.items()
    assert output == f"{job.prefix}/0.png"
    [(manifest_key, manifest)] = world.assets.documents.items()
    assert manifest_key == f"{job.prefix}/manifest.json"
    assert manifest["source"] == {"bucket": "inbox", "key": key, "version_id": "v1"}
    assert (manifest["preset"], manifest["caller"]) == ("clean-scan@1", "inbox:clean-scan")
    assert metadata["source-key"] == (header or encode(key))
    assert all(value.isascii() for value in metadata.values())
    names = ("darkroom-job-id", "source-bucket", "source-version-id", "preset", "prediction-id")
    assert [metadata[name] for name in names] == [
        job.job_id, "inbox", "v1", "clean-scan@1", PREDICTION
    ]  # fmt: skip
    # S3 allows 2 KB of metadata; real bucket names and version ids may be longer than these.
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 1850
    [event] = world.events.of_type("JobCompleted")
    assert isinstance(event, JobCompleted)
    assert event.source is not None
    assert (event.source.key, event.source.version_id) == (key, "v1")
