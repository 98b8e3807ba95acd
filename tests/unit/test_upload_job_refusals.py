"""UploadJob: what is refused costs nothing, and a note and an event say why."""

import json
from typing import Any

import pytest

from darkroom.domain import presets
from darkroom.domain.errors import Code
from darkroom.domain.events import JobRejected
from darkroom.domain.references import MAX_REFERENCE_BYTES
from tests.fakes.pictures import PNG
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World

PAGE = "clean-scan/a page.png"
MARK = "darkroom-job-id"


def refusal(world: World, key: str, data: bytes = PNG, **metadata: str) -> JobRejected:
    """Put a file that is refused into the inbox; return the event."""
    job = world.upload_job()(world.inbox.put(key, data, **metadata), event_id="event-1")

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
    [told] = event.errors
    assert f"{told.field or 'description'} {told.message}" == event.message
    return told.field, told.message, told.allowed


def test_a_person_finds_a_note_beside_the_outputs_that_says_what_to_do() -> None:
    world = World()

    refusal(world, PAGE, b"a shopping list")

    message = "object is not a PNG, JPEG or WebP image"
    assert world.assets.documents == {
        f"errors/{PAGE}.json": {
            "message": f"{PAGE} was not taken: {message}. Nothing was started or charged.",
            "code": "invalid_request",
            "errors": [
                {
                    "field": "object",
                    "message": "is not a PNG, JPEG or WebP image",
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
        (b"", "is empty"),
        (b"GIF89a" + bytes(99), "is not a PNG, JPEG or WebP image"),
        (PNG.ljust(MAX_REFERENCE_BYTES + 1, b"\x00"), "is larger than 20 MB"),
        (PNG.ljust(25_000_000, b"\x00"), "is larger than 20 MB"),
    ],
    ids=["empty", "gif", "one byte too many", "25 MB"],
)
def test_a_file_that_is_no_picture_or_too_large_is_refused(data: bytes, message: str) -> None:
    allowed = "a PNG, JPEG or WebP image up to 20 MB"

    assert problem(refusal(World(), PAGE, data)) == ("object", message, allowed)


@pytest.mark.parametrize(
    ("key", "message"),
    [("a.png", "is missing: it lies at the top"), ("/a.png", "is missing: it lies at the top"),
     ("holiday/a.png", "is the name of no preset"), ("Clean-Scan/a.png",
     "is the name of no preset"), ("clean-scan /a.png", "is the name of no preset")],
)  # fmt: skip
def test_a_folder_that_is_no_preset_is_told_which_are(key: str, message: str) -> None:
    field, told, allowed = problem(refusal(World(), key))

    assert (field, told) == ("folder", message)
    for name in presets.shipped().presets:
        assert name in allowed


def test_thousands_of_presets_do_not_make_an_event_that_no_bus_takes() -> None:
    world = World()
    names = {f"preset-{number:056}": {"prompt": "x"} for number in range(5000)}
    world.presets.serving = presets.parse(json.dumps({"version": 1, "presets": names}).encode())

    assert "preset-" in problem(refusal(world, PAGE))[2]


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt", ".DS_Store", "a.json"])
def test_a_name_that_is_no_pictures_is_told_which_are(name: str) -> None:
    assert problem(refusal(World(), f"clean-scan/{name}"))[::2] == (
        "object", "a name that ends in .png, .jpg, .jpeg, .webp or .job.json",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("prompt", " ", "at least 1 character"),
        ("prompt", "x" * 32_001, "at most 32,000 characters"),
        ("quality", "best", "'low', 'medium' or 'high'"),
        ("resolution", "8k", "'1k', '2k' or '4k'"),
        ("aspect-ratio", "16x9", "'16:9'"),
        ("output-format", "gif", "'png', 'jpeg' or 'webp'"),
        ("references", "gone.png", "s3://bucket/key"),
        ("references", "s3://private/a.png", "s3://bucket/key"),
        ("references", "http://a.test/a.png", "s3://bucket/key"),
        ("references", "clean-scan/empty.png", "s3://bucket/key"),
        ("references", "s3://Bucket/a.png", "s3://bucket/key"),
        ("references", '["a.png"', "keys with commas, or a JSON list of keys"),
        ("references", '["\\ud800.png"]', "Unicode"),
        ("references", "a," * 16, "1 to 16 items"),
        (MARK, "", "an object without it"),
    ],
)
def test_bad_metadata_is_told_by_its_own_name(name: str, value: str, allowed: str) -> None:
    world = World()
    world.inbox.put("clean-scan/empty.png", b"")
    world.references.objects["private", "a.png"] = [PNG]
    world.references.forbidden.add("private")

    field, _, told = problem(refusal(world, PAGE, PNG, **{name: value}))

    assert field == f"metadata.{name}"
    assert allowed.lower() in told.lower()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    event = refusal(World(), PAGE, quality="best", prompt="", resolution="8k")

    assert {each.field for each in event.errors} == {
        "metadata.quality", "metadata.prompt", "metadata.resolution"
    }  # fmt: skip
    assert event.message.count(";") == 2


def describing(**changes: Any) -> bytes:
    return json.dumps(TEXT_TO_IMAGE | changes).encode()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", ""),
        (b'{"operation": ', ""),
        (json.dumps(TEXT_TO_IMAGE).encode("utf-16"), ""),
        (b"[" * 100_000, ""),
        (b"[]", ""),
        (b'"a lighthouse"', ""),
        (b"{}", "operation"),
        (describing(prompt=""), "prompt"),
        (describing(images=["a.png"]), "images"),
        (describing(deadline_seconds=3601), "deadline_seconds"),
        (describing(idempotency_key="k"), "idempotency_key"),
        (describing(operation="edit"), "images"),
        (describing(operation="edit", images="a.png"), "images"),
        (describing(operation="edit", images=[]), "images"),
        (describing(operation="edit", images=["gone.png"]), "images.0"),
        (describing(operation="edit", images=[""]), "images.0"),
        (describing(operation="edit", images=[7]), "images.0"),
        (describing(operation="edit", images=["\ud800"]), "images.0"),
        (describing(operation="edit", images=["x" * 5000]), "images.0"),
        (describing().ljust(1024 * 1024 + 1), ""),
    ],
)
def test_a_bad_description_is_told_by_its_field(data: bytes, field: str) -> None:
    assert problem(refusal(World(), "shop/x.job.json", data))[0] == field


