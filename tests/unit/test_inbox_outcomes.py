"""The inbox: litter, waits for references, repeated uploads, and the notes about outcomes."""

import json
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain import presets
from darkroom.domain.errors import Code, failure
from darkroom.domain.events import JobRejected
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.domain.uploads import Upload
from darkroom.ports import Accepted, Failed, Succeeded
from tests.fakes.images import JPEG, PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World

PAGE = "clean-scan/page.png"
NOTE = f"errors/{PAGE}.json"
BOAT = "shop/boat.job.json"
DESCRIPTION = json.dumps({"operation": "edit", "prompt": "join", "images": ["boat.png"]}).encode()
LITTER = [
    ".DS_Store", "._page.png", "._boat.job.json", ".~lock.rows.csv#", ".page.png.Xa3dF1",
    "Thumbs.db", "THUMBS.DB", "ehthumbs.db", "desktop.ini", "Icon\r", "~$table.xlsx",
    "~syncthing~page.png.tmp", "page.png.part", "page.png.partial", "page.png.filepart",
    "page.png.crdownload", "page.png.tmp", "page.png~", ".page.png.swp", "IMG_1.AAE", "IMG_1.xmp",
    "__MACOSX/page.png", "@eaDir/page.png/SYNOPHOTO_THUMB_M.jpg", ".Trash-1000/page.png",
    ".stversions/page.png", "2026_$folder$", "page.png/",
]  # fmt: skip


def run(world: World, upload: Upload) -> Job | None:
    return world.app.upload_job.run(upload, event_id="event-1")


def put(world: World, key: str = PAGE, data: bytes = PNG, **metadata: str) -> Job:
    """Upload a file and return its job."""
    job = run(world, world.inbox.put(key, data, **metadata))
    assert job is not None
    return world.job(job.job_id)


def end(world: World, job: Job, outcome: Any = None) -> Job:
    """Run a job to its end and deliver its event to OnUpload."""
    world.provider.submissions = [Accepted(f"prediction-{job.job_id}")]
    world.provider.predictions = [outcome or Succeeded((OUTPUT,))]
    world.downloads.files = {OUTPUT: PNG}
    step = world.app.check_job.run(world.app.submit_job.run(Step(job_id=job.job_id)))
    if outcome is None:
        world.app.finalize_job.run(step)
    else:
        world.app.end_job.fail(job.job_id, outcome.code)
    ended = world.app.note_outcome.run(job.job_id)
    assert ended is not None
    assert not ended.is_open
    return ended


def assert_silent(world: World) -> None:
    assert world.jobs.records == {}
    assert world.events.published == []
    assert world.assets.documents == {}


# ------------------------------------------------------------------------------------------ Litter


@pytest.mark.parametrize("folder", ["", "clean-scan/", "clean-scan/2026/", "unknown/"])
@pytest.mark.parametrize("name", LITTER)
def test_litter_is_ignored_in_silence(name: str, folder: str) -> None:
    world = World()

    assert run(world, world.inbox.put(f"{folder}{name}", PNG)) is None

    assert_silent(world)


def test_empty_object_without_an_extension_is_the_marker_of_a_folder() -> None:
    world = World()

    assert run(world, world.inbox.put("clean-scan/2026", b"")) is None

    assert_silent(world)


@pytest.mark.parametrize("name", ["part.png", "thumbs.db.png", "a.lockfile", "party", "a..png"])
def test_image_with_a_similar_name_is_no_litter(name: str) -> None:
    assert put(World(), f"clean-scan/{name}").status is Status.QUEUED


# ----------------------------------------------------------------------------------------- Waiting


def waits(world: World, upload: Upload) -> bool:
    return upload in [waiting.upload for waiting in world.waiting.all()]


def test_description_waits_for_the_image_that_it_names() -> None:
    world = World()
    upload = world.inbox.put(BOAT, DESCRIPTION)

    assert run(world, upload) is None
    assert waits(world, upload)
    assert_silent(world)
    world.clock.time += timedelta(minutes=1)
    assert world.app.sweep_uploads.run() == []

    world.inbox.put("shop/boat.png", PNG)
    [job_id] = world.app.sweep_uploads.run()

    assert str(world.job(job_id).references[0]) == "s3://inbox/shop/boat.png"
    assert not waits(world, upload)
    assert (world.app.sweep_uploads.run(), world.events.published) == ([], [])


def test_edit_waits_for_the_references_in_its_metadata() -> None:
    world = World()
    upload = world.inbox.put(PAGE, PNG, references="logo.png")

    assert run(world, upload) is None
    world.inbox.put("clean-scan/logo.png", JPEG)
    [job_id] = world.app.sweep_uploads.run()

    assert len(world.job(job_id).references) == 2


