"""A prediction that is paid for is kept: late, odd or unreadable outputs end no job for good."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain import polling
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import NotDownloaded, Prediction, Succeeded
from tests.fakes.images import PNG
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World
from tests.unit.test_job import job as job_record
from tests.unit.test_recover_job import assert_recovered, sweep_until_done

PAGE = b"<!DOCTYPE html><html><body>Checking your browser</body></html>"
MODEL: dict[str, Any] = {"model": "wavespeed-ai/any-model", "input": {"prompt": "x"}}


def run_job(*predictions: Prediction, **files: Any) -> tuple[World, Job]:
    """Run a job whose polls return `predictions`, the last of them repeatedly."""
    world = World()
    world.provider.predictions = list(predictions)
    world.downloads.files = files or {OUTPUT: PNG}
    job = world.accept_job()
    StateMachine(world).run(3600)
    return world, world.job(job.job_id)


@pytest.mark.parametrize("outputs", [(), ("",)])
@pytest.mark.parametrize("late_polls", [1, 2, 9])
def test_outputs_that_come_after_the_status_complete_the_job(
    outputs: tuple[str, ...], late_polls: int
) -> None:
    world, job = run_job(*[Succeeded(outputs)] * late_polls, Succeeded((OUTPUT,)))

    assert job.status is Status.COMPLETED
    assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]
    assert len(world.provider.posts) == 1


def test_waits_for_late_outputs_grow_up_to_four_minutes_in_total() -> None:
    world, job = run_job(Succeeded(()))

    assert job.code is Code.ASSET_UNAVAILABLE
    assert job.charge is Charged.YES
    assert tuple(sorted(polling.COPY_WAITS)) == polling.COPY_WAITS
    assert job.ended_at is not None
    assert job.provider_completed_at is not None
    waited = job.ended_at - job.provider_completed_at
    assert waited == timedelta(seconds=sum(polling.COPY_WAITS))
    assert 180 < waited.total_seconds() < 300
    assert world.jobs.queue.shard.in_flight == 0


def test_outputs_that_come_hours_later_are_recovered() -> None:
    world, account = deployment()
    account.results = [Succeeded(())]
    job = world.accept_job()
    StateMachine(world).run()
    assert world.job(job.job_id).code is Code.ASSET_UNAVAILABLE
    world.clock.advance(6 * 3600)
    world.app.sweep_jobs.run()
    account.created[0].result = Succeeded((OUTPUT,))

    sweep_until_done(world, job)

    assert_recovered(world, job)
    assert len(account.posts) == 1


def test_output_whose_url_comes_after_those_of_the_others_is_stored_in_order() -> None:
    second = OUTPUT.replace("0.png", "1.png")
    world, job = run_job(
        Succeeded(("", second)), Succeeded(("", second)), Succeeded((OUTPUT, second)),
        **{OUTPUT: PNG, second: PNG + b"2"},
    )  # fmt: skip

    assert job.status is Status.COMPLETED
    assert [world.assets.files[asset.key] for asset in job.assets] == [PNG, PNG + b"2"]


@pytest.mark.parametrize("pages", [1, 6])
def test_page_in_place_of_the_image_is_retried_like_a_503(pages: int) -> None:
    world, job = run_job(Succeeded((OUTPUT,)), **{OUTPUT: [*[PAGE] * pages, PNG]})

    assert job.status is Status.COMPLETED
    assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]


def test_page_for_six_days_ends_in_a_recovered_image() -> None:
    world, account = deployment()
    world.downloads.files = {OUTPUT: PAGE}
    job = world.accept_job()
    StateMachine(world).run()
    failed = world.job(job.job_id)
    assert (failed.code, failed.charge) == (Code.ASSET_INVALID, Charged.YES)
    while (sweep_after := world.job(job.job_id).sweep_after) and (
        sweep_after < failed.accepted_at + timedelta(days=6)
    ):
        world.clock.time = sweep_after
        world.app.sweep_jobs.run()

    world.downloads.files = {OUTPUT: PNG}
    sweep_until_done(world, job)

    assert_recovered(world, job)
    assert len(account.posts) == 1


def test_output_on_a_host_that_is_allowed_later_is_recovered() -> None:
    world, _ = deployment()
    refused = NotDownloaded(Code.ASSET_INVALID, "the output lies on another host", final=True)
    world.downloads.files = {OUTPUT: [refused]}
    job = world.accept_job()
    StateMachine(world).run()
    assert world.downloads.fetched == [OUTPUT]  # retries of the execution would not help

    world.downloads.files = {OUTPUT: PNG}
    sweep_until_done(world, job)

    assert_recovered(world, job)


@pytest.mark.parametrize("code", Code)
def test_every_failure_after_payment_is_swept_unless_the_provider_reports_it(code: Code) -> None:
    reported = {
        Code.INVALID_REQUEST, Code.MODERATED, Code.REJECTED, Code.INSUFFICIENT_CREDITS,
        Code.PROVIDER_FAILED, Code.BUDGET_EXCEEDED,
    }  # fmt: skip
    sent_at = job_record().accepted_at
    failed = job_record(
        status=Status.FAILED, code=code, submitting_at=sent_at, submitted_at=sent_at,
        prediction_id="p",
    )  # fmt: skip

    assert failed.is_recoverable is (code not in reported)


@pytest.mark.parametrize(
    ("output", "extension", "content_type", "content"),
    [
        ("https://cdn.test/logo.svg", "svg", "image/svg+xml", b"<svg xmlns='x'></svg>"),
        ("https://cdn.test/words.json", "json", "application/json", b'{"text": "a lighthouse"}'),
        ("https://cdn.test/caption.txt", "txt", "text/plain; charset=utf-8", b"a lighthouse"),
        ("https://cdn.test/lora.safetensors", "safetensors", "application/octet-stream",
         b"\x90\x01\x00\x00{}"),
    ],
)  # fmt: skip
def test_any_output_of_another_model_is_stored_with_its_type(
    output: str, extension: str, content_type: str, content: bytes
) -> None:
    world = World()
    world.provider.predictions = [Succeeded((output,))]
    world.downloads.files = {output: content}
    job = world.accept_job(MODEL)
    StateMachine(world).run(3600)

    [asset] = world.job(job.job_id).assets
    assert (asset.key, asset.content_type) == (f"jobs/{job.job_id}/0.{extension}", content_type)
    assert world.assets.files[asset.key] == content


@pytest.mark.parametrize("content", [b"<svg xmlns='x'></svg>", b"# words", b'{"a": 1}', b"words"])
def test_output_of_gpt_image_2_that_is_no_image_is_not_stored(content: bytes) -> None:
    world, job = run_job(Succeeded((OUTPUT,)), **{OUTPUT: content})

    assert job.code is Code.ASSET_INVALID
    assert job.is_recoverable
    assert world.assets.files == {}


def test_step_of_a_late_output_waits_by_the_scale_of_durations() -> None:
    world = World()
    world.provider.predictions = [Succeeded(())]
    job = world.accept_job()
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.clock.advance(30)
    step = world.app.check_job.run(step)
    waits = []
    while (step := world.app.finalize_job.run(step)).outcome is Outcome.PROCESSING:
        waits.append(step.wait_seconds)

    assert waits == list(polling.COPY_WAITS)
    assert [polling.copy_wait(copies, 0.05) for copies in (1, 5, 6, 7)] == [1, 3, 6, None]
