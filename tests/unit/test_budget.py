"""Budget: what a caller's jobs since midnight have left of its daily money."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import OPEN, Job, Status
from tests.fakes.world import TEXT_TO_IMAGE, World

MINE = of_key("mine", Role.SUBMIT)
PRICE = 60_000  # of one of these jobs, in micro-USD
DAILY = 1_000_000


def asked(world: World, number: int = 0, caller: Caller = MINE, **changes: Any) -> Job:
    job = world.accepted(TEXT_TO_IMAGE, key=f"k{number}", caller=caller)
    if changes:
        world.jobs.update(job.job_id, when=OPEN, **changes)
    return job


def left(world: World, daily: int = DAILY) -> int:
    return world.budget().left(MINE.name, daily)


def test_without_jobs_all_of_it_is_left() -> None:
    assert left(World()) == DAILY


@pytest.mark.parametrize("status", OPEN)
def test_an_open_job_counts_with_its_estimate(status: Status) -> None:
    world = World()
    asked(world, status=status)

    assert left(world) == DAILY - PRICE


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ({"status": Status.COMPLETED, "provider_completed_at": True}, True),
        ({"status": Status.FAILED, "code": Code.CANCELED}, True),
        ({"status": Status.FAILED, "code": Code.PROVIDER_FAILED}, False),
        ({"status": Status.FAILED, "code": Code.PROVIDER_FAILED, "charged": Charged.YES}, True),
        ({"status": Status.FAILED, "code": Code.CANCELED, "submitting_at": None}, False),
    ],
)
def test_a_job_that_ended_without_a_charge_gives_its_money_back(
    end: dict[str, Any], counts: bool
) -> None:
    world = World()
    if "provider_completed_at" in end:
        end = end | {"provider_completed_at": world.clock()}
    asked(world, **{"submitting_at": world.clock()} | end)

    assert left(world) == (DAILY - PRICE if counts else DAILY)


def test_a_job_of_unknown_price_counts_nothing() -> None:
    world = World()
    world.accepted({"model": "a/b", "input": {}}, caller=MINE)

    assert left(world) == DAILY


def test_only_the_callers_own_jobs_count() -> None:
    world = World()
    asked(world, caller=of_key("other", Role.SUBMIT))

    assert left(world) == DAILY


def test_the_day_begins_at_midnight_utc() -> None:
    world = World()
    midnight = world.clock().replace(hour=0)
    for number, seconds in enumerate([-1, 0, 1]):
        world.clock.time = midnight + timedelta(seconds=seconds)
        asked(world, number)
    world.clock.time = midnight + timedelta(hours=23)

    assert left(world) == DAILY - 2 * PRICE

    world.clock.advance(3600)
    assert left(world) == DAILY


def test_more_jobs_than_a_page_are_added_up() -> None:
    world = World()
    for number in range(201):
        asked(world, number)
        world.clock.advance(1)

    assert left(world, daily=201 * PRICE + 5) == 5


def test_what_is_overspent_is_nothing_left() -> None:
    world = World()
    asked(world)

    assert left(world, daily=PRICE - 1) == 0
    assert left(world, daily=0) == 0
