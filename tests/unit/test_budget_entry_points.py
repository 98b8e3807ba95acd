"""Budgets and priorities at the inbox and the event bus."""

from typing import Any

from darkroom.domain import callers, presets
from darkroom.domain.errors import Code
from darkroom.domain.events import JobRejected
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import Priority
from tests.fakes.images import PNG
from tests.fakes.world import TEXT_TO_IMAGE, World


def world_with_folder_budget(dollars: float, **settings: Any) -> World:
    """Return a world in which the folder `warmer-light` has this daily budget in USD."""
    world = World(**settings)
    shipped = presets.shipped()
    preset = shipped.presets["warmer-light"].model_copy(update={"daily_budget_usd": dollars})
    world.presets.current = shipped.model_copy(
        update={"presets": shipped.presets | {"warmer-light": preset}}
    )
    return world


def drop(world: World, key: str, data: bytes = PNG, **metadata: str) -> Job | None:
    job = world.app.upload_job.run(world.inbox.put(key, data, **metadata), event_id=f"event-{key}")
    return job and world.job(job.job_id)


def rejection(world: World) -> JobRejected:
    [event] = world.events.of_type("JobRejected")
    assert isinstance(event, JobRejected)
    return event


def test_inbox_folder_has_its_own_budget() -> None:
    world = world_with_folder_budget(0.15)

    first = drop(world, "warmer-light/a.png")
    assert first is not None
    assert first.reservations[0].scope == "inbox:warmer-light"
    assert drop(world, "warmer-light/b.png") is not None
    assert drop(world, "warmer-light/c.png") is None

    assert drop(world, "remove-background/c.png") is not None, "another folder has its own budget"
    event = rejection(world)
    assert (event.code, event.errors[0].field) == (Code.BUDGET_EXCEEDED, "budget")
    assert (event.caller, event.job_id) == ("inbox:warmer-light", None)
    note = world.assets.documents["errors/warmer-light/c.png.json"]
    assert note["code"] == "budget_exceeded"
    assert "$0.01 is left today" in note["message"]
    assert len(world.workflow.started) == 3


def test_description_is_limited_by_the_stack_budget() -> None:
    world = World(stack_budget=10_000)

    assert drop(world, "any.job.json", b'{"operation": "text-to-image", "prompt": "x"}') is None

    assert rejection(world).code is Code.BUDGET_EXCEEDED
    assert "is left today for the whole deployment." in rejection(world).message


def test_bus_request_over_budget_is_rejected_with_the_remaining_money() -> None:
    world = World(stack_budget=50_000)
    caller = callers.of_rule("events", can_read_all=False)

    assert world.app.request_job.run(TEXT_TO_IMAGE, caller=caller, event_id="e-1") is None

    event = rejection(world)
    assert (event.code, event.id) == (Code.BUDGET_EXCEEDED, "e-1.rejected")
    assert event.errors[0].allowed == "at most $0.05"
    assert world.jobs.records == {}
    assert world.metrics.total("RequestsRejected") == 1


def test_inbox_jobs_have_low_priority_by_default() -> None:
    world = World()

    dropped = drop(world, "warmer-light/a.png")
    described = drop(world, "a.job.json", b'{"operation": "text-to-image", "prompt": "x"}')
    with_priority = drop(
        world,
        "b.job.json",
        b'{"operation": "text-to-image", "prompt": "x", "priority": "normal"}',
    )
    caller = callers.of_rule("events", can_read_all=False)
    requested = world.app.request_job.run(TEXT_TO_IMAGE, caller=caller, event_id="e-1")

    priorities = [job and job.priority for job in (dropped, described, with_priority, requested)]
    assert priorities == [Priority.LOW, Priority.LOW, Priority.NORMAL, Priority.NORMAL]
