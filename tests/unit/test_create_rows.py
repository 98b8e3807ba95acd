"""CreateRows: rows become jobs while the queue has room, with random waits between batches."""

from random import Random
from statistics import fmean
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.submit_queue import WaitingJobs
from darkroom.handlers import create_rows
from darkroom.usecases.batches.create_rows import seconds_until_room
from tests.fakes.world import World
from tests.unit.batches import running_batch
from tests.unit.http import CONTEXT

RANDOM = st.randoms(use_true_random=False)
ROOM = 20.0
SPAN = {"start": 0, "end": 10**6}


def create_rows_waits(seconds: float, max_queue: int = 1000) -> list[int]:
    """Return the waits of twenty runs with `seconds` of work in the queue."""
    world = World(max_queue=max_queue)
    batch = running_batch(world, [{"prompt": "x"}])
    queue = world.jobs.queue
    queue.shard = queue.shard.model_copy(
        update={"low": WaitingJobs(seconds=seconds, rounds={"x": (1, 100)})}
    )
    waits = []
    for _ in range(20):
        waits.append(world.app.create_rows.run(batch.batch_id, SPAN))
        assert len(world.jobs.records) == (0 in waits)
        world.jobs.records.clear()
    return waits


def test_rows_wait_while_the_queue_is_full() -> None:
    waits = create_rows_waits(50.0)

    assert all(10 <= seconds <= 30 for seconds in waits)
    assert len(set(waits)) > 5  # batches do not retry at the same time


@given(st.floats(0, ROOM), st.integers(0, 1000), RANDOM)
def test_rows_are_created_immediately_when_the_queue_has_room(
    waiting: float, attempts: int, random: Random
) -> None:
    assert seconds_until_room(waiting, attempts, ROOM, random) == 0


@given(st.floats(2 * ROOM, 1e6), st.integers(0, 1000), RANDOM)
def test_wait_for_a_full_queue_follows_its_length(
    waiting: float, attempts: int, random: Random
) -> None:
    wait = seconds_until_room(waiting, attempts, ROOM, random)

    minimum = min(600, max(5, waiting - 2 * ROOM))
    assert minimum - 1 <= wait <= minimum + min(3600, 20 * (attempts + 1)) + 1


@pytest.mark.parametrize("fullness", [0.25, 0.5, 0.75, 0.95])
def test_share_of_admitted_rows_falls_as_the_queue_fills(fullness: float) -> None:
    random = Random(7)  # noqa: S311 - no secret

    waits = [seconds_until_room(ROOM * (1 + fullness), 0, ROOM, random) for _ in range(4000)]

    assert waits.count(0) / 4000 == pytest.approx(1 - fullness, abs=0.03)
    assert all(5 <= seconds <= 25 for seconds in waits if seconds)


def test_wait_grows_with_the_number_of_attempts() -> None:
    random = Random(7)  # noqa: S311 - no secret

    def mean(attempts: int) -> float:
        return fmean(seconds_until_room(2 * ROOM, attempts, ROOM, random) for _ in range(4000))

    assert mean(0) == pytest.approx(5 + 10, rel=0.05)
    assert mean(9) == pytest.approx(5 + 100, rel=0.05)
    assert mean(1000) == pytest.approx(5 + 1800, rel=0.05)


def test_handler_counts_attempts_and_accepts_events_without_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received: list[int] = []

    def use_case(_batch_id: str, _span: dict[str, int], attempts: int) -> int:
        received.append(attempts)
        return 7

    app = SimpleNamespace(create_rows=SimpleNamespace(run=use_case))
    monkeypatch.setattr(create_rows, "app", lambda: app)
    event = {"batch_id": "b", "chunk": SPAN}

    assert create_rows.handler(event, CONTEXT) == {"wait_seconds": 7, "attempts": 1}
    assert create_rows.handler(event | {"attempts": 3}, CONTEXT) == {
        "wait_seconds": 7,
        "attempts": 4,
    }
    assert received == [0, 3]
