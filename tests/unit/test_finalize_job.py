"""FinalizeJob: every output is stored once and complete, then the manifest and the end."""

import hashlib
from contextlib import suppress
from os import fstat
from threading import Barrier, Lock
from typing import IO, Any

import pytest

from darkroom.domain import media, polling
from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobCompleted
from darkroom.domain.job import OPEN, Asset, Status
from darkroom.domain.job_events import failed
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import (
    Download,
    NotDownloaded,
    Prediction,
    Running,
    Succeeded,
    Unreadable,
)
from tests.fakes.crashes import CrashTiming, SimulatedCrashError
from tests.fakes.images import JPEG, PNG
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.infra.template import properties

SECOND = "https://cdn.test/output/1.bin"
RUNNING = Running("processing", known=True)
UNREADABLE = Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 502")
NOT_YET_AVAILABLE = NotDownloaded(Code.ASSET_UNAVAILABLE, "the CDN answered 404")


def job_with_completed_prediction(*outputs: str, **files: Any) -> tuple[World, Step]:
    """Return a job whose prediction a check has just found completed."""
    world = World()
    world.provider.predictions = [Succeeded(outputs or (OUTPUT,))]
    world.downloads.files = {OUTPUT: PNG, **files}
    job = world.accept_job()
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.clock.advance(30)
    return world, world.app.check_job.run(step)


def test_output_is_stored_under_the_jobs_prefix_and_the_job_completes() -> None:
    world, step = job_with_completed_prediction()
    world.clock.advance(1)

    step = world.app.finalize_job.run(step)

    assert step.outcome is Outcome.STORED
    job = world.job(step.job_id)
    key, digest = f"jobs/{job.job_id}/0.png", hashlib.sha256(PNG).hexdigest()
    assert world.assets.files == {key: PNG}
    assert world.assets.metadata[key] == {
        "darkroom-job-id": job.job_id,
        "darkroom-caller": "tests",
        "prediction-id": PREDICTION,
        "model": "openai/gpt-image-2/text-to-image",
        "sha256": digest,
    }
    assert job.status is Status.COMPLETED
    assert job.stored_at == job.ended_at == job.published_at == world.clock()
    assert job.assets == (
        Asset(bucket="assets", key=key, content_type="image/png", size=len(PNG), sha256=digest,
              width=1, height=1),
    )  # fmt: skip
    event = world.events.published[-1]
    assert isinstance(event, JobCompleted)
    assert event.assets == job.assets


def test_manifest_has_input_assets_times_and_cost() -> None:
    world, step = job_with_completed_prediction()

    world.app.finalize_job.run(step)

    job = world.job(step.job_id)
    [(key, manifest)] = world.assets.documents.items()
    assert key == f"jobs/{job.job_id}/manifest.json"
    assert manifest["input"] == job.input
    assert manifest["assets"] == [job.assets[0].model_dump(mode="json")]
    assert manifest["estimated_cost_micro_usd"] == 60_000
    assert manifest["submitted_at"] == job.submitted_at.isoformat()  # type: ignore[union-attr]
    assert manifest["provider_completed_at"] == world.clock().isoformat()
    assert OUTPUT not in str(manifest)


def test_multiple_outputs_are_stored_in_order_with_their_own_formats() -> None:
    world, step = job_with_completed_prediction(OUTPUT, SECOND, **{SECOND: JPEG})

    world.app.finalize_job.run(step)

    prefix = f"jobs/{step.job_id}"
    assert world.assets.files == {f"{prefix}/0.png": PNG, f"{prefix}/1.jpg": JPEG}
    stored = world.job(step.job_id).assets
    assert [(asset.key, asset.width) for asset in stored] == [
        (f"{prefix}/0.png", 1),
        (f"{prefix}/1.jpg", 3),
    ]


def test_at_most_four_outputs_are_copied_concurrently() -> None:
    outputs = [f"https://cdn.test/output/{n}.png" for n in range(8)]
    world, step = job_with_completed_prediction(*outputs, **dict.fromkeys(outputs, PNG))
    fetch, barrier, lock, running, max_running = world.downloads.fetch, Barrier(4), Lock(), 0, 0

    def fetch_with_barrier(url: str, into: IO[bytes], **_: bool) -> Download | NotDownloaded:
        nonlocal running, max_running
        with lock:
            running += 1
        barrier.wait(timeout=30)  # waits for four concurrent copies
        max_running = max(max_running, running)
        barrier.wait(timeout=30)
        with lock:
            running -= 1
        return fetch(url, into)

    world.downloads.fetch = fetch_with_barrier  # type: ignore[method-assign, assignment]

    world.app.finalize_job.run(step)

    assert max_running == 4
    stored = [asset.key for asset in world.job(step.job_id).assets]
    assert stored == [f"jobs/{step.job_id}/{n}.png" for n in range(8)]


