"""Budget: what a day's jobs hold of it, who is refused, and who hears when most is gone."""

from datetime import date, timedelta
from typing import Any

import pytest

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import BudgetExceededError, Code
from darkroom.domain.events import BudgetThresholdReached
from darkroom.domain.job import Job, Reservation
from darkroom.domain.parsing import parse_request
from darkroom.ports import Quote
from darkroom.usecases.budget import STACK
from darkroom.usecases.create_job import RequestSource
from tests.fakes.crashes import DeadError
from tests.fakes.world import TEXT_TO_IMAGE, World

MINE = of_key("mine", Role.SUBMIT)
OTHER = of_key("other", Role.SUBMIT)
PRICE = 60_000  # of one of these jobs, in micro-USD
TODAY = date(2026, 11, 22)


def ask(
    world: World,
    key: str = "key",
    cap: int | None = None,
    caller: Caller = MINE,
    body: dict[str, Any] = TEXT_TO_IMAGE,
) -> Job:
    request = parse_request(body, max_deadline_seconds=3600)
    request_source = RequestSource(caller, key, f"request-{key}", daily_budget_micro_usd=cap)
    return world.job(world.create_job()(request, request_source).job_id)


def refusal(world: World, key: str = "one too many", **asked: Any) -> BudgetExceededError:
    before = dict(world.jobs.records), dict(world.jobs.budgets.amounts)
    started = list(world.workflow.started)
    with pytest.raises(BudgetExceededError) as caught:
        ask(world, key, **asked)
    assert (world.jobs.records, world.jobs.budgets.amounts) == before
    assert world.workflow.started == started
    assert world.metrics.total("BudgetExceeded") >= (caught.value.cost is not None)
    return caught.value


def reserved(world: World, scope: str = MINE.name, day: date = TODAY) -> int:
    return world.jobs.budgets.reserved(day, scope).micro_usd


def told(world: World) -> list[BudgetThresholdReached]:
    return [e for e in world.events.published if isinstance(e, BudgetThresholdReached)]


def test_without_a_budget_nothing_is_held() -> None:
    world = World()

    assert ask(world).reservations == ()
    assert world.jobs.budgets.amounts == {}
    assert world.budget().left(MINE.name, 1_000_000) == 1_000_000


def test_a_job_holds_its_price_of_every_budget_that_it_falls_under() -> None:
    world = World(stack_budget=500_000)

    job = ask(world, cap=100_000)

    assert job.reservations == (
        Reservation(day=TODAY, scope=MINE.name, micro_usd=PRICE),
        Reservation(day=TODAY, scope=STACK, micro_usd=PRICE),
    )
    assert (reserved(world), reserved(world, STACK)) == (PRICE, PRICE)
    assert world.budget().left(MINE.name, 100_000) == 40_000


def test_a_job_that_does_not_fit_is_refused_with_what_is_left_and_leaves_nothing() -> None:
    world = World()
    ask(world, cap=100_000)

    error = refusal(world, cap=100_000)

    assert (error.scope, error.cap, error.left, error.cost) == (MINE.name, 100_000, 40_000, PRICE)
    assert world.metrics.total("BudgetExceeded") == 1
    assert error.problem.field == "budget"
    assert "$0.0400" in error.problem.allowed


def test_the_last_micro_dollar_can_be_spent() -> None:
    world = World()

    for number in range(2):
        ask(world, f"key-{number}", cap=2 * PRICE)

    assert refusal(world, cap=2 * PRICE).left == 0


def test_a_budget_of_all_callers_holds_for_a_caller_with_room_of_its_own() -> None:
    world = World(stack_budget=PRICE)
    ask(world, caller=OTHER, cap=10 * PRICE)

    error = refusal(world, cap=10 * PRICE)

    assert (error.scope, error.left) == (STACK, 0)
    assert reserved(world) == 0, "what did not fit the one is not held of the other"


def test_a_callers_budget_is_its_own() -> None:
    world = World()
    ask(world, cap=PRICE)

    assert ask(world, caller=OTHER, cap=PRICE).reservations


