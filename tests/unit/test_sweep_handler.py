"""Sweep, as the schedule calls it: it tells what it did, and stops before its time is over."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import sweeps
from darkroom.handlers import sweep
from darkroom.observability import CrashError
from tests.fakes.world import World
from tests.unit.test_sweep_jobs import crashed

EVENT = {"id": "2d4eba74-fd51-3966-4bfa-b013c9da8ff1", "detail-type": "Scheduled Event"}


def context(*left: int) -> LambdaContext:
    """So many milliseconds are left at each look, and at last for ever."""
    rest = list(left)
    return cast(
        "LambdaContext",
        SimpleNamespace(
            aws_request_id="invocation-1",
            get_remaining_time_in_millis=lambda: rest.pop(0) if len(rest) > 1 else rest[0],
        ),
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployment whose handler is the real one."""
    world = World()
    monkeypatch.setattr(sweeps, "sweep_jobs", world.sweep_jobs)
    monkeypatch.setattr(sweeps, "sweep_batches", world.sweep_batches)
    return world


def test_it_answers_with_the_jobs_by_what_was_done(world: World) -> None:
    job_id = crashed(world)
    world.clock.advance(120)

    assert sweep.handler(EVENT, context(900_000)) == {"restarted": [job_id]}
    assert sweep.handler(EVENT, context(900_000)) == {}


def test_it_begins_nothing_that_it_may_not_finish(world: World) -> None:
    jobs = sorted(crashed(world, f"key-{number}") for number in range(3))
    world.clock.advance(120)

    first = sweep.handler(EVENT, context(900_000, 120_001, 120_000))

    assert first == {"restarted": jobs[:2]}
    assert sweep.handler(EVENT, context(900_000)) == {"restarted": jobs[2:]}


def test_a_job_that_cannot_be_mended_is_a_crash_for_people_to_see(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crashed(world)
    world.clock.advance(120)

    def refuses(job_id: str) -> bool:
        raise RuntimeError("sesame-4711")

    monkeypatch.setattr(world.workflow, "start", refuses)
    event: dict[str, Any] = dict(EVENT)

    with pytest.raises(CrashError, match="RuntimeError"):
        sweep.handler(event, context(900_000))

    assert "sesame-4711" not in "".join(capsys.readouterr())
