"""UploadJob: a retry after crashes and changes ends as one job or one rejection."""

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import presets, uploads
from darkroom.domain.job import Job
from darkroom.domain.uploads import Upload
from tests.fakes.crashes import CrashAt, CrashTiming, SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.world import World

PAGE = "clean-scan/page.png"
PIXEL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
DESCRIPTION = json.dumps(
    {"operation": "edit", "prompt": "join", "images": ["logo.png", PIXEL]}
).encode()
UPLOADS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "image": (PAGE, PNG, {}),
    "image with a reference": (PAGE, PNG, {"references": "logo.png"}),
    "description": ("clean-scan/x.job.json", DESCRIPTION, {}),
    "text": (PAGE, b"no picture", {}),
    "unknown folder": ("holiday/page.png", PNG, {}),
    "bad description": ("clean-scan/x.job.json", b"{}", {}),
}
VALID_UPLOADS = ("image", "image with a reference", "description")
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)
TEXT = st.text(st.characters(codec="utf-8"))
# Close to a valid description.
DESCRIPTIONS = st.fixed_dictionaries(
    {"operation": st.sampled_from(["text-to-image", "edit", "model"]) | JSON},
    optional={
        "prompt": st.just("fog") | JSON,
        "images": st.lists(st.sampled_from(["logo.png", "s3://a/b", PIXEL, ""]) | JSON) | JSON,
        "model": st.just("maker/model") | JSON,
        "input": st.dictionaries(st.text(st.characters()), JSON) | JSON,
        "deadline_seconds": st.integers() | JSON,
    },
)
BODIES = st.just(PNG) | st.binary() | (DESCRIPTIONS | JSON).map(json.dumps).map(str.encode)
KEYS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "clean-scan/", "references/", "/", "x/"]) | TEXT,
    TEXT | TEXT.map(lambda part: part * 300),
    st.sampled_from(["", ".png", ".JPG", ".job.json", "/"]),
)
NAMES = st.sampled_from(
    ["prompt", "quality", "resolution", "aspect-ratio", "output-format", "references", "other"]
)
METADATA = st.dictionaries(NAMES, TEXT | st.sampled_from(["low", "4k", "logo.png", '["a"]', "[["]))
CRASH_TIMINGS: st.SearchStrategy[CrashTiming] = st.sampled_from(["before", "after"])


def put_upload(world: World, name: str) -> Upload:
    """Put an upload and its reference into the inbox; return the upload."""
    world.inbox.put("clean-scan/logo.png", PNG)
    key, data, metadata = UPLOADS[name]
    return world.inbox.put(key, data, **metadata)


def process_upload(
    world: World, upload: Upload, change: Callable[[], None] | None = None
) -> Job | None:
    """Process a notification; after each crash, call `change` and retry."""
    while True:
        try:
            return world.app.upload_job.run(upload, event_id="event-1")
        except SimulatedCrashError:
            if change:
                change()


def upload_result(world: World) -> list[Any]:
    """Return the job id or the error document key of the only upload."""
    jobs, error_documents = list(world.jobs.records), list(world.assets.documents)
    assert jobs == world.workflow.started
    rejected = {event.id for event in world.events.published}
    assert rejected == ({"event-1.rejected"} if error_documents else set())
    for key in (*error_documents, *(f"{world.job(job).prefix}/manifest.json" for job in jobs)):
        assert len(key.encode()) <= 1024
    assert len(jobs) + len(error_documents) <= 1
    return [*jobs, *error_documents]


def count_calls(name: str) -> int:
    """Return the number of port calls for an upload."""
    world = World()
    process_upload(world, put_upload(world, name))
    return world.crash_at.calls


@given(
    name=st.sampled_from(list(UPLOADS)), crashes=st.dictionaries(st.integers(0, 30), CRASH_TIMINGS)
)
def test_duplicate_delivery_after_crashes_gives_one_result(
    name: str, crashes: dict[int, CrashTiming]
) -> None:
    world = World(crash_at=CrashAt(crashes))
    upload = put_upload(world, name)

    job = process_upload(world, upload)
    assert process_upload(world, upload) == job

    assert (job is not None) == (name in VALID_UPLOADS)
    assert len(upload_result(world)) == 1


def change_prompt(world: World) -> None:
    text = b'{"version": 2, "presets": {"clean-scan": {"prompt": "sepia"}}}'
    world.presets.current = presets.parse(text)


def remove_preset(world: World) -> None:
    world.presets.current = presets.parse(
        b'{"version": 2, "presets": {"another": {"prompt": "x"}}}'
    )


def delete_reference(world: World) -> None:
    world.references.objects.pop(("inbox", "clean-scan/logo.png"), None)


def delete_upload(world: World) -> None:
    world.references.objects.clear()


CHANGES = (change_prompt, remove_preset, delete_reference, delete_upload)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", VALID_UPLOADS)
def test_retry_with_changed_inputs_gives_one_result(
    name: str, change: Callable[[World], None]
) -> None:
    for at in range(count_calls(name)):
        for timing in ("before", "after"):
            world = World(crash_at=CrashAt({at: timing}))
            process_upload(world, put_upload(world, name), partial(change, world))
            upload_result(world)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", VALID_UPLOADS)
def test_late_delivery_with_changed_inputs_returns_the_job(
    name: str, change: Callable[[World], None]
) -> None:
    world = World()
    upload = put_upload(world, name)
    job = process_upload(world, upload)
    change(world)

    assert process_upload(world, upload) == job

    assert len(upload_result(world)) == 1
    assert world.events.published == []


@given(key=KEYS, data=BODIES, metadata=METADATA)
def test_random_upload_is_a_job_rejected_or_ignored(
    key: str, data: bytes, metadata: dict[str, str]
) -> None:
    key = key.encode()[:1024].decode(errors="ignore") or "x"
    world = World()
    world.inbox.put("logo.png", PNG)

    upload = world.inbox.put(key, data, **metadata)

    job = world.app.upload_job.run(upload, event_id="event-1")

    result = upload_result(world)
    if job:
        assert result == [job.job_id]
        assert Job.model_validate_json(job.model_dump_json()) == job
    elif not result:
        is_ignored = uploads.is_litter(upload) or key.startswith("references/")
        assert is_ignored or world.waiting.all()
    for event in world.events.published:
        assert len(event.model_dump_json()) < 20_000
    for document in world.assets.documents.values():
        assert document["message"]
