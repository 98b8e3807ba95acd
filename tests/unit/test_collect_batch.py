"""Batches: rows become jobs, CollectBatch counts them, and each row has a result."""

import csv
import io
from contextlib import suppress
from decimal import Decimal

import pytest

from darkroom.domain.batch import BatchStatus, Counts
from darkroom.domain.errors import Code, EndedError
from darkroom.domain.executions import Execution
from darkroom.domain.job import Status
from darkroom.domain.steps import Step
from darkroom.domain.submit_queue import Priority
from tests.fakes.crashes import CrashAt, SimulatedCrashError
from tests.fakes.world import World
from tests.unit.batches import SHOP, create_all_jobs, result_rows, running_batch
from tests.unit.http import complete_job

ROWS = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": ""}, {"id": "c", "prompt": "z"}]


def test_each_good_row_becomes_a_low_priority_job() -> None:
    world = World()
    batch = running_batch(world, ROWS)

    create_all_jobs(world, batch)
    create_all_jobs(world, batch)  # a step must be idempotent

    jobs = list(world.jobs.records.values())
    assert {job.job_id for job in jobs} == {batch.job_of(1), batch.job_of(3)}
    assert {(job.batch_id, job.priority, job.caller) for job in jobs} == {
        (batch.batch_id, Priority.LOW, SHOP.name)
    }


def test_refused_row_has_its_reason_and_does_not_affect_others() -> None:
    world = World()
    missing_image = {"operation": "edit", "prompt": "x", "images": ["s3://nowhere/a.png"]}
    world.jobs.budgets.set_cap(SHOP.name, 10_000)
    batch = running_batch(world, [missing_image, {"prompt": "y"}, {"prompt": "z"}])
    create_all_jobs(world, batch)
    complete_job(world, batch.job_of(2))

    assert world.app.collect_batch.run(batch.batch_id) == 0

    results = [(row["status"], row["code"], row["message"]) for row in result_rows(world, batch)]
    assert results[0] == (
        "failed",
        "invalid_request",
        "Row 1: reference image 1 does not exist, or this caller may not read it.",
    )
    assert results[1] == ("completed", None, None)
    assert results[2][:2] == ("failed", "budget_exceeded")


def test_collect_counts_rows_and_returns_the_next_wait() -> None:
    world = World()
    batch = running_batch(world, [{"prompt": str(n)} for n in range(2)])
    world.clock.advance(100)

    assert (
        world.app.collect_batch.run(batch.batch_id) == 25
    )  # nothing has ended: a quarter of the elapsed time
    create_all_jobs(world, batch)
    complete_job(world, batch.job_of(1))
    assert (
        world.app.collect_batch.run(batch.batch_id) == 12
    )  # one more row at 100 s per row: an eighth of it

    view = world.app.find_batches.one(SHOP, batch.batch_id)
    assert view.counts == Counts(queued=1, completed=1)
    assert (view.eta_seconds, view.spent_micro_usd) == (100, 10_000)


def test_results_are_written_and_published_when_every_row_has_ended() -> None:
    world = World()
    batch = running_batch(world, ROWS)
    create_all_jobs(world, batch)
    complete_job(world, batch.job_of(1))
    world.app.end_job.fail(batch.job_of(3), Code.INTERNAL_ERROR)

    assert world.app.collect_batch.run(batch.batch_id) == 0

    ended = world.batches.records[batch.batch_id]
    assert (ended.status, ended.counts) == (
        BatchStatus.COMPLETED, Counts(completed=1, failed=1, bad=1),
    )  # fmt: skip
    text = world.batch_files.written[batch.batch_id, "results.csv"].decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["id"], row["status"], row["code"]) for row in rows] == [
        ("a", "completed", ""), ("b", "bad", "invalid_request"), ("c", "failed", "internal_error"),
    ]  # fmt: skip
    assert rows[0]["assets"] == f"s3://assets/jobs/{batch.job_of(1)}/0.png"
    assert sum(Decimal(row["cost_usd"]) for row in rows) * 10**6 == ended.spent_micro_usd == 10_000
    (event,) = world.events.of_type("BatchCompleted")
    assert event.model_dump()["progress"] == ended.counts.model_dump()


def test_batch_completed_has_one_event_id_despite_a_crash() -> None:
    for timing in ("before", "after"):
        for call in range(8):
            world = World()
            batch = running_batch(world, ROWS[:1])
            create_all_jobs(world, batch)
            complete_job(world, batch.job_of(1))
            world.crash_at = CrashAt({call: "before" if timing == "before" else "after"})
            with suppress(SimulatedCrashError):
                world.app.collect_batch.run(batch.batch_id)
            world = world.without_crashes()
            assert world.app.collect_batch.run(batch.batch_id) == 0
            assert world.batches.records[batch.batch_id].published_at is not None
            assert {event.id for event in world.events.of_type("BatchCompleted")} == {
                f"{batch.batch_id}.ended"
            }