@pytest.mark.parametrize("function", ["FinalizeFunction", "SweepFunction"])
def test_concurrent_outputs_of_the_largest_size_fit_into_tmp(function: str) -> None:
    """The files are sparse, so they need no space here."""
    outputs = [f"https://cdn.test/output/{n}.mp4" for n in range(4)]
    world, step = job_with_completed_prediction(*outputs)
    size = max(media._MAX_BYTES_OTHER, *media._MAX_BYTES.values())
    barrier, sizes = Barrier(4), list[int]()

    def fetch(url: str, into: IO[bytes], **_: bool) -> Download:
        assert url in outputs
        into.truncate(size)
        barrier.wait(timeout=30)  # waits for four concurrent copies
        sizes.append(fstat(into.fileno()).st_size)
        barrier.wait(timeout=30)
        return Download(media.PNG, size, "digest", None)

    def store(key: str, *_: object) -> Asset:
        return Asset(bucket="assets", key=key, content_type="video/mp4", size=size, sha256="digest")

    world.downloads.fetch = fetch  # type: ignore[method-assign, assignment]
    world.assets.store = store  # type: ignore[method-assign, assignment]

    world.app.finalize_job.run(step)

    assert len(sizes) == 4
    assert sum(sizes) <= properties(function)["EphemeralStorage"]["Size"] * 2**20


def test_failed_second_output_leaves_the_job_open_with_the_first_stored() -> None:
    world, step = job_with_completed_prediction(
        OUTPUT, SECOND, **{SECOND: [NOT_YET_AVAILABLE, JPEG]}
    )

    step = world.app.finalize_job.run(step)
    assert step.outcome is Outcome.PROCESSING
    assert world.assets.documents == {}
    assert [asset.key[-5:] for asset in world.job(step.job_id).assets] == ["0.png"]

    assert world.app.finalize_job.run(step).outcome is Outcome.STORED
    assert len(world.job(step.job_id).assets) == 2
    assert world.downloads.fetched.count(OUTPUT) == 1  # a stored output is not fetched again


@pytest.mark.parametrize("code", [Code.ASSET_UNAVAILABLE, Code.ASSET_INVALID])
def test_missing_output_fails_the_job_after_all_attempts(code: Code) -> None:
    world, step = job_with_completed_prediction(**{OUTPUT: NotDownloaded(code, "why")})

    for wait in polling.COPY_WAITS:
        step = world.app.finalize_job.run(step)
        assert (step.outcome, step.wait_seconds) == (Outcome.PROCESSING, wait)
    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.code) == (Outcome.FAILED, code)
    assert world.job(step.job_id).detail == "why"
    assert world.assets.files == {}


def test_final_download_error_is_not_retried_and_is_charged() -> None:
    world, step = job_with_completed_prediction(
        **{OUTPUT: NotDownloaded(Code.ASSET_INVALID, "why", final=True)}
    )

    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.ASSET_INVALID)
    world.app.end_job.fail(step.job_id, Code.ASSET_INVALID)
    assert failed(world.job(step.job_id)).charged is Charged.YES


@pytest.mark.parametrize("prediction", [UNREADABLE, RUNNING])
def test_unreadable_finished_prediction_fails_the_job_after_all_attempts(prediction: Any) -> None:
    world, step = job_with_completed_prediction()
    world.provider.predictions = [prediction]

    for _ in polling.COPY_WAITS:
        step = world.app.finalize_job.run(step)
        assert step.outcome is Outcome.PROCESSING
    step = world.app.finalize_job.run(step)

    assert step.code is Code.ASSET_UNAVAILABLE


def test_rerun_after_the_end_is_idempotent() -> None:
    world, step = job_with_completed_prediction()
    first = world.app.finalize_job.run(step)
    published = list(world.events.published)
    world.downloads.fetched.clear()

    assert world.app.finalize_job.run(step) == first

    assert world.downloads.fetched == []
    assert world.events.published == published


def test_rerun_after_a_crash_keeps_the_first_bytes() -> None:
    world, step = job_with_completed_prediction()
    world.crash_at.methods = {"store": "after"}
    with pytest.raises(SimulatedCrashError):
        world.app.finalize_job.run(step)
    world.downloads.files[OUTPUT] = PNG + b"other"

    world.app.finalize_job.run(step)

    [asset] = world.job(step.job_id).assets
    assert world.assets.files == {asset.key: PNG}
    assert asset.size == len(PNG)
    assert asset.sha256 == hashlib.sha256(PNG).hexdigest()


