"""The handler Sweep: its result by action, and its stop before the Lambda timeout."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.handlers import sweep
from darkroom.observability import CrashError
from tests.fakes.world import World
from tests.unit.test_sweep_jobs import unstarted_job

EVENT = {"id": "2d4eba74-fd51-3966-4bfa-b013c9da8ff1", "detail-type": "Scheduled Event"}


def context(*remaining_millis: int) -> LambdaContext:
    """Return a context whose remaining milliseconds are these values; the last one repeats."""
    remaining = list(remaining_millis)
    return cast(
        "LambdaContext",
        SimpleNamespace(
            aws_request_id="invocation-1",
            get_remaining_time_in_millis=lambda: (
                remaining.pop(0) if len(remaining) > 1 else remaining[0]
            ),
        ),
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world on which the real handler runs."""
    world = World()
    monkeypatch.setattr(sweep, "app", lambda: world.app)
    return world


def test_sweep_returns_the_jobs_by_action(world: World) -> None:
    job_id = unstarted_job(world)
    world.clock.advance(120)

    assert sweep.handler(EVENT, context(900_000)) == {"restarted": [job_id]}
    assert sweep.handler(EVENT, context(900_000)) == {}


def test_sweep_starts_no_job_when_its_time_is_nearly_over(world: World) -> None:
    jobs = sorted(unstarted_job(world, f"key-{number}") for number in range(3))
    world.clock.advance(120)

    first = sweep.handler(EVENT, context(900_000, 120_001, 120_000))

    assert first == {"restarted": jobs[:2]}
    assert sweep.handler(EVENT, context(900_000)) == {"restarted": jobs[2:]}


def test_failure_of_a_job_raises_without_its_message(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unstarted_job(world)
    world.clock.advance(120)

    def fail(job_id: str) -> bool:
        raise RuntimeError("sesame-4711")

    monkeypatch.setattr(world.workflow, "start", fail)
    event: dict[str, Any] = dict(EVENT)

    with pytest.raises(CrashError, match="RuntimeError"):
        sweep.handler(event, context(900_000))

    assert "sesame-4711" not in "".join(capsys.readouterr())
