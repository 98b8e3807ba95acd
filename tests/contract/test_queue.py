"""The port Lines, and changes of the line with a record: one item, in memory and in DynamoDB."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.queue_table import QueueTable
from darkroom.domain.breaker import BreakerState
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job
from darkroom.domain.submit_queue import Priority, QueueShard, Rounds, WaitingJobs
from darkroom.ports import Conflict, QueueChange
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job


def change(stores: Stores, *changes: QueueChange) -> Job | Conflict:
    """Change it with the job `j`, which is made for that."""
    stores.jobs.create(job())
    return stores.jobs.transact("j", changes, when=OPEN, checks=1)


def test_a_line_that_nobody_wrote_is_empty(stores: Stores) -> None:
    assert stores.queue.read() == QueueShard()


def test_a_swap_puts_what_follows_in_the_place_of_what_was_read(stores: Stores) -> None:
    shard = stores.queue.read()

    assert stores.queue.swap(shard, shard.paused_until(12.5))

    assert stores.queue.read() == QueueShard(version=1, next_at=12.5)


def test_a_swap_of_what_somebody_else_changed_changes_nothing(stores: Stores) -> None:
    shard = stores.queue.read()
    assert stores.queue.swap(shard, shard.paused_until(1))

    assert not stores.queue.swap(shard, shard.paused_until(2))
    assert not stores.queue.swap(QueueShard(version=5), shard.paused_until(2))

    assert stores.queue.read() == QueueShard(version=1, next_at=1)


def test_swaps_follow_each_other(stores: Stores) -> None:
    for number in range(1, 4):
        shard = stores.queue.read()
        assert stores.queue.swap(shard, shard.paused_until(number))

    assert stores.queue.read() == QueueShard(version=3, next_at=3)


def test_each_line_is_changed_by_itself(stores: Stores) -> None:
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
    found = {shard.index: shard.in_flight for shard in stores.queue.read_all()}
    assert {0: 0} | found == {0: 0, 3: 2, 12: 1}


def test_where_nobody_ever_stood_there_is_one_empty_line(stores: Stores) -> None:
    assert stores.queue.read_all() == [QueueShard()]


def test_a_swap_does_not_touch_the_count_in_flight(stores: Stores) -> None:
    shard = stores.queue.read()
    change(stores, QueueChange(in_flight_delta=3))

    assert stores.queue.swap(shard, shard.model_copy(update={"in_flight": 99, "next_at": 4.0}))

    assert stores.queue.read() == QueueShard(version=1, in_flight=3, next_at=4)


def test_the_count_in_flight_goes_up_and_down_whatever_becomes_of_the_rest(stores: Stores) -> None:
    shard = stores.queue.read()
    change(stores, QueueChange(in_flight_delta=2))
    assert stores.queue.swap(shard, shard.paused_until(1))
    change(stores, QueueChange(in_flight_delta=-1))

    assert stores.queue.read() == QueueShard(version=1, in_flight=1, next_at=1)


def test_the_count_alone_is_no_reason_to_read_the_line_again(stores: Stores) -> None:
    shard = stores.queue.read()

    assert isinstance(change(stores, QueueChange(in_flight_delta=1)), Job)
    assert isinstance(
        change(stores, QueueChange(shard, shard.paused_until(1), in_flight_delta=1)), Job
    )

    assert stores.queue.read() == QueueShard(version=1, in_flight=2, next_at=1)


@pytest.mark.parametrize(("flying", "below", "is_let_in"), [
    (0, 1, True), (1, 1, False), (1, 2, True), (2, 2, False), (3, 2, False),
])  # fmt: skip
@pytest.mark.parametrize("swaps", [False, True])
def test_a_full_house_lets_nobody_in(
    stores: Stores, flying: int, below: int, is_let_in: bool, swaps: bool
) -> None:
    if flying:
        change(stores, QueueChange(in_flight_delta=flying))
    shard = stores.queue.read()
    after = shard.paused_until(1) if swaps else None

    found = change(
        stores, QueueChange(shard if swaps else None, after, in_flight_delta=1, max_in_flight=below)
    )

    assert (found is not Conflict.QUEUE) == isinstance(found, Job) == is_let_in
    now = stores.queue.read()
    assert now.in_flight == flying + is_let_in
    assert now.version == (1 if is_let_in and swaps else 0)


def test_who_is_let_in_must_have_seen_the_line_as_it_is(stores: Stores) -> None:
    shard = stores.queue.read()
    stores.queue.swap(shard, shard.paused_until(1))

    found = change(
        stores, QueueChange(shard, shard.paused_until(2), in_flight_delta=1, max_in_flight=10)
    )

    assert found is Conflict.QUEUE
    assert stores.queue.read() == QueueShard(version=1, next_at=1)


NUMBERS = st.tuples(st.integers(-5, 10**6), st.integers(-5, 10**6)).map(lambda n: Rounds(*n))
QUEUES = st.builds(
    WaitingJobs, served=st.integers(0, 10**6), rounds=st.dictionaries(st.text(max_size=10), NUMBERS)
)
MOMENTS = st.floats(0, 4e9)
BREAKERS = st.builds(
    BreakerState,
    failures=st.integers(0, 9),
    trips=st.integers(0, 99),
    open_until=MOMENTS,
    probing_until=MOMENTS,
    reason=st.none() | st.sampled_from(Code),
)


@settings(settings.get_profile("contract"))
@given(next_at=MOMENTS, normal=QUEUES, batch=QUEUES, breaker=BREAKERS)
def test_any_line_comes_back_as_it_was(stores: Stores, **told: Any) -> None:
    before = stores.queue.read()

    assert stores.queue.swap(before, QueueShard(**told))

    assert stores.queue.read() == QueueShard(version=before.version + 1, **told)


def crowded(callers: int, priority: Priority = Priority.NORMAL) -> QueueShard:
    """A line in which every caller waits with a thousand jobs, long after it began."""
    queue = WaitingJobs(served=100_000)
    for number in range(callers):
        queue, first = queue.enter(f"key:customer-{number:035}", 1.0)
        name = [*queue.rounds][-1]
        queue = queue.model_copy(
            update={"rounds": queue.rounds | {name: Rounds(first, first + 999)}}
        )
    return QueueShard(next_at=1_800_000_000.123456).with_waiting(priority, queue)


def test_a_line_of_five_hundred_callers_is_a_small_item(dynamodb: DynamoDBClient) -> None:
    shards, shard = QueueTable(dynamodb, TABLE), crowded(500)
    assert len(shard.normal) == 500_000

    assert shards.swap(QueueShard(), shard)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    # A write costs a unit for each kilobyte, and an item may have 400 KB.
    assert size < 16_000
    assert shards.read() == shard.model_copy(update={"version": 1})


def test_the_line_is_kept_for_ever(dynamodb: DynamoDBClient) -> None:
    QueueTable(dynamodb, TABLE).swap(QueueShard(), QueueShard())

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert item.keys() == {"pk", "sk", "version", "in_flight", "state"}
    assert (item["pk"], item["sk"]) == ({"S": "QUEUE"}, {"S": "QUEUE"})


def test_no_caller_is_named_in_the_line(dynamodb: DynamoDBClient) -> None:
    QueueTable(dynamodb, TABLE).swap(QueueShard(), crowded(3))

    assert "customer" not in str(dynamodb.scan(TableName=TABLE)["Items"])


def test_another_error_of_the_table_is_a_crash(dynamodb: DynamoDBClient) -> None:
    shards = QueueTable(dynamodb, "no-such-table")

    with pytest.raises(ClientError, match="ResourceNotFound"):
        shards.read()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        shards.swap(QueueShard(), QueueShard())
