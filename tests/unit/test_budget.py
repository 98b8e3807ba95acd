"""Budget: reservations of a day's jobs at each entry point, refusals, and the threshold event."""

from datetime import date, timedelta
from typing import Any

import pytest

from darkroom.domain import callers, presets
from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import STACK, BudgetExceededError, Code
from darkroom.domain.events import BudgetThresholdReached, JobRejected
from darkroom.domain.job import Job, Reservation
from darkroom.domain.parsing import parse_request
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Quote
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.world import TEXT_TO_IMAGE, World

ADA = of_key("ada", Role.SUBMIT)
BOB = of_key("bob", Role.SUBMIT)
PRICE = 60_000  # of one of these jobs, in micro-USD
TODAY = date(2026, 11, 22)


def create_job(
    world: World,
    key: str = "key",
    cap: int | None = None,
    caller: Caller = ADA,
    body: dict[str, Any] = TEXT_TO_IMAGE,
) -> Job:
    request = parse_request(body)
    request_source = RequestSource(caller, key, f"request-{key}", daily_budget_micro_usd=cap)
    return world.job(world.app.create_job.run(request, request_source).job_id)


def refused_job_error(
    world: World, key: str = "over budget", **arguments: Any
) -> BudgetExceededError:
    before = dict(world.jobs.records), dict(world.jobs.budgets.amounts)
    started = list(world.workflow.started)
    with pytest.raises(BudgetExceededError) as raised:
        create_job(world, key, **arguments)
    assert (world.jobs.records, world.jobs.budgets.amounts) == before
    assert world.workflow.started == started
    assert world.metrics.total("BudgetExceeded") >= (raised.value.cost is not None)
    return raised.value


def reserved(world: World, scope: str = ADA.name, day: date = TODAY) -> int:
    return world.jobs.budgets.reserved(day, scope).micro_usd


def threshold_events(world: World) -> list[BudgetThresholdReached]:
    return [event for event in world.events.published if isinstance(event, BudgetThresholdReached)]


def test_job_without_a_budget_reserves_nothing() -> None:
    world = World()

    assert create_job(world).reservations == ()
    assert world.jobs.budgets.amounts == {}
    assert world.app.budget.left(ADA.name) == []


def test_job_reserves_its_price_in_every_applicable_budget() -> None:
    world = World(stack_budget=500_000)

    job = create_job(world, cap=100_000)

    assert job.reservations == (
        Reservation(day=TODAY, scope=ADA.name, micro_usd=PRICE),
        Reservation(day=TODAY, scope=STACK, micro_usd=PRICE),
    )
    assert (reserved(world), reserved(world, STACK)) == (PRICE, PRICE)
    assert world.app.budget.left(ADA.name, 100_000) == [
        (ADA.name, 100_000, 40_000),
        (STACK, 500_000, 440_000),
    ]


def test_job_over_budget_is_refused_with_the_remaining_money() -> None:
    world = World()
    create_job(world, cap=100_000)

    error = refused_job_error(world, cap=100_000)

    assert (error.scope, error.cap, error.left, error.cost) == (ADA.name, 100_000, 40_000, PRICE)
    assert world.metrics.total("BudgetExceeded") == 1
    [problem] = error.problems
    assert problem.field == "budget"
    assert problem.allowed == "at most $0.04"


def test_stack_budget_limits_a_caller_with_remaining_budget() -> None:
    world = World(stack_budget=PRICE)
    create_job(world, caller=BOB, cap=10 * PRICE)

    error = refused_job_error(world, cap=10 * PRICE)

    assert (error.scope, error.left) == (STACK, 0)
    assert reserved(world) == 0, (
        "a refusal by the stack budget reserves nothing of the caller's budget"
    )


