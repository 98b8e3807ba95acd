"""CreateRows: rows become jobs while the line has room, and not all of them at one moment."""

from random import Random
from statistics import fmean
from types import SimpleNamespace
from typing import cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import given
from hypothesis import strategies as st

from darkroom.bootstrap import batches
from darkroom.domain.submit_queue import WaitingJobs
from darkroom.handlers.create_rows import handler
from darkroom.usecases.create_rows import until_room
from tests.fakes.world import World
from tests.unit.batches import started

CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))
CHANCE = st.randoms(use_true_random=False)
ROOM = 20.0
SPAN = {"start": 0, "end": 10**6}


def waits(seconds: float, max_queue: int = 1000) -> list[int]:
    """What twenty steps say of a line with so many seconds of work."""
    world = World(max_queue=max_queue)
    batch = started(world, [{"prompt": "x"}])
    shard = world.jobs.queue
    shard.shard = shard.shard.model_copy(
        update={"low": WaitingJobs(seconds=seconds, rounds={"x": (1, 100)})}
    )
    found = []
    for _ in range(20):
        found.append(world.create_rows()(batch.batch_id, SPAN))
        assert len(world.jobs.records) == (0 in found)
        world.jobs.records.clear()
    return found


def test_no_row_becomes_a_job_while_the_line_is_long() -> None:
    found = waits(50.0)

    assert all(10 <= seconds <= 30 for seconds in found)
    assert len(set(found)) > 5  # many batches do not come back at one moment


def test_where_jobs_may_not_wait_for_long_the_line_is_kept_shorter() -> None:
    assert all(waits(25.0, max_queue=40))


@given(st.floats(0, ROOM), st.integers(0, 1000), CHANCE)
def test_with_room_for_them_rows_come_at_once(
    waiting: float, attempts: int, chance: Random
) -> None:
    assert until_room(waiting, attempts, ROOM, chance) == 0


@given(st.floats(2 * ROOM, 1e6), st.integers(0, 1000), CHANCE)
def test_when_it_is_full_rows_wait_for_about_as_long_as_the_line(
    waiting: float, attempts: int, chance: Random
) -> None:
    wait = until_room(waiting, attempts, ROOM, chance)

    least = min(600, max(5, waiting - 2 * ROOM))
    assert least - 1 <= wait <= least + min(3600, 20 * (attempts + 1)) + 1


@pytest.mark.parametrize("full", [0.25, 0.5, 0.75, 0.95])
def test_the_fuller_the_line_the_fewer_are_let_in(full: float) -> None:
    chance = Random(7)  # noqa: S311 - no secret

    found = [until_room(ROOM * (1 + full), 0, ROOM, chance) for _ in range(4000)]

    assert found.count(0) / 4000 == pytest.approx(1 - full, abs=0.03)
    assert all(5 <= seconds <= 25 for seconds in found if seconds)


def test_who_has_looked_in_vain_more_often_looks_less_often() -> None:
    chance = Random(7)  # noqa: S311 - no secret

    def mean(attempts: int) -> float:
        return fmean(until_room(2 * ROOM, attempts, ROOM, chance) for _ in range(4000))

    assert mean(0) == pytest.approx(5 + 10, rel=0.05)
    assert mean(9) == pytest.approx(5 + 100, rel=0.05)
    assert mean(1000) == pytest.approx(5 + 1800, rel=0.05)


def test_the_function_counts_looks_and_takes_executions_of_an_older_version_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[int] = []

    def use_case(_batch_id: str, _span: dict[str, int], attempts: int) -> int:
        told.append(attempts)
        return 7

    monkeypatch.setattr(batches, "create_rows", lambda: use_case)
    event = {"batch_id": "b", "chunk": SPAN}

    assert handler(event, CONTEXT) == {"wait_seconds": 7, "attempts": 1}
    assert handler(event | {"attempts": 3}, CONTEXT) == {"wait_seconds": 7, "attempts": 4}
    assert told == [0, 3]
