"""StartBatch: plan, idempotency, and confirmation of expensive batches."""

import pytest

from darkroom.domain.errors import (
    ConfirmationRequiredError,
    ConflictError,
    InvalidRequestError,
)
from darkroom.usecases.batches.plan_batch import BatchFile
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import CrashAt, SimulatedCrashError
from tests.fakes.world import World
from tests.unit.batches import SHOP, SMALL_IMAGE, running_batch, upload_rows

REQUEST_SOURCE = RequestSource(SHOP, "autumn", "request-1")


def test_plan_has_bad_rows_and_price_and_creates_nothing() -> None:
    world = World()
    source = upload_rows(
        world, [SMALL_IMAGE | {"prompt": "x"}, {"prompt": ""}, SMALL_IMAGE | {"prompt": "y"}]
    )

    plan = world.app.start_batch.plan.run(BatchFile(source), SHOP)

    assert (len(plan.rows), plan.valid_rows, plan.estimated_cost_micro_usd) == (3, 2, 20_000)
    assert [(problem.row, problem.field) for problem in plan.problems(9)] == [(2, "prompt")]
    assert world.batches.records == {}
    assert world.batch_files.lines == {}
    assert world.jobs.records == {}


def test_same_key_and_file_return_the_same_batch() -> None:
    world = World()

    assert running_batch(world, [{"prompt": "x"}]) == running_batch(world, [{"prompt": "x"}])
    assert len(world.batch_workflow.started) == 1


def test_same_key_with_another_request_raises_conflict_error() -> None:
    world = World()
    running_batch(world, [{"prompt": "x"}])

    with pytest.raises(ConflictError):
        world.app.start_batch.run(
            BatchFile("upload:rows.jsonl", prompt="{prompt}!"), REQUEST_SOURCE
        )


@pytest.mark.parametrize("timing", ["before", "after"])
def test_next_attempt_starts_the_batch_after_a_crash(timing: str) -> None:
    for call in range(8):
        world = World()
        source = upload_rows(world, [SMALL_IMAGE | {"prompt": "x"}])
        world.crash_at = CrashAt({call: "before" if timing == "before" else "after"})
        try:
            world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE)
        except SimulatedCrashError:
            batch = world.without_crashes().app.start_batch.run(BatchFile(source), REQUEST_SOURCE)
            assert batch.is_open
        assert len(world.batches.records) == len(world.batch_workflow.started) == 1


def test_sweep_starts_a_batch_without_an_execution() -> None:
    world = World()
    source = upload_rows(world, [SMALL_IMAGE | {"prompt": "x"}])
    world.crash_at.methods = {"start": "before"}
    with pytest.raises(SimulatedCrashError):
        world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE)
    world = world.without_crashes()

    assert world.batch_workflow.started == []
    assert world.app.sweep_batches.run() == []
    world.clock.advance(120)
    assert len(world.app.sweep_batches.run()) == len(world.batch_workflow.started) == 1


@pytest.mark.parametrize(("confirmed", "is_started"), [(None, False), (5_759_999, False),
                                                     (5_760_000, True)])  # fmt: skip
def test_expensive_batch_requires_its_price_as_confirmation(
    confirmed: int | None, is_started: bool
) -> None:
    world = World()
    expensive_rows = [{"prompt": "x", "quality": "high", "resolution": "4k"}] * 8
    source = upload_rows(world, expensive_rows)

    if is_started:
        assert world.app.start_batch.run(
            BatchFile(source), REQUEST_SOURCE, confirmed=confirmed
        ).is_open
        return
    with pytest.raises(ConfirmationRequiredError, match=r"\$5\.76\.") as error:
        world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE, confirmed=confirmed)
    assert error.value.cost == 5_760_000
    assert world.batches.records == {}
    assert world.batch_files.lines == {}


def test_row_without_a_price_requires_a_confirmation() -> None:
    world = World()
    source = upload_rows(world, [{"model": "any/model", "input": {"prompt": "x"}}])

    with pytest.raises(ConfirmationRequiredError, match="price of 1 of them is not known"):
        world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE)
    assert (
        world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE, confirmed=0).unpriced_rows == 1
    )


def test_file_without_good_rows_is_refused_with_its_errors() -> None:
    world = World()
    source = upload_rows(world, [{"prompt": ""}, {"prompt": "x", "quality": "best"}])

    with pytest.raises(InvalidRequestError) as error:
        world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE)

    assert [problem.field for problem in error.value.problems] == [
        "rows.1.prompt",
        "rows.2.quality",
    ]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("upload:none", "does not exist"),
        ("https://a.test/rows.csv", "must be upload:<id>"),
        ("rows.csv", "must be upload:<id>"),
        ("s3://x", "must be upload:<id>"),
    ],
)
def test_invalid_source_is_refused(source: str, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        World().app.start_batch.run(BatchFile(source), REQUEST_SOURCE)


def test_file_of_another_caller_gets_the_error_of_a_missing_file() -> None:
    world = World()
    source = upload_rows(world, [SMALL_IMAGE | {"prompt": "x"}], owner="key:other")

    with pytest.raises(InvalidRequestError, match="does not exist"):
        world.app.start_batch.run(BatchFile(source), REQUEST_SOURCE)


@pytest.mark.parametrize(("data", "problem"), [(b"", "is empty"), (b"\n \n", "has no rows")])
def test_empty_file_is_refused(data: bytes, problem: str) -> None:
    world = World()

    with pytest.raises(InvalidRequestError, match=problem):
        world.app.start_batch.run(BatchFile(upload_rows(world, data)), REQUEST_SOURCE)