def test_remaining_budget_is_never_negative() -> None:
    world = World()
    create_job(world, cap=10 * PRICE)

    assert refused_job_error(world, cap=PRICE // 2).left == 0
    world.jobs.budgets.set_cap(ADA.name, PRICE // 2)
    assert world.app.budget.left(ADA.name) == [(ADA.name, PRICE // 2, 0)]


def test_job_without_a_price_is_refused_only_under_a_budget() -> None:
    unpriced = {"model": "a/b", "input": {}}

    error = refused_job_error(World(), body=unpriced, cap=10**9)

    assert (error.scope, error.cost, error.left) == (ADA.name, None, None)
    assert refused_job_error(World(stack_budget=10**9), body=unpriced).scope == STACK
    assert create_job(World(), body=unpriced).estimated_cost_micro_usd is None


def test_provider_quote_is_reserved() -> None:
    world = World()
    world.prices.quotes["a/b"] = Quote(12_345, "2026-11-22")

    job = create_job(world, body={"model": "a/b", "input": {}}, cap=10**9)

    assert (job.reservations[0].micro_usd, job.priced_as_of) == (12_345, "2026-11-22")


def test_reservation_belongs_to_its_utc_day() -> None:
    world = World()
    world.clock.time = world.clock().replace(hour=23, minute=59, second=59)
    late = create_job(world, "late", cap=PRICE)
    world.clock.advance(1)

    early = create_job(world, "early", cap=PRICE)
    world.app.end_job.fail(late.job_id, Code.CANCELED)

    tomorrow = TODAY + timedelta(days=1)
    assert (late.reservations[0].day, early.reservations[0].day) == (TODAY, tomorrow)
    assert (reserved(world), reserved(world, day=tomorrow)) == (0, PRICE)
    world.jobs.budgets.set_cap(ADA.name, PRICE)
    assert world.app.budget.left(ADA.name) == [(ADA.name, PRICE, 0)]
    assert refused_job_error(world, cap=PRICE).left == 0


def test_threshold_event_is_published_once_a_day_at_80_percent() -> None:
    world = World()
    for number in range(9):
        create_job(world, f"key-{number}", cap=10 * PRICE)
        assert len(threshold_events(world)) == (number >= 7)

    [event] = threshold_events(world)
    assert event.id == "budget.2026-11-22.key:ada"
    assert (event.caller, event.budget_micro_usd, event.reserved_micro_usd) == (
        ADA.name, 10 * PRICE, 8 * PRICE,
    )  # fmt: skip
    assert event.request_id == "request-key-7"
    assert world.metrics.total("BudgetThresholdReached") == 1

    world.clock.advance(86_400)
    for number in range(8):
        create_job(world, f"tomorrow-{number}", cap=10 * PRICE)
    assert [event_of_day.id for event_of_day in threshold_events(world)] == [
        event.id,
        "budget.2026-11-23.key:ada",
    ]


@pytest.mark.parametrize("method", ["get", "create", "publish", "start"])
def test_threshold_event_after_a_crash_has_the_same_id(method: str) -> None:
    world = World()
    for number in range(7):
        create_job(world, f"key-{number}", cap=10 * PRICE)
    world.crash_at.methods = {method: "after"}
    with pytest.raises(SimulatedCrashError):
        create_job(world, "eighth", cap=10 * PRICE)

    create_job(world, "eighth", cap=10 * PRICE)
    create_job(world, "ninth", cap=10 * PRICE)

    assert {event.id for event in threshold_events(world)} == {"budget.2026-11-22.key:ada"}


def test_lost_threshold_event_is_published_with_the_next_refusal() -> None:
    world = World()
    world.crash_at.methods = {"create": "after"}
    with pytest.raises(SimulatedCrashError):
        create_job(world, cap=PRICE)

    refused_job_error(world, cap=PRICE)

    assert len(threshold_events(world)) == 1


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


DESCRIPTION = b'{"operation": "text-to-image", "prompt": "x"}'  # of a job that costs PRICE


@pytest.mark.parametrize(
    "key",
    ["warmer-light/x.job.json", "warmer-light/2026/x.JOB.JSON", "warmer-light//../x.job.json"],
)
def test_description_in_a_presets_folder_is_held_to_the_folders_budget(key: str) -> None:
    world = world_with_folder_budget(0.15)
    assert drop(world, "warmer-light/a.png") is not None

    job = drop(world, key, DESCRIPTION)
    refused = drop(world, key.replace("x", "y"), DESCRIPTION)

    assert refused is None
    assert job is not None
    assert job.caller == "inbox", (
        "the owner is the same in every folder, so the job's id is as well"
    )
    assert job.reservations[0].scope == "inbox:warmer-light"
    assert rejection(world).code is Code.BUDGET_EXCEEDED
    assert reserved(world, "inbox:warmer-light") <= 150_000
    world.app.end_job.fail(job.job_id, Code.CANCELED)
    assert drop(world, key.replace("x", "z"), DESCRIPTION) is not None


def test_description_that_waits_for_its_files_is_held_to_the_folders_budget() -> None:
    world = world_with_folder_budget(0.01)
    edit = b'{"operation": "edit", "prompt": "x", "images": ["late.png"]}'
    assert drop(world, "warmer-light/x.job.json", edit) is None
    world.inbox.put("warmer-light/late.png", PNG)

    assert world.app.sweep_uploads.run() == []

    assert rejection(world).code is Code.BUDGET_EXCEEDED
    assert world.jobs.records == {}


@pytest.mark.parametrize("key", ["x.job.json", "reports/x.job.json", "references/x.job.json"])
def test_description_outside_the_folders_of_presets_has_only_the_stacks_budget(key: str) -> None:
    world = world_with_folder_budget(0.01, stack_budget=PRICE)

    job = drop(world, key, DESCRIPTION)

    assert job is not None
    assert [reservation.scope for reservation in job.reservations] == [STACK]
    assert drop(world, f"more/{key}", DESCRIPTION) is None


def test_model_of_unknown_price_in_a_presets_folder_is_refused() -> None:
    world = world_with_folder_budget(1_000)

    assert drop(world, "warmer-light/x.job.json", b'{"model": "a/b", "input": {}}') is None
    assert rejection(world).code is Code.BUDGET_EXCEEDED


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