def test_output_of_an_ended_job_is_not_stored() -> None:
    world, step = job_with_completed_prediction()
    world.app.end_job.fail(step.job_id, Code.CANCELED)

    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert world.assets.files == {}


def test_job_without_a_record_fails() -> None:
    step = World().app.finalize_job.run(Step(job_id="none"))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.INTERNAL_ERROR)


def submitted_job(*predictions: Prediction, **request: Any) -> tuple[World, Step]:
    """Return a job with a webhook and the step of its Submit. No check has polled it."""
    world = World()
    world.flag_store.set(webhook_url="https://api.test")
    world.provider.predictions = list(predictions)
    world.downloads.files = {OUTPUT: PNG}
    job = world.accept_job(TEXT_TO_IMAGE | request)
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.clock.advance(30)
    world.jobs.update(job.job_id, when=OPEN, woken_at=world.clock(), wake_token="token")
    world.clock.advance(2)
    return world, step


def test_webhook_leads_to_a_completed_job_with_one_poll() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))

    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.checks) == (Outcome.STORED, 1)
    assert world.provider.polled == [PREDICTION]
    job = world.job(step.job_id)
    assert (job.status, job.checks) == (Status.COMPLETED, 1)
    assert (job.woken_at, job.wake_token) == (None, None)
    assert (job.provider_completed_at, job.took_seconds) == (world.clock(), 30)
    assert world.metrics.total("ProviderDuration") == 30
    assert world.metrics.total("DetectionLag") == 2
    manifest = world.assets.documents[f"jobs/{job.job_id}/manifest.json"]
    assert manifest["provider_completed_at"] == world.clock().isoformat()


def test_slot_is_released_before_the_copy() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))
    in_flight, fetch = [world.jobs.queue.shard.in_flight], world.downloads.fetch

    def count_and_fetch(url: str, into: IO[bytes], **_: bool) -> Download | NotDownloaded:
        in_flight.append(world.jobs.queue.shard.in_flight)
        return fetch(url, into)

    world.downloads.fetch = count_and_fetch  # type: ignore[method-assign, assignment]
    world.app.finalize_job.run(step)

    assert in_flight == [1, 0]
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("call", range(12))
@pytest.mark.parametrize("when", ["before", "after"])
def test_rerun_after_a_crash_completes_the_job_and_releases_one_slot(
    call: int, when: CrashTiming
) -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))
    world.crash_at.plan = {world.crash_at.calls + call: when}
    with suppress(SimulatedCrashError):
        world.app.finalize_job.run(step)

    assert world.without_crashes().app.finalize_job.run(step).outcome is Outcome.STORED

    job = world.job(step.job_id)
    assert (job.status, job.checks, len(job.assets)) == (Status.COMPLETED, 1, 1)
    assert_queue_counts(world.jobs)


def test_running_prediction_waits_for_the_webhook_again() -> None:
    world, step = submitted_job(RUNNING)

    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.wait_seconds) == (Outcome.AWAITING_WEBHOOK, 44)
    job = world.job(step.job_id)
    assert (job.checks, job.woken_at, job.wake_token) == (1, None, None)


def test_running_prediction_without_a_webhook_is_checked_again() -> None:
    world, step = submitted_job(RUNNING)
    world.jobs.update(step.job_id, when=OPEN, has_webhook=False)

    assert world.app.finalize_job.run(step).outcome is Outcome.PROCESSING


def test_webhook_wait_ends_at_the_deadline() -> None:
    world, step = submitted_job(RUNNING, deadline_seconds=40)

    step = world.app.finalize_job.run(step)
    world.clock.advance(step.wait_seconds)

    assert (step.outcome, step.wait_seconds) == (Outcome.AWAITING_WEBHOOK, 8)
    assert world.app.finalize_job.run(step).code is Code.DEADLINE_EXCEEDED


def test_unreadable_answer_is_counted_and_checked_again() -> None:
    world, step = submitted_job(UNREADABLE, RUNNING)

    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.wait_seconds, step.unreadable) == (Outcome.PROCESSING, 2, 1)
    assert world.metrics.total("UnreadableChecks") == 1
    assert world.metrics.total("CopyFailures") == 0
    assert world.job(step.job_id).checks == 1


def test_finished_prediction_is_polled_without_a_write_or_a_count() -> None:
    world, step = job_with_completed_prediction()
    before = world.job(step.job_id)
    world.downloads.files = {OUTPUT: [NOT_YET_AVAILABLE]}

    assert world.app.finalize_job.run(step).checks == 1
    assert world.job(step.job_id) == before