@pytest.mark.parametrize(
    ("key", "data", "metadata", "field", "name"),
    [(BOAT, DESCRIPTION, {}, "images.0", "boat.png"),
     (PAGE, PNG, {"references": "logo.png"}, "metadata.references", "logo.png")],
)  # fmt: skip
def test_upload_is_rejected_when_its_reference_does_not_arrive(
    key: str, data: bytes, metadata: dict[str, str], field: str, name: str
) -> None:
    world = World()
    upload = world.inbox.put(key, data, **metadata)
    run(world, upload)

    world.clock.time += timedelta(minutes=5)
    world.app.sweep_uploads.run()

    [event] = world.events.published
    assert isinstance(event, JobRejected)
    [problem] = event.errors
    assert problem.field == field
    assert problem.message == (
        f"{name} did not arrive in the inbox within 5 minutes. Upload it, then upload"
        f" {upload.name} again."
    )
    assert world.assets.documents[f"errors/{key}.json"]["message"] == (
        f"{key} was rejected. {problem.message} No job was started, and nothing was charged."
    )
    assert world.waiting.all() == []
    world.inbox.put(f"{upload.folder}/{name}", PNG)
    assert (world.app.sweep_uploads.run(), world.jobs.records) == ([], {})


def test_invalid_description_is_rejected_at_once() -> None:
    world = World()
    wrong = json.dumps({**json.loads(DESCRIPTION), "quality": "best"}).encode()

    assert run(world, world.inbox.put(BOAT, wrong)) is None

    assert (len(world.events.published), world.waiting.all()) == (1, [])


@pytest.mark.parametrize("is_replaced", [True, False])
def test_replaced_or_deleted_description_stops_waiting(*, is_replaced: bool) -> None:
    world = World()
    run(world, world.inbox.put(BOAT, DESCRIPTION))

    if is_replaced:
        world.inbox.put(BOAT, b"another description")
    else:
        world.references.objects.pop(("inbox", BOAT))
    world.inbox.put("shop/boat.png", PNG)

    assert (world.app.sweep_uploads.run(), world.waiting.all()) == ([], [])
    assert_silent(world)


def test_upload_that_fails_does_not_delay_the_other_waiting_uploads() -> None:
    world = World()
    for key in ("shop/a.job.json", "shop/b.job.json"):
        run(world, world.inbox.put(key, DESCRIPTION))
    world.inbox.put("shop/boat.png", PNG)
    world.inbox.metadata.pop(("shop/a.job.json", 1))

    with pytest.raises(KeyError):
        world.app.sweep_uploads.run()

    assert [job.source and job.source.key for job in world.jobs.records.values()] == [
        "shop/b.job.json"
    ]


# ---------------------------------------------------------------------------------------- Repeated


@pytest.mark.parametrize("days", [0, 1, 29])
def test_same_bytes_and_settings_are_not_paid_again(days: int) -> None:
    world = World()
    job = put(world, PAGE, PNG, quality="low")
    end(world, job)

    world.clock.time += timedelta(days=days)
    again = put(world, PAGE, PNG, quality="low", mtime="1795345200")

    assert again.job_id == job.job_id
    assert len(world.workflow.started) == 1
    assert again.source == world.inbox.find(PAGE)
    assert world.metrics.total("UploadsRepeated") == 1
    assert world.assets.documents.keys() == {f"{job.prefix}/manifest.json"}


def test_repetition_of_a_running_job_is_the_same_job() -> None:
    world = World()

    assert len({put(world).job_id for _ in range(3)}) == 1


def test_description_is_not_paid_again() -> None:
    world = World()
    world.inbox.put("shop/boat.png", PNG)
    job = put(world, BOAT, DESCRIPTION)

    assert put(world, BOAT, DESCRIPTION).job_id == job.job_id


def sepia(world: World, version: int, prompt: str, **fields: Any) -> None:
    document = {"version": version, "presets": {"sepia": {"prompt": prompt, **fields}}}
    world.presets.current = presets.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    "change", ["bytes", "metadata", "another key", "preset", "reference", "window", "0 hours"]
)
def test_changed_upload_is_a_new_job(change: str) -> None:
    world = World()
    sepia(world, 1, "brown")
    world.inbox.put("sepia/logo.png", PNG)
    first = put(world, "sepia/a.png", PNG, references="logo.png")
    key, data, metadata = "sepia/a.png", PNG, {"references": "logo.png"}

    match change:
        case "bytes":
            data = JPEG
        case "metadata":
            metadata |= {"quality": "low"}
        case "another key":
            key = "sepia/b.png"
        case "preset":
            sepia(world, 1, "dark brown")
        case "reference":
            world.inbox.put("sepia/logo.png", JPEG)
        case "window":
            world.clock.time += timedelta(days=31)
        case "0 hours":
            metadata |= {"repeat_after_hours": "0"}

    assert put(world, key, data, **metadata).job_id != first.job_id


def test_new_version_of_the_presets_with_the_same_definition_is_no_change() -> None:
    world = World()
    sepia(world, 1, "brown")
    first = put(world, "sepia/a.png")
    sepia(world, 2, "brown")

    assert put(world, "sepia/a.png").job_id == first.job_id


def test_reference_that_was_uploaded_again_unchanged_is_no_change() -> None:
    """A nightly copy of a folder also repeats its references."""
    world = World()
    world.inbox.put("references/logo.png", JPEG)
    first = put(world, references="references/logo.png")
    world.inbox.put("references/logo.png", JPEG)

    assert put(world, references="references/logo.png").job_id == first.job_id