def test_rows_of_a_failed_chunk_have_internal_error() -> None:
    world = World()
    batch = running_batch(world, ROWS[:1])
    assert world.app.collect_batch.run(batch.batch_id) > 0  # the chunk may still be created
    world.batches.update(batch.batch_id, when=[batch.status], creation_finished=True)

    assert world.app.collect_batch.run(batch.batch_id) == 0
    assert result_rows(world, batch)[0]["code"] == "internal_error"


def test_canceled_batch_starts_no_rows_and_cancels_its_jobs() -> None:
    world = World()
    batch = running_batch(world, [{"prompt": str(n)} for n in range(30)])
    spans = world.batch_files.chunks[batch.batch_id]
    assert isinstance(spans, list)
    world.app.create_rows.run(batch.batch_id, spans[0])
    complete_job(world, batch.job_of(1))

    view = world.app.find_batches.cancel(SHOP, batch.batch_id)
    world.app.create_rows.run(batch.batch_id, spans[1])

    assert view.canceled_at is not None
    assert world.app.collect_batch.run(batch.batch_id) == 0
    ended = world.batches.records[batch.batch_id]
    assert ended.status is BatchStatus.CANCELED
    assert ended.counts == Counts(completed=1, canceled=29)
    assert len(world.jobs.records) == 12


def test_canceled_batch_waits_for_submitted_jobs() -> None:
    world = World()
    batch = running_batch(world, ROWS[:1])
    create_all_jobs(world, batch)
    world.app.submit_job.run(Step(job_id=batch.job_of(1)))
    world.app.find_batches.cancel(SHOP, batch.batch_id)

    assert world.app.collect_batch.run(batch.batch_id) > 0
    assert world.job(batch.job_of(1)).canceled_at is not None
    assert world.job(batch.job_of(1)).status is Status.SUBMITTED


def test_batch_cancel_is_idempotent_and_fails_after_the_end() -> None:
    world = World()
    batch = running_batch(world, ROWS[:1])
    find = world.app.find_batches
    assert find.cancel(SHOP, batch.batch_id) == find.cancel(SHOP, batch.batch_id)
    other = World()
    ended = running_batch(other, ROWS[:1])
    create_all_jobs(other, ended)
    complete_job(other, ended.job_of(1))
    other.app.collect_batch.run(ended.batch_id)

    with pytest.raises(EndedError):
        other.app.find_batches.cancel(SHOP, ended.batch_id)


@pytest.mark.parametrize("execution", [Execution.FAILED, Execution.TIMED_OUT])
def test_batch_with_a_failed_execution_is_restarted(execution: Execution) -> None:
    world = World()
    batch = running_batch(world, ROWS)
    world.batches.update(batch.batch_id, when=[batch.status], creation_finished=True)
    world.batch_workflow.ended[f"{batch.batch_id}-1"] = execution
    world.clock.advance(120)

    assert world.app.sweep_batches.run() == [batch.batch_id]
    assert world.batch_workflow.started[-1] == f"{batch.batch_id}-2"
    assert not world.batches.records[batch.batch_id].creation_finished
    assert world.app.sweep_batches.run() == []  # not due again yet


def test_batch_with_an_aborted_execution_is_canceled() -> None:
    world = World()
    batch = running_batch(world, ROWS)
    world.batch_workflow.ended[f"{batch.batch_id}-1"] = Execution.ABORTED
    world.clock.advance(120)

    world.app.sweep_batches.run()

    assert world.app.collect_batch.run(batch.batch_id) == 0
    assert world.batches.records[batch.batch_id].status is BatchStatus.CANCELED


def test_failure_of_one_batch_does_not_stop_the_sweep_of_others() -> None:
    world = World()
    first = running_batch(world, ROWS)
    second = running_batch(world, ROWS, key="winter")
    world.batch_workflow.started.clear()
    world.clock.advance(120)
    start = world.batch_workflow.start

    def fail_for_first(record_id: str, attempt: int = 0) -> bool:
        if record_id == first.batch_id:
            raise RuntimeError("Step Functions refused the start")
        return start(record_id, attempt)

    world.batch_workflow.start = fail_for_first  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="refused the start"):
        world.app.sweep_batches.run()

    assert world.batch_workflow.started == [f"{second.batch_id}-1"]
    assert world.app.sweep_batches.run() == []  # both are due again later


def test_batch_fails_after_ten_failed_executions() -> None:
    world = World()
    batch = running_batch(world, ROWS)
    for attempt in range(1, 11):
        world.batch_workflow.ended[f"{batch.batch_id}-{attempt}"] = Execution.FAILED
        world.clock.advance(700)
        world.app.sweep_batches.run()

    assert world.batches.records[batch.batch_id].status is BatchStatus.FAILED
    (event,) = world.events.of_type("BatchCompleted")
    assert event.model_dump()["status"] == "failed"
    assert event.model_dump()["results_csv"] is None


def test_running_batch_is_not_restarted() -> None:
    world = World()
    running_batch(world, ROWS)
    world.clock.advance(120)

    assert world.app.sweep_batches.run() == []
    assert len(world.batch_workflow.started) == 1
