"""UploadJob: a rejected upload is uncharged and has an error document and an event."""

import json
from typing import Any

import pytest

from darkroom.domain import presets
from darkroom.domain.errors import Code
from darkroom.domain.events import JobRejected
from darkroom.domain.references import MAX_REFERENCE_BYTES
from tests.fakes.images import PNG
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World

PAGE = "clean-scan/a page.png"
OUTPUT_MARKER = "darkroom-job-id"


def refusal(world: World, key: str, data: bytes = PNG, **metadata: str) -> JobRejected:
    """Put an invalid file into the inbox; return the JobRejected event."""
    job = world.app.upload_job.run(world.inbox.put(key, data, **metadata), event_id="event-1")

    assert job is None
    assert world.jobs.records == {}
    assert world.workflow.started == []
    assert world.metrics.total("UploadsRejected") == 1
    assert len(world.assets.documents) == 1
    [event] = world.events.published
    assert isinstance(event, JobRejected)
    assert (event.id, event.request_id) == ("event-1.rejected", "event-1")
    assert (event.job_id, event.code) == (None, Code.INVALID_REQUEST)
    assert event.source is not None
    assert event.source.model_dump() == {"bucket": "inbox", "key": key, "version_id": "v1"}
    assert len(event.model_dump_json()) < 20_000
    return event


def problem(event: JobRejected) -> tuple[str, str, str]:
    [error] = event.errors
    assert error.message == event.message
    return error.field, error.message, error.allowed


def test_rejected_upload_has_an_error_document() -> None:
    world = World()

    refusal(world, PAGE, b"a shopping list")

    message = "a page.png has an unsupported format. Use PNG, JPEG or WebP."
    assert world.assets.documents == {
        f"errors/{PAGE}.json": {
            "message": (
                f"{PAGE} was rejected. {message} No job was started, and nothing was charged."
            ),
            "code": "invalid_request",
            "errors": [
                {
                    "field": "object",
                    "message": message,
                    "allowed": "a PNG, JPEG or WebP image up to 20 MB",
                }
            ],
            "source": {"bucket": "inbox", "key": PAGE, "version_id": "v1"},
            "event_id": "event-1",
            "at": START.isoformat(),
        }
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty."),
        (b"GIF89a" + bytes(99), "is a GIF. Use PNG, JPEG or WebP."),
        (b"\x00\x00\x00\x18ftypheic", "is a HEIC image. Export it as JPEG."),
        (b"II*\x00", "is a TIFF. Use PNG, JPEG or WebP."),
        (b"%PDF-1.7", "is a PDF. Use PNG, JPEG or WebP."),
        (PNG.ljust(MAX_REFERENCE_BYTES + 1, b"\x00"), "is 20.1 MB; the limit is 20 MB."),
        (PNG.ljust(25_000_000, b"\x00"), "is 25 MB; the limit is 20 MB."),
    ],
    ids=["empty", "gif", "heic", "tiff", "pdf", "one byte too many", "25 MB"],
)
def test_file_that_is_not_an_image_or_too_large_is_rejected(data: bytes, message: str) -> None:
    allowed = "a PNG, JPEG or WebP image up to 20 MB"

    assert problem(refusal(World(), PAGE, data)) == ("object", f"a page.png {message}", allowed)


@pytest.mark.parametrize(
    ("key", "message"),
    [("a.png", "a.png is not in the folder of a preset."),
     ("/a.png", "a.png is not in the folder of a preset."),
     ("holiday/a.png", 'The folder "holiday" is not a preset.'),
     ("Clean-Scan/a.png", 'The folder "Clean-Scan" is not a preset.'),
     ("clean-scan /a.png", 'The folder "clean-scan " is not a preset.')],
)  # fmt: skip
def test_unknown_folder_is_rejected_with_the_preset_names(key: str, message: str) -> None:
    field, reason, allowed = problem(refusal(World(), key))

    assert field == "folder"
    assert reason.startswith(f"{message} Upload to one of these folders: ")
    for name in presets.shipped().presets:
        assert name in allowed
        assert name in reason


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt", "a.json", "a.png"])
def test_text_under_any_name_is_rejected(name: str) -> None:
    hint = " The name of a job description ends in .job.json." if name == "a.json" else ""

    assert problem(refusal(World(), f"clean-scan/{name}", b"a shopping list")) == (
        "object",
        f"{name} has an unsupported format. Use PNG, JPEG or WebP.{hint}",
        "a PNG, JPEG or WebP image up to 20 MB",
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("prompt", " ", "at least 1 character"),
        ("prompt", "x" * 32_001, "at most 32,000 characters"),
        ("quality", "best", "'low', 'medium' or 'high'"),
        ("resolution", "8k", "'1k', '2k' or '4k'"),
        ("aspect-ratio", "16x9", "'16:9'"),
        ("output-format", "gif", "'png', 'jpeg' or 'webp'"),
        ("repeat-after-hours", "-1", "a whole number of hours, 0 to 2160"),
        ("repeat-after-hours", "2161", "a whole number of hours, 0 to 2160"),
        ("references", "s3://private/a.png", "s3://bucket/key"),
        ("references", "http://a.test/a.png", "s3://bucket/key"),
        ("references", "clean-scan/empty.png", "s3://bucket/key"),
        ("references", "s3://Bucket/a.png", "s3://bucket/key"),
        ("references", '["a.png"', "keys with commas, or a JSON list of keys"),
        ("references", '["\\ud800.png"]', "Unicode"),
        ("references", "a," * 16, "at most 15 references"),
        (OUTPUT_MARKER, "", "an object without it"),
    ],
)
def test_invalid_metadata_is_reported_by_its_name(name: str, value: str, allowed: str) -> None:
    world = World()
    world.inbox.put("clean-scan/empty.png", b"")
    world.references.objects["private", "a.png"] = [PNG]
    world.references.forbidden.add("private")

    field, _, actual = problem(refusal(world, PAGE, PNG, **{name: value}))

    assert field == f"metadata.{name}"
    assert allowed.lower() in actual.lower()


