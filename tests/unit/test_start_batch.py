"""Start a batch: planned first, once for each key, confirmed if it costs much; safe to repeat."""

import pytest

from darkroom.domain.batch import Counts
from darkroom.domain.errors import (
    ConfirmationRequiredError,
    ConflictError,
    InvalidRequestError,
)
from darkroom.usecases.create_job import RequestSource
from darkroom.usecases.plan_batch import BatchFile
from tests.fakes.crashes import CrashAt, DeadError
from tests.fakes.world import World
from tests.unit.batches import SHOP, SMALL, put, started

ORIGIN = RequestSource(SHOP, "autumn", "request-1")


def test_a_plan_tells_of_bad_rows_and_the_price_and_does_nothing() -> None:
    world = World()
    source = put(world, [SMALL | {"prompt": "x"}, {"prompt": ""}, SMALL | {"prompt": "y"}])

    plan = world.start_batch().plan(BatchFile(source), SHOP)

    assert (len(plan.rows), plan.good, plan.estimated_cost_micro_usd) == (3, 2, 20_000)
    assert [(each.row, each.field) for each in plan.problems(9)] == [(2, "prompt")]
    assert world.batches.records == {}
    assert world.batch_files.lines == {}
    assert world.jobs.records == {}


def test_a_started_batch_runs_with_the_counts_of_its_file() -> None:
    world = World()

    batch = started(world, [{"prompt": "x"}, {"prompt": ""}])

    assert (batch.rows, batch.bad_rows) == (2, 1)
    assert batch.counts == Counts(waiting=1, bad=1)
    assert batch.source.version_id == "v1"
    assert world.batch_workflow.started == [(batch.batch_id, 1)]


def test_the_same_key_and_file_is_the_same_batch() -> None:
    world = World()

    assert started(world, [{"prompt": "x"}]) == started(world, [{"prompt": "x"}])
    assert len(world.batch_workflow.started) == 1


def test_the_same_key_for_something_else_is_a_conflict() -> None:
    world = World()
    started(world, [{"prompt": "x"}])

    with pytest.raises(ConflictError):
        world.start_batch()(BatchFile("upload:rows.jsonl", prompt="{prompt}!"), ORIGIN)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_anywhere_is_mended_by_the_next_try(moment: str) -> None:
    for call in range(6):
        world = World()
        source = put(world, [SMALL | {"prompt": "x"}])
        world.crash_at = CrashAt({call: "before" if moment == "before" else "after"})
        try:
            world.start_batch()(BatchFile(source), ORIGIN)
        except DeadError:
            batch = world.beside().start_batch()(BatchFile(source), ORIGIN)
            assert batch.is_open
        assert len(world.batches.records) == len(world.batch_workflow.started) == 1


def test_a_start_that_was_never_made_is_made_by_the_sweep() -> None:
    world = World()
    source = put(world, [SMALL | {"prompt": "x"}])
    world.crash_at = CrashAt({4: "before"})
    with pytest.raises(DeadError):
        world.start_batch()(BatchFile(source), ORIGIN)
    world = world.beside()

    assert world.batch_workflow.started == []
    assert world.sweep_batches()() == []
    world.clock.advance(120)
    assert len(world.sweep_batches()()) == len(world.batch_workflow.started) == 1


@pytest.mark.parametrize(("confirmed", "is_taken"), [(None, False), (5_759_999, False),
                                                     (5_760_000, True)])  # fmt: skip
def test_what_costs_much_is_started_only_if_its_price_is_named(
    confirmed: int | None, is_taken: bool
) -> None:
    world = World()
    dear = [{"prompt": "x", "quality": "high", "resolution": "4k"}] * 8
    source = put(world, dear)

    if is_taken:
        assert world.start_batch()(BatchFile(source), ORIGIN, confirmed=confirmed).is_open
        return
    with pytest.raises(ConfirmationRequiredError, match=r"\$5\.7600") as caught:
        world.start_batch()(BatchFile(source), ORIGIN, confirmed=confirmed)
    assert caught.value.cost == 5_760_000
    assert world.batches.records == {}
    assert world.batch_files.lines == {}


def test_a_row_whose_price_nobody_knows_wants_to_be_confirmed_too() -> None:
    world = World()
    source = put(world, [{"model": "any/model", "input": {"prompt": "x"}}])

    with pytest.raises(ConfirmationRequiredError, match="price of 1 is not known"):
        world.start_batch()(BatchFile(source), ORIGIN)
    assert world.start_batch()(BatchFile(source), ORIGIN, confirmed=0).unpriced_rows == 1


def test_a_file_without_a_good_row_is_refused_with_its_rows() -> None:
    world = World()
    source = put(world, [{"prompt": ""}, {"prompt": "x", "quality": "best"}])

    with pytest.raises(InvalidRequestError) as caught:
        world.start_batch()(BatchFile(source), ORIGIN)

    assert [each.field for each in caught.value.problems] == ["rows.1.prompt", "rows.2.quality"]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("upload:none", "does not exist"),
        ("https://a.test/rows.csv", "is no object in S3"),
        ("rows.csv", "neither a URI"),
        ("s3://x", "is not an s3://bucket/key"),
    ],
)
def test_a_source_that_is_none_is_refused(source: str, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        World().start_batch()(BatchFile(source), ORIGIN)


def test_another_callers_file_is_refused_like_one_that_is_not_there() -> None:
    world = World()
    source = put(world, [SMALL | {"prompt": "x"}], owner="key:other")

    with pytest.raises(InvalidRequestError, match="does not exist"):
        world.start_batch()(BatchFile(source), ORIGIN)


@pytest.mark.parametrize(("data", "problem"), [(b"", "is empty"), (b"\n \n", "has no rows")])
def test_an_empty_file_is_refused(data: bytes, problem: str) -> None:
    world = World()

    with pytest.raises(InvalidRequestError, match=problem):
        world.start_batch()(BatchFile(put(world, data)), ORIGIN)
