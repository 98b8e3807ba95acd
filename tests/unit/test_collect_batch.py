"""A batch's life: rows become jobs, looks tell how far they are, and each row has its result."""

import csv
import io
from contextlib import suppress
from decimal import Decimal

import pytest

from darkroom.domain.batch import BatchStatus, Counts
from darkroom.domain.errors import Code, EndedError, NotFoundError
from darkroom.domain.job import Status
from darkroom.domain.steps import Step
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Execution
from tests.fakes.crashes import CrashAt, DeadError
from tests.fakes.world import World
from tests.unit.batches import SHOP, create_all, finish, result_lines, started

ROWS = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": ""}, {"id": "c", "prompt": "z"}]


def test_each_good_row_is_a_job_of_the_batch_that_goes_after_the_others() -> None:
    world = World()
    batch = started(world, ROWS)

    create_all(world, batch)
    create_all(world, batch)  # a step may run twice

    jobs = list(world.jobs.records.values())
    assert {job.job_id for job in jobs} == {batch.job_of(1), batch.job_of(3)}
    assert {(job.batch_id, job.priority, job.caller) for job in jobs} == {
        (batch.batch_id, Priority.LOW, SHOP.name)
    }


def test_a_row_that_is_refused_at_the_door_has_its_reason_and_stops_no_other() -> None:
    world = World()
    gone = {"operation": "edit", "prompt": "x", "images": ["s3://nowhere/a.png"]}
    batch = started(world, [gone, {"prompt": "y"}, {"prompt": "z"}], daily_budget_micro_usd=10_000)
    create_all(world, batch)
    finish(world, batch.job_of(2))

    assert world.collect_batch()(batch.batch_id) == 0

    ends = [(line["status"], line["code"], line["message"]) for line in result_lines(world, batch)]
    assert ends[0] == ("failed", "invalid_request", "images.0 does not exist, or may not be read")
    assert ends[1] == ("completed", None, None)
    assert ends[2][:2] == ("failed", "budget_exceeded")


def test_a_look_counts_and_says_when_to_look_again() -> None:
    world = World()
    batch = started(world, [{"prompt": str(n)} for n in range(2)])
    world.clock.advance(100)

    assert world.collect_batch()(batch.batch_id) == 25  # nothing has ended: a quarter as long
    create_all(world, batch)
    finish(world, batch.job_of(1))
    assert world.collect_batch()(batch.batch_id) == 12  # one more at 100 s: an eighth of it

    seen = world.find_batches().one(SHOP, batch.batch_id)
    assert seen.counts == Counts(queued=1, completed=1)
    assert (seen.eta_seconds, seen.spent_micro_usd) == (100, 10_000)


def test_when_every_row_has_ended_the_results_are_there_and_told_of() -> None:
    world = World()
    batch = started(world, ROWS)
    create_all(world, batch)
    finish(world, batch.job_of(1))
    world.end_job().fail(batch.job_of(3), Code.INTERNAL_ERROR)

    assert world.collect_batch()(batch.batch_id) == 0

    ended = world.batches.records[batch.batch_id]
    assert (ended.status, ended.counts) == (
        BatchStatus.COMPLETED, Counts(completed=1, failed=1, bad=1),
    )  # fmt: skip
    text = world.batch_files.written[batch.batch_id, "results.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(r["id"], r["status"], r["code"]) for r in rows] == [
        ("a", "completed", ""), ("b", "bad", "invalid_request"), ("c", "failed", "internal_error"),
    ]  # fmt: skip
    assert rows[0]["assets"] == f"s3://assets/jobs/{batch.job_of(1)}/0.png"
    assert sum(Decimal(row["cost_usd"]) for row in rows) * 10**6 == ended.spent_micro_usd == 10_000
    (event,) = world.events.named("BatchCompleted")
    assert event.model_dump()["progress"] == ended.counts.model_dump()


def test_the_end_is_told_once_though_a_look_may_die_anywhere() -> None:
    for moment in ("before", "after"):
        for call in range(8):
            world = World()
            batch = started(world, ROWS[:1])
            create_all(world, batch)
            finish(world, batch.job_of(1))
            world.crash_at = CrashAt({call: "before" if moment == "before" else "after"})
            with suppress(DeadError):
                world.collect_batch()(batch.batch_id)
            world = world.beside()
            assert world.collect_batch()(batch.batch_id) == 0
            assert world.batches.records[batch.batch_id].published_at is not None
            assert {event.id for event in world.events.named("BatchCompleted")} == {
                f"{batch.batch_id}.ended"
            }


