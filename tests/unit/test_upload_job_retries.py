"""UploadJob: whatever dies or has changed in between, a retry ends as one job or one refusal."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import presets
from darkroom.domain.job import Job
from darkroom.domain.uploads import Upload
from tests.fakes.crashes import CrashAt, DeadError, When
from tests.fakes.pictures import PNG
from tests.fakes.signals import InMemoryWorkflow
from tests.fakes.world import World

PAGE = "clean-scan/page.png"
PIXEL = "data:image/png;base64,iVBORw0KGgo="
DESCRIPTION = json.dumps(
    {"operation": "edit", "prompt": "join", "images": ["logo.png", PIXEL]}
).encode()
UPLOADS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "picture": (PAGE, PNG, {}),
    "picture with a reference": (PAGE, PNG, {"references": "logo.png"}),
    "description": ("clean-scan/x.job.json", DESCRIPTION, {}),
    "text": (PAGE, b"no picture", {}),
    "unknown folder": ("holiday/page.png", PNG, {}),
    "bad description": ("clean-scan/x.job.json", b"{}", {}),
}
GOOD = ("picture", "picture with a reference", "description")
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)
TEXT = st.text(st.characters(codec="utf-8"))
# Near enough to a good one to come far.
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
WHEN: st.SearchStrategy[When] = st.sampled_from(["before", "after"])


def put(world: World, name: str) -> Upload:
    """Put an upload, and what it refers to."""
    world.inbox.put("clean-scan/logo.png", PNG)
    key, data, metadata = UPLOADS[name]
    return world.inbox.put(key, data, **metadata)


def ask(world: World, upload: Upload, change: Callable[[], None] | None = None) -> Job | None:
    """Take in a notification, again after each crash; `change` is what happens after one."""
    while True:
        try:
            return world.upload_job()(upload, event_id="event-1")
        except DeadError:
            if change:
                change()


def end_of(world: World) -> list[Any]:
    """What has come of an upload, of which there is one at most."""
    jobs, notes = list(world.jobs.records), list(world.assets.documents)
    assert jobs == world.workflow.started
    rejected = {event.id for event in world.events.published}
    assert rejected == ({"event-1.rejected"} if notes else set())
    for made in (*notes, *(f"{world.job(job).prefix}/manifest.json" for job in jobs)):
        assert len(made.encode()) <= 1024
    assert len(jobs) + len(notes) <= 1
    return [*jobs, *notes]


def calls(name: str) -> int:
    """How many calls of ports an upload takes."""
    world = World()
    ask(world, put(world, name))
    return world.crash_at.calls


@pytest.mark.parametrize("name", UPLOADS)
def test_a_crash_before_or_after_any_call_is_mended_by_a_retry(name: str) -> None:
    quiet = World()
    ask(quiet, put(quiet, name))

    for at in range(calls(name)):
        for when in ("before", "after"):
            world = World(crash_at=CrashAt({at: when}))
            ask(world, put(world, name))
            assert end_of(world) == end_of(quiet) != []


@given(name=st.sampled_from(list(UPLOADS)), crashes=st.dictionaries(st.integers(0, 30), WHEN))
def test_many_crashes_and_another_delivery_are_mended_too(
    name: str, crashes: dict[int, When]
) -> None:
    world = World(crash_at=CrashAt(crashes))
    upload = put(world, name)

    assert ask(world, upload) == ask(world, upload)

    assert len(end_of(world)) == 1


def other_prompt(world: World) -> None:
    text = b'{"version": 2, "presets": {"clean-scan": {"prompt": "sepia"}}}'
    world.presets.serving = presets.parse(text)


def no_preset(world: World) -> None:
    world.presets.serving = presets.parse(
        b'{"version": 2, "presets": {"another": {"prompt": "x"}}}'
    )


def no_reference(world: World) -> None:
    world.references.objects.pop(("inbox", "clean-scan/logo.png"), None)


def no_upload(world: World) -> None:
    world.references.objects.clear()


CHANGES = (other_prompt, no_preset, no_reference, no_upload)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", GOOD)
def test_a_job_that_was_accepted_runs_whatever_changes_before_the_retry(
    name: str, change: Callable[[World], None]
) -> None:
    for at in range(calls(name)):
        for when in ("before", "after"):
            world = World(crash_at=CrashAt({at: when}))
            ask(world, put(world, name), partial(change, world))
            end_of(world)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", GOOD)
def test_a_late_delivery_finds_the_job_whatever_has_changed(
    name: str, change: Callable[[World], None]
) -> None:
    world = World()
    upload = put(world, name)
    job = ask(world, upload)
    change(world)

    assert ask(world, upload) == job

    assert len(end_of(world)) == 1
    assert world.events.published == []


def test_a_late_delivery_does_not_start_an_ended_job_again() -> None:
    world = World()
    upload = put(world, "picture")
    job = ask(world, upload)
    assert job is not None
    world.end_job().cancel(job.job_id)
    world.workflow = InMemoryWorkflow()

    ask(world, upload)

    assert world.workflow.started == []


@given(key=KEYS, data=BODIES, metadata=METADATA)
def test_any_upload_ends_as_a_job_or_a_refusal_or_starts_nothing(
    key: str, data: bytes, metadata: dict[str, str]
) -> None:
    key = key.encode()[:1024].decode(errors="ignore") or "x"
    world = World()
    world.inbox.put("logo.png", PNG)

    job = world.upload_job()(world.inbox.put(key, data, **metadata), event_id="event-1")

    end = end_of(world)
    if job:
        assert end == [job.job_id]
        assert Job.model_validate_json(job.model_dump_json()) == job
    elif not end:
        assert key.endswith("/") or key.startswith("references/")
    for event in world.events.published:
        assert len(event.model_dump_json()) < 20_000
    for note in world.assets.documents.values():
        assert note["message"]


@given(data=DESCRIPTIONS.map(json.dumps).map(str.encode))
def test_any_description_ends_as_a_job_or_a_refusal(data: bytes) -> None:
    world = World()
    world.inbox.put("logo.png", PNG)

    job = world.upload_job()(world.inbox.put("x.job.json", data), event_id="event-1")

    assert len(end_of(world)) == 1
    assert (job is None) == bool(world.events.published)
