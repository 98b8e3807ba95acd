"""Twenty that write at once: no budget is exceeded, no change is lost, nothing is had by two."""

import threading
from typing import Any, cast

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Claim, Conflict, QueueChange, Release, SideWrite
from tests.contract.conftest import TABLE
from tests.contract.crowd import MANY, SharedClient, at_once
from tests.contract.stores import Stores, job, over, reservation

PRICE = 10


@pytest.fixture(params=[0.0, 0.3], ids=["calm", "conflicts"])
def stores(
    request: pytest.FixtureRequest, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> Stores:
    """One table for all threads: with conflicts, a third of the writes find one under way."""
    # A try comes at once after the last: chance has a seed, and needs no time.
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)
    return over(cast("Any", SharedClient(dynamodb, request.param)), TABLE)


def create(stores: Stores, name: str, cap: int, stack: int = 10**6) -> bool:
    """Create a job under two budgets; whether there was money for it."""
    reservations = [reservation(PRICE), reservation(PRICE, "STACK")]
    try:
        return stores.jobs.create(job(job_id=name, reservations=reservations), [cap, stack])
    except BudgetExceededError:
        return False


@pytest.mark.parametrize(("cap", "stack", "fits"), [(75, 10**6, 7), (10**6, 75, 7), (0, 5, 0)])
def test_twenty_jobs_at_once_never_hold_more_than_the_cap(
    stores: Stores, cap: int, stack: int, fits: int
) -> None:
    def ask(number: int) -> tuple[bool, int]:
        created = create(stores, f"j{number}", cap, stack)
        return created, stores.reserved("tests")

    answers = at_once(ask)

    assert max(reserved for _, reserved in answers) <= min(cap, stack)
    assert [created for created, _ in answers].count(True) == fits
    assert stores.reserved("tests") == stores.reserved("STACK") == fits * PRICE
    there = [stores.jobs.get(f"j{number}") is not None for number in range(MANY)]
    assert there == [created for created, _ in answers]


def test_twenty_that_ask_for_the_same_job_make_one_and_hold_once(stores: Stores) -> None:
    created = at_once(lambda _: create(stores, "j", cap=10**6))

    assert created.count(True) == 1
    assert stores.reserved("tests") == PRICE


def test_money_that_comes_back_while_others_ask_is_spent_once(stores: Stores) -> None:
    freed = [Release(reservation(PRICE)), Release(reservation(PRICE, "STACK"))]

    def live(number: int) -> tuple[int, int, int]:
        """Make jobs, and end each without a charge, but for the last."""
        made = 0
        for turn in range(3):
            if create(stores, name := f"j{number}-{turn}", cap=50):
                made += 1
                if turn < 2:
                    stores.jobs.transact(name, freed, when=OPEN, status=Status.FAILED)
        return made, stores.reserved("tests"), stores.reserved("STACK")

    lives = at_once(live)

    open_ones = [found for n in range(MANY) if (found := stores.jobs.get(f"j{n}-2"))]
    assert len(open_ones) <= 5
    assert stores.reserved("tests") == stores.reserved("STACK") == len(open_ones) * PRICE
    assert max(max(mine, all_) for _, mine, all_ in lives) <= 50
    assert sum(made for made, _, _ in lives) >= 5


def test_twenty_that_swap_the_line_lose_no_change(stores: Stores) -> None:
    everybody = threading.Barrier(MANY)  # all have read the same line before one swaps

    def enter(number: int) -> list[int]:
        """Take two places, each as often as it needs."""
        places: list[int] = []
        shard = stores.queue.read()
        everybody.wait(timeout=30)
        while len(places) < 2:
            queue, place = shard.normal.enter(f"key:{number}", 1.0)
            if stores.queue.swap(shard, shard.with_waiting(Priority.NORMAL, queue)):
                places.append(place)
            shard = stores.queue.read()
        return places

    places = at_once(enter)

    shard = stores.queue.read()
    assert shard.version == len(shard.normal) == 2 * MANY
    assert len(shard.normal.rounds) == MANY
    assert all(first < second for first, second in places)


def test_swaps_and_counts_of_the_line_do_not_undo_each_other(stores: Stores) -> None:
    for number in range(MANY):
        stores.jobs.create(job(job_id=f"j{number}"))

    def change(number: int) -> None:
        if number % 2:
            flown = stores.jobs.transact(
                f"j{number}", [QueueChange(in_flight_delta=1)], when=OPEN, checks=1
            )
            assert isinstance(flown, Job)
            return
        shard = stores.queue.read()
        while not stores.queue.swap(shard, shard.paused_until(shard.next_at + 1)):
            shard = stores.queue.read()

    at_once(change)

    shard = stores.queue.read()
    assert (shard.version, shard.next_at, shard.in_flight) == (MANY // 2, MANY / 2, MANY // 2)


def test_a_house_of_seven_lets_seven_of_twenty_in(stores: Stores) -> None:
    for number in range(MANY):
        stores.jobs.create(job(job_id=f"j{number}"))

    def let_in(number: int) -> Job | Conflict:
        change = QueueChange(in_flight_delta=1, max_in_flight=7)
        return stores.jobs.transact(
            f"j{number}", [change], when=[Status.QUEUED], status=Status.SUBMITTING
        )

    found = at_once(let_in)

    assert found.count(Conflict.QUEUE) == MANY - 7
    assert stores.queue.read().in_flight == 7
    statuses = [stores.job(f"j{number}").status for number in range(MANY)]
    assert statuses.count(Status.SUBMITTING) == 7


def test_of_twenty_that_find_one_prediction_one_gets_it(stores: Stores) -> None:
    for number in range(MANY):
        stores.jobs.create(job(job_id=f"j{number}"))

    def take(number: int) -> Job | Conflict:
        return stores.jobs.transact(f"j{number}", [Claim("p")], when=OPEN, prediction_id="p")

    [winner] = [found for found in at_once(take) if isinstance(found, Job)]

    assert stores.claims.owner("p") == winner.job_id
    assert [n for n in range(MANY) if stores.job(f"j{n}").prediction_id] == [
        int(winner.job_id.removeprefix("j"))
    ]


def test_of_twenty_that_end_one_job_one_does_and_the_money_comes_back_once(stores: Stores) -> None:
    create(stores, "j", cap=100)
    create(stores, "other", cap=100)

    def end(_: int) -> Job | Conflict:
        side_writes: list[SideWrite] = [
            Release(reservation(PRICE)),
            QueueChange(in_flight_delta=-1),
        ]
        return stores.jobs.transact("j", side_writes, when=OPEN, status=Status.FAILED)

    stores.jobs.transact("j", [QueueChange(in_flight_delta=2)], when=OPEN, checks=1)
    found = at_once(end)

    assert found.count(Conflict.JOB) == MANY - 1
    assert (stores.reserved("tests"), stores.queue.read().in_flight) == (PRICE, 1)
