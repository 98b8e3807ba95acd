"""Contract of the port SubmitQueue: swaps of a shard and queue changes written with a job."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.queue import QueueTable
from darkroom.domain.breaker import BreakerState
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job
from darkroom.domain.submit_queue import Priority, QueueShard, Rounds, WaitingJobs
from darkroom.ports import Conflict, QueueChange
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job


def change(stores: Stores, *changes: QueueChange) -> Job | Conflict:
    """Write queue changes together with the job `j`, which is created first."""
    stores.jobs.create(job())
    return stores.jobs.transact("j", changes, when=OPEN, checks=1)


def test_unwritten_shard_is_empty(stores: Stores) -> None:
    assert stores.queue.read() == QueueShard()


def test_swap_replaces_the_shard_that_was_read(stores: Stores) -> None:
    shard = stores.queue.read()

    assert stores.queue.swap(shard, shard.paused_until(12.5))

    assert stores.queue.read() == QueueShard(version=1, next_at=12.5)


def test_swap_of_an_outdated_shard_changes_nothing(stores: Stores) -> None:
    shard = stores.queue.read()
    assert stores.queue.swap(shard, shard.paused_until(1))

    assert not stores.queue.swap(shard, shard.paused_until(2))
    assert not stores.queue.swap(QueueShard(version=5), shard.paused_until(2))

    assert stores.queue.read() == QueueShard(version=1, next_at=1)


def test_each_swap_increments_the_version(stores: Stores) -> None:
    for number in range(1, 4):
        shard = stores.queue.read()
        assert stores.queue.swap(shard, shard.paused_until(number))

    assert stores.queue.read() == QueueShard(version=3, next_at=3)


def test_shards_are_independent(stores: Stores) -> None:
    shard = stores.queue.read(3)
    assert shard == QueueShard(index=3)

    assert stores.queue.swap(shard, shard.paused_until(7))
    change(stores, QueueChange(in_flight_delta=2, shard=3))
    change(
        stores,
        QueueChange(stores.queue.read(12), QueueShard(index=12, next_at=1), in_flight_delta=1),
    )

    assert stores.queue.read() == QueueShard()
    assert stores.queue.read(3) == QueueShard(index=3, version=1, in_flight=2, next_at=7)
    in_flight = {shard.index: shard.in_flight for shard in stores.queue.read_all()}
    assert {0: 0} | in_flight == {0: 0, 3: 2, 12: 1}


def test_read_all_of_an_unwritten_queue_returns_one_empty_shard(stores: Stores) -> None:
    assert stores.queue.read_all() == [QueueShard()]


def test_swap_keeps_in_flight(stores: Stores) -> None:
    shard = stores.queue.read()
    change(stores, QueueChange(in_flight_delta=3))

    assert stores.queue.swap(shard, shard.model_copy(update={"in_flight": 99, "next_at": 4.0}))

    assert stores.queue.read() == QueueShard(version=1, in_flight=3, next_at=4)


def test_in_flight_changes_are_independent_of_swaps(stores: Stores) -> None:
    shard = stores.queue.read()
    change(stores, QueueChange(in_flight_delta=2))
    assert stores.queue.swap(shard, shard.paused_until(1))
    change(stores, QueueChange(in_flight_delta=-1))

    assert stores.queue.read() == QueueShard(version=1, in_flight=1, next_at=1)


def test_in_flight_change_keeps_the_version(stores: Stores) -> None:
    shard = stores.queue.read()

    assert isinstance(change(stores, QueueChange(in_flight_delta=1)), Job)
    assert isinstance(
        change(stores, QueueChange(shard, shard.paused_until(1), in_flight_delta=1)), Job
    )

    assert stores.queue.read() == QueueShard(version=1, in_flight=2, next_at=1)


@pytest.mark.parametrize(("in_flight", "max_in_flight", "is_accepted"), [
    (0, 1, True), (1, 1, False), (1, 2, True), (2, 2, False), (3, 2, False),
])  # fmt: skip
@pytest.mark.parametrize("has_swap", [False, True])
def test_full_queue_accepts_no_job(
    stores: Stores, in_flight: int, max_in_flight: int, is_accepted: bool, has_swap: bool
) -> None:
    if in_flight:
        change(stores, QueueChange(in_flight_delta=in_flight))
    shard = stores.queue.read()
    after = shard.paused_until(1) if has_swap else None

    result = change(
        stores,
        QueueChange(
            shard if has_swap else None, after, in_flight_delta=1, max_in_flight=max_in_flight
        ),
    )

    assert (result is not Conflict.QUEUE) == isinstance(result, Job) == is_accepted
    current = stores.queue.read()
    assert current.in_flight == in_flight + is_accepted
    assert current.version == (1 if is_accepted and has_swap else 0)


def test_change_with_an_outdated_shard_is_a_queue_conflict(stores: Stores) -> None:
    shard = stores.queue.read()
    stores.queue.swap(shard, shard.paused_until(1))

    result = change(
        stores, QueueChange(shard, shard.paused_until(2), in_flight_delta=1, max_in_flight=10)
    )

    assert result is Conflict.QUEUE
    assert stores.queue.read() == QueueShard(version=1, next_at=1)


ROUNDS = st.tuples(st.integers(-5, 10**6), st.integers(-5, 10**6)).map(lambda n: Rounds(*n))
QUEUES = st.builds(
    WaitingJobs, served=st.integers(0, 10**6), rounds=st.dictionaries(st.text(max_size=10), ROUNDS)
)
TIMES = st.floats(0, 4e9)
BREAKERS = st.builds(
    BreakerState,
    failures=st.integers(0, 9),
    trips=st.integers(0, 99),
    open_until=TIMES,
    probing_until=TIMES,
    reason=st.none() | st.sampled_from(Code),
)


@settings(settings.get_profile("contract"))
@given(next_at=TIMES, normal=QUEUES, low=QUEUES, breaker=BREAKERS)
def test_any_shard_is_read_back_unchanged(stores: Stores, **fields: Any) -> None:
    before = stores.queue.read()

    assert stores.queue.swap(before, QueueShard(**fields))

    assert stores.queue.read() == QueueShard(version=before.version + 1, **fields)


def shard_with_waiting_callers(callers: int, priority: Priority = Priority.NORMAL) -> QueueShard:
    """Return a shard in which each caller waits with 1000 jobs, after 100,000 served rounds."""
    queue = WaitingJobs(served=100_000)
    for number in range(callers):
        queue, first = queue.enter(f"key:customer-{number:035}", 1.0)
        name = [*queue.rounds][-1]
        queue = queue.model_copy(
            update={"rounds": queue.rounds | {name: Rounds(first, first + 999)}}
        )
    return QueueShard(next_at=1_800_000_000.123456).with_waiting(priority, queue)


def test_shard_of_500_callers_is_smaller_than_16_kb(dynamodb: DynamoDBClient) -> None:
    shards, shard = QueueTable(dynamodb, TABLE), shard_with_waiting_callers(500)
    assert len(shard.normal) == 500_000

    assert shards.swap(QueueShard(), shard)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    # A write costs one unit per kilobyte; the limit of an item is 400 KB.
    assert size < 16_000
    assert shards.read() == shard.model_copy(update={"version": 1})


def test_shard_has_no_time_to_live(dynamodb: DynamoDBClient) -> None:
    QueueTable(dynamodb, TABLE).swap(QueueShard(), QueueShard())

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert item.keys() == {"pk", "sk", "version", "in_flight", "state"}
    assert (item["pk"], item["sk"]) == ({"S": "QUEUE"}, {"S": "QUEUE"})


def test_shard_contains_no_caller_names(dynamodb: DynamoDBClient) -> None:
    QueueTable(dynamodb, TABLE).swap(QueueShard(), shard_with_waiting_callers(3))

    assert "customer" not in str(dynamodb.scan(TableName=TABLE)["Items"])


def test_other_table_errors_raise(dynamodb: DynamoDBClient) -> None:
    shards = QueueTable(dynamodb, "no-such-table")

    with pytest.raises(ClientError, match="ResourceNotFound"):
        shards.read()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        shards.swap(QueueShard(), QueueShard())