@pytest.mark.parametrize("images", [17, 50_000])
def test_more_images_than_a_job_may_have_are_not_looked_for(images: int) -> None:
    world = World()
    listed = [f"{number}.png" for number in range(images)]

    event = refusal(world, "x.job.json", describing(operation="edit", images=listed))

    assert problem(event) == ("images", f"has {images} items", "1 to 16 items")
    assert world.crash_at.calls < 10


def test_more_references_than_a_job_may_have_are_not_looked_for() -> None:
    world = World()

    refusal(world, PAGE, references="a," * 900)

    assert world.crash_at.calls < 10


def test_what_darkroom_made_is_no_description_either() -> None:
    event = refusal(World(), "x.job.json", describing(), **{MARK: "a" * 26})

    assert problem(event)[0] == f"metadata.{MARK}"


@pytest.mark.parametrize(
    ("key", "caller"),
    [(PAGE, "inbox:clean-scan"), ("holiday/a.png", "inbox:holiday"), ("a.png", "inbox"),
     ("clean-scan/x.job.json", "inbox"), ("x.job.json", "inbox")],
)  # fmt: skip
def test_a_refusal_names_the_caller_that_the_job_would_have_had(key: str, caller: str) -> None:
    assert refusal(World(), key, b"no").caller == caller


@pytest.mark.parametrize("name", ["../up.png", "./a.png", "a/../b.png", "a/."])
def test_a_path_that_no_url_can_carry_is_refused(name: str) -> None:
    """Clients resolve such parts, so the provider would be sent to another object."""
    key = f"clean-scan/{name}" if name.endswith(".png") else f"clean-scan/{name}/b.png"

    assert problem(refusal(World(), key))[:2] == (
        "object", "has a . or .. in its path, which no URL can carry",
    )  # fmt: skip


def test_a_note_goes_when_a_better_file_comes_at_the_same_key() -> None:
    world = World()
    refusal(world, "clean-scan/a.png", b"no picture")

    better = world.inbox.put("clean-scan/a.png", PNG)
    assert world.upload_job()(better, event_id="event-2") is not None

    assert world.assets.documents == {}