def test_window_of_the_preset_applies() -> None:
    world = World()
    sepia(world, 1, "brown", repeat_after_hours=2)
    first = put(world, "sepia/a.png")
    world.clock.time += timedelta(hours=1)
    assert put(world, "sepia/a.png").job_id == first.job_id

    world.clock.time += timedelta(hours=2)

    second = put(world, "sepia/a.png")
    assert second.job_id != first.job_id
    assert put(world, "sepia/a.png").job_id == second.job_id


def test_failed_job_that_was_not_charged_can_be_repeated() -> None:
    world = World()
    job = put(world)
    world.app.end_job.fail(job.job_id, Code.PROVIDER_UNAVAILABLE)

    assert put(world).job_id != job.job_id


def test_failed_job_that_may_be_charged_is_not_repeated() -> None:
    world = World()
    job = end(world, put(world), Failed(Code.MODERATED, "flagged"))

    assert put(world).job_id == job.job_id
    assert NOTE in world.assets.documents


# ------------------------------------------------------------------------------------------- Notes


@pytest.mark.parametrize(
    ("code", "detail", "charged", "charge"),
    [(Code.MODERATED, "flagged", "maybe", "WaveSpeed may have charged this job."),
     (Code.PROVIDER_FAILED, "", "no", "Nothing was charged."),
     (Code.ASSET_INVALID, "", "yes", "WaveSpeed has charged this job.")],
)  # fmt: skip
def test_note_of_a_failed_job_states_the_reason_and_the_charge(
    code: Code, detail: str, charged: str, charge: str
) -> None:
    world = World()

    job = end(world, put(world), Failed(code, detail))

    note = world.assets.documents[NOTE]
    reason = failure(code, sent=True).message
    quoted = f' WaveSpeed\'s message: "{detail}".' if detail else ""
    repeat = " To run it again, upload the file with the metadata `repeat-after-hours`: 0."
    assert note["message"] == (
        f"The job of {PAGE} failed. {reason}{quoted} {charge}" + repeat * (charged != "no")
    )
    assert (note["code"], note["charged"], note["job_id"]) == (code, charged, job.job_id)
    assert note["source"] == {"bucket": "inbox", "key": PAGE, "version_id": "v1"}
    assert json.loads(json.dumps(note)) == note


def test_success_of_a_new_version_removes_the_note() -> None:
    world = World()
    end(world, put(world), Failed(Code.MODERATED, "flagged"))

    end(world, put(world, PAGE, JPEG))

    assert NOTE not in world.assets.documents


def test_recovered_outputs_remove_the_note() -> None:
    world = World()
    job = end(world, put(world), Failed(Code.DEADLINE_EXCEEDED, ""))
    assert NOTE in world.assets.documents

    world.jobs.update(job.job_id, when=[Status.FAILED], stored_at=world.clock())
    world.app.note_outcome.run(job.job_id)

    assert NOTE not in world.assets.documents


def test_failure_of_an_older_version_writes_no_note() -> None:
    world = World()
    older = put(world)
    newer = put(world, PAGE, JPEG)
    end(world, newer)

    end(world, older, Failed(Code.MODERATED, "flagged"))

    assert NOTE not in world.assets.documents


def test_success_of_an_older_version_keeps_the_note_of_the_newer_one() -> None:
    world = World()
    older = put(world)
    run(world, world.inbox.put(PAGE, b"no picture"))
    assert world.assets.documents[NOTE]["source"]["version_id"] == "v2"

    end(world, older)

    assert world.assets.documents[NOTE]["source"]["version_id"] == "v2"


def test_late_rejection_of_an_older_version_writes_no_note() -> None:
    """The note would say that nothing was charged, beside the paid job of the newer version."""
    world = World()
    late = world.inbox.put(PAGE, b"no picture")
    end(world, put(world, PAGE, JPEG))

    assert run(world, late) is None

    assert NOTE not in world.assets.documents
    assert len(world.events.of_type("JobRejected")) == 1


def test_late_acceptance_of_an_older_version_keeps_the_newer_note() -> None:
    world = World()
    late = world.inbox.put(PAGE, PNG)
    run(world, world.inbox.put(PAGE, b"no picture"))

    assert run(world, late) is not None

    assert world.assets.documents[NOTE]["source"]["version_id"] == "v2"


def test_deleted_upload_keeps_its_note() -> None:
    world = World()
    job = put(world)
    world.references.objects.pop(("inbox", PAGE))

    end(world, job, Failed(Code.MODERATED, "flagged"))

    assert NOTE in world.assets.documents


def test_failure_after_an_identical_upload_is_noted() -> None:
    world = World()
    job = put(world)
    assert put(world).job_id == job.job_id

    end(world, job, Failed(Code.MODERATED, "flagged"))

    assert world.assets.documents[NOTE]["source"]["version_id"] == "v2"


def test_job_of_another_entry_point_has_no_note() -> None:
    world = World()
    job = world.accept_job()
    world.app.end_job.fail(job.job_id, Code.MODERATED)

    world.app.note_outcome.run(job.job_id)
    world.app.note_outcome.run("no such job")

    assert world.assets.documents == {}
