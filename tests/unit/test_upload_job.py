"""UploadJob: a picture in a preset's folder is its edit, a description is whatever it describes."""

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
from tests.fakes.pictures import JPEG, PNG, WEBP
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import TEXT_TO_IMAGE, World

SCAN = presets.shipped().presets["clean-scan"]
PAGE = "clean-scan/page.png"


def drop(world: World, key: str, data: bytes = PNG, **metadata: str) -> Job:
    """Put a file into the inbox; return the job that it has become."""
    job = world.upload_job()(world.inbox.put(key, data, **metadata), event_id="event-1")
    assert job is not None
    assert job.status is Status.QUEUED
    assert job.job_id in world.jobs.records
    assert job.job_id in world.workflow.started
    assert world.events.published == []
    assert world.assets.documents == {}
    return job


def describe(world: World, key: str, **description: Any) -> Job:
    return drop(world, key, json.dumps(description).encode())


def at(key: str, version: str = "v1", bucket: str = "inbox") -> S3Object:
    return S3Object(bucket=bucket, key=key, version_id=version)


def test_a_picture_in_a_presets_folder_is_that_presets_edit() -> None:
    job = drop(World(), "clean-scan/2026/a page.png")

    assert (job.operation, job.model) == (Operation.EDIT, EDIT_MODEL)
    assert job.input == {
        "prompt": SCAN.prompt, "resolution": "2k", "quality": "high", "output_format": "png"
    }  # fmt: skip
    assert job.references == (job.source,) == (at("clean-scan/2026/a page.png"),)
    assert (job.caller, job.request_id) == ("inbox:clean-scan", "event-1")
    assert job.preset == "clean-scan@1"
    assert job.prefix == f"edits/clean-scan/2026/a page.png/{job.job_id}"


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.jpg", "a.JPeG", "a.webp", ".png", "a.b.png"])
@pytest.mark.parametrize("data", [PNG, JPEG, WEBP, PNG.ljust(MAX_REFERENCE_BYTES, b"\x00")])
def test_a_picture_is_one_by_its_bytes_whatever_picture_its_name_says(
    name: str, data: bytes
) -> None:
    assert drop(World(), f"clean-scan/{name}", data).operation is Operation.EDIT


@pytest.mark.parametrize(
    "name",
    ["a b.png", "a+b.png", "100%.png", "%2F.png", "größe/字/\U0001f3ee.png", "a//b.png", "/a.png",
     "a\n\t\x01.png", "?x=#y&z.png", "d/" * 100 + "deep.png", "x" * 1009 + ".png"],
)  # fmt: skip
def test_any_key_of_a_picture_will_do(name: str) -> None:
    key = f"clean-scan/{name}"

    job = drop(World(), key)

    assert job.references == (at(key),)
    assert job.prefix == f"edits/{key}"[: 1024 - 41] + f"/{job.job_id}"
    assert len(f"{job.prefix}/manifest.json".encode()) <= 1024


@pytest.mark.parametrize(
    ("name", "value", "field", "asked"),
    [("prompt", "only crop it", "prompt", "only crop it"), ("quality", "low", "quality", "low"),
     ("prompt", encode("größer, 大"), "prompt", "größer, 大"), ("prompt", "a\nb", "prompt", "a\nb"),
     ("resolution", "4k", "resolution", "4k"), ("aspect-ratio", "16:9", "aspect_ratio", "16:9"),
     ("output-format", "webp", "output_format", "webp")],
)  # fmt: skip
def test_metadata_overrides_its_field_of_the_preset(
    name: str, value: str, field: str, asked: str
) -> None:
    world = World()
    plain = drop(world, PAGE).input

    assert drop(world, PAGE, PNG, **{name: value, "colour": "red"}).input == {**plain, field: asked}


def test_references_are_keys_beside_the_picture_or_whole_ones_or_uris() -> None:
    world = World()
    for key in ("clean-scan/x/logo.png", "logo.png", "references/ä,b.png", "references/new.png"):
        world.inbox.put(key, JPEG)
    world.inbox.put("references/new.png", WEBP)
    world.references.objects["photos", "p q.png"] = [PNG]
    names = ["logo.png", "references/ä,b.png", "references/new.png", "s3://photos/p q.png"]

    job = drop(world, "clean-scan/x/page.png", references=json.dumps(names))

    assert job.references == (
        at("clean-scan/x/page.png"), at("clean-scan/x/logo.png"), at("references/ä,b.png"),
        at("references/new.png", "v2"), at("p q.png", bucket="photos"),
    )  # fmt: skip


def test_fifteen_references_beside_the_picture_are_not_too_many() -> None:
    world = World()
    world.inbox.put("references/a.png", PNG)

    assert len(drop(world, PAGE, references="references/a.png," * 15).references) == 16


def test_the_owners_presets_serve_and_a_job_names_their_version() -> None:
    world = World()
    world.presets.serving = presets.parse(
        b'{"version": 12, "presets": {"mine": {"prompt": "sepia"}}}'
    )

    job = drop(world, "mine/a.png")

    assert (job.preset, job.input["prompt"]) == ("mine@12", "sepia")
    assert world.metrics.total("PresetsBroken") == 0


