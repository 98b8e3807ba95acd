"""Twenty concurrent writers exceed no budget, lose no change and never claim a prediction twice."""

import threading
from typing import Any, cast

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Claim, Conflict, ProviderChange, QueueChange, Release, SideWrite
from tests.contract.conftest import TABLE
from tests.contract.parallel import THREADS, SerializedClient, run_in_parallel
from tests.contract.stores import Stores, dynamodb_stores, job, reservation

PRICE = 10


@pytest.fixture
def stores(dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Return stores over one table for all threads; 30 % of the writes conflict."""
    # Retry without a delay; the conflicts come from a seeded generator.
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)
    return dynamodb_stores(cast("Any", SerializedClient(dynamodb, conflicts=0.3)), TABLE)


def create(stores: Stores, name: str, cap: int, stack: int = 10**6) -> bool:
    """Create a job under two budgets; return False if a budget is exceeded or the job exists."""
    reservations = [reservation(PRICE), reservation(PRICE, "STACK")]
    try:
        return stores.jobs.create(job(job_id=name, reservations=reservations), [cap, stack])
    except BudgetExceededError:
        return False


@pytest.mark.parametrize(("cap", "stack", "expected_count"), [(75, 10**6, 7), (10**6, 75, 7)])
def test_concurrent_jobs_never_reserve_more_than_the_cap(
    stores: Stores, cap: int, stack: int, expected_count: int
) -> None:
    def create_one(number: int) -> tuple[bool, int]:
        created = create(stores, f"j{number}", cap, stack)
        return created, stores.reserved("tests")

    results = run_in_parallel(create_one)

    assert max(reserved for _, reserved in results) <= min(cap, stack)
    assert [created for created, _ in results].count(True) == expected_count
    assert stores.reserved("tests") == stores.reserved("STACK") == expected_count * PRICE
    is_stored = [stores.jobs.get(f"j{number}") is not None for number in range(THREADS)]
    assert is_stored == [created for created, _ in results]


def test_concurrent_creations_of_one_job_reserve_once(stores: Stores) -> None:
    created = run_in_parallel(lambda _: create(stores, "j", cap=10**6))

    assert created.count(True) == 1
    assert stores.reserved("tests") == PRICE


def test_concurrently_released_amount_is_reserved_once(stores: Stores) -> None:
    releases = [Release(reservation(PRICE)), Release(reservation(PRICE, "STACK"))]

    def create_and_fail(number: int) -> tuple[int, int, int]:
        """Create three jobs and fail all but the last, without a charge."""
        created_count = 0
        for index in range(3):
            if create(stores, name := f"j{number}-{index}", cap=50):
                created_count += 1
                if index < 2:
                    stores.jobs.transact(name, releases, when=OPEN, status=Status.FAILED)
        return created_count, stores.reserved("tests"), stores.reserved("STACK")

    results = run_in_parallel(create_and_fail)

    open_jobs = [record for n in range(THREADS) if (record := stores.jobs.get(f"j{n}-2"))]
    assert len(open_jobs) <= 5
    assert stores.reserved("tests") == stores.reserved("STACK") == len(open_jobs) * PRICE
    assert max(max(caller_sum, stack_sum) for _, caller_sum, stack_sum in results) <= 50
    assert sum(created_count for created_count, _, _ in results) >= 5


def test_concurrent_changes_of_a_shard_lose_no_change(stores: Stores) -> None:
    barrier = threading.Barrier(THREADS)  # every thread reads the same shard before the first write
    for number in range(THREADS):
        stores.jobs.create(job(job_id=f"j{number}"))

    def enter(number: int) -> list[int]:
        """Enter the queue twice; repeat each write until it succeeds."""
        positions: list[int] = []
        shard = stores.queue.read()
        barrier.wait(timeout=30)
        while len(positions) < 2:
            queue, position = shard.normal.enter(f"key:{number}", 1.0)
            entered = QueueChange(shard, shard.with_waiting(Priority.NORMAL, queue))
            if isinstance(stores.jobs.transact(f"j{number}", [entered], when=OPEN, checks=1), Job):
                positions.append(position)
            shard = stores.queue.read()
        return positions

    positions = run_in_parallel(enter)

    shard = stores.queue.read()
    assert shard.version == len(shard.normal) == 2 * THREADS
    assert len(shard.normal.rounds) == THREADS
    assert all(first < second for first, second in positions)


def test_concurrent_pauses_and_in_flight_changes_are_all_kept(stores: Stores) -> None:
    for number in range(THREADS):
        stores.jobs.create(job(job_id=f"j{number}"))

    def change(number: int) -> None:
        if number % 2:
            updated = stores.jobs.transact(
                f"j{number}", [QueueChange(in_flight_delta=1)], when=OPEN, checks=1
            )
            assert isinstance(updated, Job)
            return
        state = stores.queue.read_provider()
        while not stores.queue.swap_provider(state, state.paused(state.paused_until + 1)):
            state = stores.queue.read_provider()

    run_in_parallel(change)

    state = stores.queue.read_provider()
    assert (state.version, state.paused_until) == (THREADS // 2, THREADS / 2)
    assert stores.queue.read().in_flight == THREADS // 2


def test_one_of_many_concurrent_jobs_acquires_the_probe(stores: Stores) -> None:
    for number in range(THREADS):
        stores.jobs.create(job(job_id=f"j{number}"))
    stores.queue.swap_provider(ProviderState(), ProviderState(trips=1))
    open_state = stores.queue.read_provider()

    def probe(number: int) -> Job | Conflict:
        changes: list[SideWrite] = [
            QueueChange(in_flight_delta=1, shard=number % 5),
            ProviderChange(open_state, open_state.probing(100)),
        ]
        return stores.jobs.transact(f"j{number}", changes, when=OPEN, checks=1)

    results = run_in_parallel(probe)

    assert results.count(Conflict.QUEUE) == THREADS - 1
    assert sum(stores.queue.read(shard).in_flight for shard in range(5)) == 1


def test_concurrent_jobs_never_exceed_max_in_flight(stores: Stores) -> None:
    for number in range(THREADS):
        stores.jobs.create(job(job_id=f"j{number}"))

    def acquire(number: int) -> Job | Conflict:
        change = QueueChange(in_flight_delta=1, max_in_flight=7)
        return stores.jobs.transact(
            f"j{number}", [change], when=[Status.QUEUED], status=Status.SUBMITTING
        )

    results = run_in_parallel(acquire)

    assert results.count(Conflict.QUEUE) == THREADS - 7
    assert stores.queue.read().in_flight == 7
    statuses = [stores.job(f"j{number}").status for number in range(THREADS)]
    assert statuses.count(Status.SUBMITTING) == 7


def test_concurrent_claims_of_one_prediction_have_one_winner(stores: Stores) -> None:
    for number in range(THREADS):
        stores.jobs.create(job(job_id=f"j{number}"))

    def claim(number: int) -> Job | Conflict:
        return stores.jobs.transact(f"j{number}", [Claim("p")], when=OPEN, prediction_id="p")

    [winner] = [result for result in run_in_parallel(claim) if isinstance(result, Job)]

    assert stores.claims.owner("p") == winner.job_id
    assert [n for n in range(THREADS) if stores.job(f"j{n}").prediction_id] == [
        int(winner.job_id.removeprefix("j"))
    ]


def test_concurrent_ends_of_one_job_release_its_reservation_once(stores: Stores) -> None:
    create(stores, "j", cap=100)
    create(stores, "other", cap=100)

    def end(_: int) -> Job | Conflict:
        side_writes: list[SideWrite] = [
            Release(reservation(PRICE)),
            QueueChange(in_flight_delta=-1),
        ]
        return stores.jobs.transact("j", side_writes, when=OPEN, status=Status.FAILED)

    stores.jobs.transact("j", [QueueChange(in_flight_delta=2)], when=OPEN, checks=1)
    results = run_in_parallel(end)

    assert results.count(Conflict.JOB) == THREADS - 1
    assert (stores.reserved("tests"), stores.queue.read().in_flight) == (PRICE, 1)