def test_a_lower_budget_than_is_spent_leaves_nothing_and_not_less() -> None:
    world = World()
    ask(world, cap=10 * PRICE)

    assert refusal(world, cap=PRICE // 2).left == 0
    assert world.budget().left(MINE.name, PRICE // 2) == 0


def test_what_has_no_known_price_fits_into_no_budget_and_into_none_at_all() -> None:
    odd = {"model": "a/b", "input": {}}

    error = refusal(World(), body=odd, cap=10**9)

    assert (error.scope, error.cost, error.left) == (MINE.name, None, None)
    assert refusal(World(stack_budget=10**9), body=odd).scope == STACK
    assert ask(World(), body=odd).estimated_cost_micro_usd is None


def test_the_providers_own_quote_is_what_is_held() -> None:
    world = World()
    world.prices.quotes["a/b"] = Quote(12_345, "2026-11-22")

    job = ask(world, body={"model": "a/b", "input": {}}, cap=10**9)

    assert (job.reservations[0].micro_usd, job.priced_as_of) == (12_345, "2026-11-22")


def test_the_same_job_again_holds_nothing_more_and_is_not_refused() -> None:
    world = World()
    first = ask(world, cap=PRICE)

    assert ask(world, cap=PRICE) == first
    assert reserved(world) == PRICE


def test_a_day_begins_at_midnight_utc_and_gives_back_to_its_own() -> None:
    world = World()
    world.clock.time = world.clock().replace(hour=23, minute=59, second=59)
    late = ask(world, "late", cap=PRICE)
    world.clock.advance(1)

    early = ask(world, "early", cap=PRICE)
    world.end_job().fail(late.job_id, Code.CANCELED)

    tomorrow = TODAY + timedelta(days=1)
    assert (late.reservations[0].day, early.reservations[0].day) == (TODAY, tomorrow)
    assert (reserved(world), reserved(world, day=tomorrow)) == (0, PRICE)
    assert world.budget().left(MINE.name, PRICE) == 0
    assert refusal(world, cap=PRICE).left == 0


def test_the_owner_hears_once_a_day_when_four_fifths_are_gone() -> None:
    world = World()
    for number in range(9):
        ask(world, f"key-{number}", cap=10 * PRICE)
        assert len(told(world)) == (number >= 7)

    [event] = told(world)
    assert event.id == "budget.2026-11-22.key:mine"
    assert (event.caller, event.budget_micro_usd, event.reserved_micro_usd) == (
        MINE.name, 10 * PRICE, 8 * PRICE,
    )  # fmt: skip
    assert event.request_id == "request-key-7"
    assert world.metrics.total("BudgetThresholdReached") == 1

    world.clock.advance(86_400)
    for number in range(8):
        ask(world, f"tomorrow-{number}", cap=10 * PRICE)
    assert [each.id for each in told(world)] == [event.id, "budget.2026-11-23.key:mine"]


def test_each_budget_is_told_of_for_itself() -> None:
    world = World(stack_budget=PRICE)

    ask(world, cap=PRICE)

    assert {event.caller for event in told(world)} == {MINE.name, STACK}


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_crash_around_the_warning_tells_it_again_under_the_same_id(at: int) -> None:
    world = World()
    for number in range(7):
        ask(world, f"key-{number}", cap=10 * PRICE)
    world.crash_at.plan = {world.crash_at.calls + at: "after"}  # get, create, publish, start
    with pytest.raises(DeadError):
        ask(world, "eighth", cap=10 * PRICE)

    ask(world, "eighth", cap=10 * PRICE)
    ask(world, "ninth", cap=10 * PRICE)

    assert {event.id for event in told(world)} == {"budget.2026-11-22.key:mine"}


def test_a_warning_that_a_crash_swallowed_comes_with_the_refusal_of_the_next_job() -> None:
    world = World()
    world.crash_at.plan = {world.crash_at.calls + 1: "after"}  # get, create
    with pytest.raises(DeadError):
        ask(world, cap=PRICE)

    refusal(world, cap=PRICE)

    assert len(told(world)) == 1
