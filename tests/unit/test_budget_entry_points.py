"""Budgets and lanes at the doors that nobody sits at: an inbox folder, and the bus."""

from typing import Any

from darkroom.domain import callers, presets
from darkroom.domain.errors import Code
from darkroom.domain.events import JobRejected
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import Priority
from darkroom.usecases.budget import STACK
from tests.fakes.pictures import PNG
from tests.fakes.world import TEXT_TO_IMAGE, World

PRICE = 70_000  # of an edit in medium quality at 1k


def capped(dollars: float, **settings: Any) -> World:
    """A deployment whose folder `warmer-light` may spend so much in a day."""
    world = World(**settings)
    shipped = presets.shipped()
    one = shipped.presets["warmer-light"].model_copy(update={"daily_budget_usd": dollars})
    world.presets.serving = shipped.model_copy(
        update={"presets": shipped.presets | {"warmer-light": one}}
    )
    return world


def drop(world: World, key: str, data: bytes = PNG, **metadata: str) -> Job | None:
    job = world.upload_job()(world.inbox.put(key, data, **metadata), event_id=f"event-{key}")
    return job and world.job(job.job_id)


def rejection(world: World) -> JobRejected:
    [event] = world.events.named("JobRejected")
    assert isinstance(event, JobRejected)
    return event


def test_a_folder_spends_its_own_budget() -> None:
    world = capped(0.15)

    first = drop(world, "warmer-light/a.png")
    assert first is not None
    assert first.reservations[0].scope == "inbox:warmer-light"
    assert drop(world, "warmer-light/b.png") is not None
    assert drop(world, "warmer-light/c.png") is None

    assert drop(world, "remove-background/c.png") is not None, "another folder has its own"
    event = rejection(world)
    assert (event.code, event.errors[0].field) == (Code.BUDGET_EXCEEDED, "budget")
    assert (event.caller, event.job_id) == ("inbox:warmer-light", None)
    note = world.assets.documents["errors/warmer-light/c.png.json"]
    assert note["code"] == "budget_exceeded"
    assert "$0.0100 is left" in note["message"]
    assert len(world.workflow.started) == 3


def test_a_file_that_was_refused_for_want_of_money_can_be_dropped_again_tomorrow() -> None:
    world = capped(0.07)
    drop(world, "warmer-light/a.png")
    drop(world, "warmer-light/b.png")
    world.clock.advance(86_400)

    assert drop(world, "warmer-light/b.png") is not None

    assert "errors/warmer-light/b.png.json" not in world.assets.documents


def test_the_same_notification_again_is_the_same_job_and_no_second_price() -> None:
    world = capped(0.07)
    upload = world.inbox.put("warmer-light/a.png", PNG)

    jobs = [world.upload_job()(upload, event_id=f"event-{number}") for number in range(3)]

    assert {job and job.job_id for job in jobs} == world.jobs.records.keys()
    assert list(world.jobs.budgets.amounts.values()) == [PRICE]
    assert world.events.named("JobRejected") == []


def test_a_description_falls_under_the_deployments_budget() -> None:
    world = World(stack_budget=10_000)

    assert drop(world, "any.job.json", b'{"operation": "text-to-image", "prompt": "x"}') is None

    assert rejection(world).code is Code.BUDGET_EXCEEDED
    assert f"budget of {STACK}" in rejection(world).message


def test_a_request_on_the_bus_that_is_too_dear_is_rejected_with_what_would_fit() -> None:
    world = World(stack_budget=50_000)
    caller = callers.of_rule("events", can_read_all=False)

    assert world.request_job()(TEXT_TO_IMAGE, caller=caller, event_id="e-1") is None

    event = rejection(world)
    assert (event.code, event.id) == (Code.BUDGET_EXCEEDED, "e-1.rejected")
    assert event.errors[0].allowed == "what costs no more than $0.0500"
    assert world.jobs.records == {}
    assert world.metrics.total("RequestsRejected") == 1


def test_what_is_dropped_waits_behind_what_somebody_waits_for() -> None:
    world = World()

    dropped = drop(world, "warmer-light/a.png")
    described = drop(world, "a.job.json", b'{"operation": "text-to-image", "prompt": "x"}')
    urgent = drop(
        world,
        "b.job.json",
        b'{"operation": "text-to-image", "prompt": "x", "priority": "normal"}',
    )
    caller = callers.of_rule("events", can_read_all=False)
    asked = world.request_job()(TEXT_TO_IMAGE, caller=caller, event_id="e-1")

    lanes = [job and job.priority for job in (dropped, described, urgent, asked)]
    assert lanes == [Priority.LOW, Priority.LOW, Priority.NORMAL, Priority.NORMAL]