def description(**changes: Any) -> bytes:
    return json.dumps(TEXT_TO_IMAGE | changes).encode()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", ""),
        (b'{"operation": ', ""),
        (json.dumps(TEXT_TO_IMAGE).encode("utf-16")[:-1], ""),
        (b"\xff", ""),
        (json.dumps({**TEXT_TO_IMAGE, "prompt": "\ud800"}).encode(), "prompt"),
        (b'{"operation": "text-to-image", "prompt": "' + b'\xed\xa0\x80"}', "prompt"),
        (b"[" * 100_000, ""),
        (b"[]", ""),
        (b'"a lighthouse"', ""),
        (b"{}", "operation"),
        (description(prompt=""), "prompt"),
        (description(images=["a.png"]), "images"),
        (description(deadline_seconds=3601), "deadline_seconds"),
        (description(idempotency_key="k"), "idempotency_key"),
        (description(operation="edit"), "images"),
        (description(operation="edit", images="a.png"), "images"),
        (description(operation="edit", images=[]), "images"),
        (description(operation="edit", images=[""]), "images.0"),
        (description(operation="edit", images=[7]), "images.0"),
        (description(operation="edit", images=["\ud800"]), "images.0"),
        (description(operation="edit", images=["x" * 5000]), "images.0"),
        (description().ljust(1024 * 1024 + 1), ""),
    ],
)
def test_invalid_description_is_reported_by_field(data: bytes, field: str) -> None:
    assert problem(refusal(World(), "shop/x.job.json", data))[0] == field


@pytest.mark.parametrize("images", [17, 50_000])
def test_too_many_images_are_rejected_before_any_lookup(images: int) -> None:
    world = World()
    listed = [f"{number}.png" for number in range(images)]

    event = refusal(world, "x.job.json", description(operation="edit", images=listed))

    assert problem(event) == (
        "images", f"`images` has {images} items. Use at most 16 items.", "at most 16 items",
    )  # fmt: skip
    assert world.crash_at.calls < 10


@pytest.mark.parametrize(
    ("key", "caller"),
    [(PAGE, "inbox:clean-scan"), ("holiday/a.png", "inbox:holiday"), ("a.png", "inbox"),
     ("clean-scan/x.job.json", "inbox"), ("x.job.json", "inbox")],
)  # fmt: skip
def test_rejection_has_the_caller_of_the_job(key: str, caller: str) -> None:
    assert refusal(World(), key, b"no").caller == caller


@pytest.mark.parametrize("name", ["../up.png", "./a.png", "a/../b.png", "a/."])
def test_key_with_dot_segments_is_rejected(name: str) -> None:
    """HTTP clients resolve dot segments, so the provider would request another object."""
    key = f"clean-scan/{name}" if name.endswith(".png") else f"clean-scan/{name}/b.png"

    field, message, _ = problem(refusal(World(), key))

    assert field == "object"
    assert message.startswith(key.rpartition("/")[2])
    assert "has a . or .. in its path, which a URL cannot contain. Rename the object." in message


def test_error_document_is_removed_after_a_valid_upload() -> None:
    world = World()
    refusal(world, "clean-scan/a.png", b"no picture")

    valid = world.inbox.put("clean-scan/a.png", PNG)
    assert world.app.upload_job.run(valid, event_id="event-2") is not None

    assert world.assets.documents == {}