def test_a_broken_document_takes_no_folder_down_and_is_counted() -> None:
    world = World()
    world.presets.problem = "the newest document cannot serve"

    assert drop(world, PAGE).input["prompt"] == SCAN.prompt
    assert world.metrics.total("PresetsBroken") == 1


def test_each_upload_of_a_key_is_a_job_of_its_own_version_and_metadata() -> None:
    world = World()
    first, second = world.inbox.put(PAGE, PNG, prompt="1"), world.inbox.put(PAGE, JPEG, prompt="2")

    # Reordered, and each of them more than once.
    jobs = [world.upload_job()(each, event_id="e") for each in (second, first, second, first)]

    assert len(world.jobs.records) == len(world.workflow.started) == 2
    asked = [(job.input["prompt"], job.references) for job in jobs if job]
    assert asked == [("2", (at(PAGE, "v2"),)), ("1", (at(PAGE),))] * 2


@pytest.mark.parametrize("key", [PAGE, "jobs/a.job.json"])
def test_what_is_gone_before_its_notification_is_no_job_and_no_refusal(key: str) -> None:
    world = World()
    upload = world.inbox.put(key, PNG)
    world.references.objects.clear()

    assert world.upload_job()(upload, event_id="event-1") is None

    assert (world.jobs.records, world.events.published) == ({}, [])


@pytest.mark.parametrize(
    "key", ["clean-scan/", "a/b/", "/", "references/", "references/a.png", "references/notes.txt"]
)
def test_folders_and_references_start_nothing_and_are_not_refused(key: str) -> None:
    world = World()

    assert world.upload_job()(world.inbox.put(key, b""), event_id="event-1") is None

    assert (world.jobs.records, world.events.published) == ({}, [])
    assert world.assets.documents == {}


def test_a_description_is_a_job_of_any_kind() -> None:
    world = World()

    job = describe(world, "tonight/fog.job.json", **TEXT_TO_IMAGE, deadline_seconds=600)
    other = describe(world, "a.job.json", model="maker/model", input={"seed": 7})

    assert (job.model, job.deadline_seconds) == (TEXT_TO_IMAGE_MODEL, 600)
    assert job.source == at("tonight/fog.job.json")
    assert (job.caller, job.preset, job.prefix) == ("inbox", None, f"jobs/{job.job_id}")
    assert (other.model, other.input) == ("maker/model", {"seed": 7})


def test_a_descriptions_images_are_keys_beside_it_or_any_reference() -> None:
    world = World()
    world.inbox.put("shop/a b.png", PNG)
    world.inbox.put("shop/deep/c.png", PNG)
    world.inbox.put("references/d.png", PNG)
    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    images = ["a b.png", "deep/c.png", "references/d.png", "https://a.test/e.png", data]

    job = describe(world, "shop/x.job.json", operation="edit", prompt="join", images=images)

    *named, url, kept = job.references
    assert named == [at("shop/a b.png"), at("shop/deep/c.png"), at("references/d.png")]
    assert str(url) == "https://a.test/e.png"
    assert str(kept).startswith(f"s3://assets/references/{job.job_id}/")


def test_a_description_may_lie_among_the_references_and_begin_with_a_byte_order_mark() -> None:
    text = b"\xef\xbb\xbf" + json.dumps(TEXT_TO_IMAGE).encode()

    assert drop(World(), "references/x.job.json", text).operation is Operation.TEXT_TO_IMAGE


@pytest.mark.parametrize(
    ("key", "told"), [("clean-scan/a b.png", "clean-scan/a b.png"), ("clean-scan/ü.png",
     "=?UTF-8?B?Y2xlYW4tc2Nhbi/DvC5wbmc=?="), (f"clean-scan/{'ü' * 504}.png", None)],
)  # fmt: skip
def test_outputs_lie_under_the_path_of_their_upload_and_name_it(key: str, told: str | None) -> None:
    world = World()
    world.downloads.files = {OUTPUT: PNG}
    job = drop(world, key)
    step = Step(job_id=job.job_id)
    for state in (world.submit_job(), world.check_job(), world.finalize_job()):
        step = state(step)

    [(output, metadata)] = world.assets.metadata.items()
    assert output == f"{job.prefix}/0.png"
    assert list(world.assets.documents) == [f"{job.prefix}/manifest.json"]
    assert metadata["source-key"] == (told or encode(key))
    named = ("darkroom-job-id", "source-bucket", "source-version-id", "preset", "prediction-id")
    assert [metadata[name] for name in named] == [
        job.job_id, "inbox", "v1", "clean-scan@1", PREDICTION
    ]  # fmt: skip
    # S3 takes 2 KB of metadata; a real bucket and version may have longer names than ours.
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 1850
    [event] = world.events.named("JobCompleted")
    assert isinstance(event, JobCompleted)
    assert event.source is not None
    assert (event.source.key, event.source.version_id) == (key, "v1")