def test_a_part_that_failed_for_good_is_told_of_row_by_row() -> None:
    world = World()
    batch = started(world, ROWS[:1])
    assert world.collect_batch()(batch.batch_id) > 0  # its turn may still come
    world.batches.update(batch.batch_id, when=[batch.status], creation_finished=True)

    assert world.collect_batch()(batch.batch_id) == 0
    assert result_lines(world, batch)[0]["code"] == "internal_error"


def test_canceled_it_starts_no_further_row_and_cancels_the_others() -> None:
    world = World()
    batch = started(world, [{"prompt": str(n)} for n in range(30)])
    spans = world.batch_files.chunks[batch.batch_id]
    assert isinstance(spans, list)
    world.create_rows()(batch.batch_id, spans[0])
    finish(world, batch.job_of(1))

    view = world.find_batches().cancel(SHOP, batch.batch_id)
    world.create_rows()(batch.batch_id, spans[1])

    assert view.canceled_at is not None
    assert world.collect_batch()(batch.batch_id) == 0
    ended = world.batches.records[batch.batch_id]
    assert ended.status is BatchStatus.CANCELED
    assert ended.counts == Counts(completed=1, canceled=29)
    assert len(world.jobs.records) == 12


def test_what_is_with_the_provider_is_waited_for_though_it_is_canceled() -> None:
    world = World()
    batch = started(world, ROWS[:1])
    create_all(world, batch)
    world.submit_job()(Step(job_id=batch.job_of(1)))
    world.find_batches().cancel(SHOP, batch.batch_id)

    assert world.collect_batch()(batch.batch_id) > 0
    assert world.job(batch.job_of(1)).canceled_at is not None
    assert world.job(batch.job_of(1)).status is Status.SUBMITTED


def test_what_has_ended_cannot_be_canceled_and_canceling_is_repeatable() -> None:
    world = World()
    batch = started(world, ROWS[:1])
    find = world.find_batches()
    assert find.cancel(SHOP, batch.batch_id) == find.cancel(SHOP, batch.batch_id)
    other = World()
    done = started(other, ROWS[:1])
    create_all(other, done)
    finish(other, done.job_of(1))
    other.collect_batch()(done.batch_id)

    with pytest.raises(EndedError):
        other.find_batches().cancel(SHOP, done.batch_id)


def test_another_callers_batch_is_none() -> None:
    world = World()
    batch = started(world, ROWS)
    stranger = SHOP.model_copy(update={"name": "key:other"})

    with pytest.raises(NotFoundError):
        world.find_batches().one(stranger, batch.batch_id)


@pytest.mark.parametrize("how", [Execution.FAILED, Execution.TIMED_OUT])
def test_a_batch_whose_execution_is_gone_is_started_again(how: Execution) -> None:
    world = World()
    batch = started(world, ROWS)
    world.batches.update(batch.batch_id, when=[batch.status], creation_finished=True)
    world.batch_workflow.ended[batch.batch_id, 1] = how
    world.clock.advance(120)

    assert world.sweep_batches()() == [batch.batch_id]
    assert world.batch_workflow.started[-1] == (batch.batch_id, 2)
    assert not world.batches.records[batch.batch_id].creation_finished
    assert world.sweep_batches()() == []  # it was looked at just now


def test_a_batch_that_was_stopped_by_hand_is_canceled() -> None:
    world = World()
    batch = started(world, ROWS)
    world.batch_workflow.ended[batch.batch_id, 1] = Execution.ABORTED
    world.clock.advance(120)

    world.sweep_batches()()

    assert world.collect_batch()(batch.batch_id) == 0
    assert world.batches.records[batch.batch_id].status is BatchStatus.CANCELED


def test_a_batch_that_cannot_be_brought_to_its_end_is_closed_and_told_of() -> None:
    world = World()
    batch = started(world, ROWS)
    for attempt in range(1, 11):
        world.batch_workflow.ended[batch.batch_id, attempt] = Execution.FAILED
        world.clock.advance(700)
        world.sweep_batches()()

    assert world.batches.records[batch.batch_id].status is BatchStatus.FAILED
    (event,) = world.events.named("BatchCompleted")
    assert event.model_dump()["status"] == "failed"
    assert event.model_dump()["results_csv"] is None


def test_a_batch_that_runs_is_left_alone() -> None:
    world = World()
    started(world, ROWS)
    world.clock.advance(120)

    assert world.sweep_batches()() == []
    assert len(world.batch_workflow.started) == 1
