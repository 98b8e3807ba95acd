"""Contract of the port SubmitQueue: the shards and the provider's state, written with a job."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job
from darkroom.domain.submit_queue import (
    Priority,
    QueueShard,
    QueueSnapshot,
    Rounds,
    WaitingJobs,
)
from darkroom.ports import Conflict, QueueChange, SideWrite
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, dynamodb_stores, job
from tests.profiles import examples


def change(stores: Stores, *changes: SideWrite) -> Job | Conflict:
    """Write queue changes together with the job `j`, which is created first."""
    stores.jobs.create(job())
    return stores.jobs.transact("j", changes, when=OPEN, checks=1)


def replace(stores: Stores, before: QueueShard, after: QueueShard) -> bool:
    """Replace a shard; return False if it has changed since it was read."""
    return isinstance(change(stores, QueueChange(before, after)), Job)


def test_unwritten_queue_is_empty(stores: Stores) -> None:
    assert stores.queue.read() == QueueShard()
    assert stores.queue.read_provider() == ProviderState()
    assert stores.queue.read_all() == QueueSnapshot(ProviderState(), {})
    assert stores.queue.read_all().shard(2) == QueueShard(index=2)


def test_change_replaces_the_shard_that_was_read(stores: Stores) -> None:
    shard = stores.queue.read()

    assert replace(stores, shard, shard.after_send(12.5, 0))

    assert stores.queue.read() == QueueShard(version=1, next_at=12.5)


def test_change_of_an_outdated_shard_changes_nothing(stores: Stores) -> None:
    shard = stores.queue.read()
    assert replace(stores, shard, shard.after_send(1, 0))

    for outdated in (shard, QueueShard(version=5)):
        result = change(
            stores,
            QueueChange(outdated, shard.after_send(2, 0), in_flight_delta=1, max_in_flight=10),
        )
        assert result is Conflict.QUEUE

    assert stores.queue.read() == QueueShard(version=1, next_at=1)


def test_shards_are_independent(stores: Stores) -> None:
    shard = stores.queue.read(3)
    assert shard == QueueShard(index=3)

    assert replace(stores, shard, shard.after_send(7, 0))
    change(stores, QueueChange(in_flight_delta=2, shard=3))
    change(
        stores,
        QueueChange(stores.queue.read(12), QueueShard(index=12, next_at=1), in_flight_delta=1),
    )

    assert stores.queue.read() == QueueShard()
    assert stores.queue.read(3) == QueueShard(index=3, version=1, in_flight=2, next_at=7)
    snapshot = stores.queue.read_all()
    assert snapshot.shards == {index: stores.queue.read(index) for index in (3, 12)}
    assert snapshot.provider == ProviderState()
    assert snapshot.next_at == 1


def test_in_flight_change_keeps_the_version(stores: Stores) -> None:
    shard = stores.queue.read()

    assert isinstance(change(stores, QueueChange(in_flight_delta=2)), Job)
    assert isinstance(
        change(stores, QueueChange(shard, shard.after_send(1, 0), in_flight_delta=1)), Job
    )
    change(stores, QueueChange(in_flight_delta=-1))

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
    after = shard.after_send(1, 0) if has_swap else None

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


def test_provider_state_is_read_with_the_shards(stores: Stores) -> None:
    state = ProviderState(trips=1, open_until=12, reason=Code.UNAUTHORIZED)
    assert stores.queue.swap_provider(ProviderState(), state)
    change(stores, QueueChange(in_flight_delta=1))

    state = state.model_copy(update={"version": 1})
    assert stores.queue.read_provider() == state
    assert stores.queue.read_all() == QueueSnapshot(state, {0: QueueShard(in_flight=1)})


def test_swap_of_an_outdated_provider_state_changes_nothing(stores: Stores) -> None:
    before = stores.queue.read_provider()
    assert stores.queue.swap_provider(before, before.paused(5))

    assert not stores.queue.swap_provider(before, before.paused(7))
    assert not stores.queue.swap_provider(ProviderState(version=5), before.paused(7))

    state = stores.queue.read_provider()
    assert state == ProviderState(version=1, paused_until=5)
    assert stores.queue.swap_provider(state, ProviderState(version=1))
    assert stores.queue.read_provider() == ProviderState(version=2)


ROUNDS = st.tuples(st.integers(-5, 10**6), st.integers(-5, 10**6)).map(lambda n: Rounds(*n))
QUEUES = st.builds(
    WaitingJobs, served=st.integers(0, 10**6), rounds=st.dictionaries(st.text(max_size=10), ROUNDS)
)
TIMES = st.floats(0, 4e9)
PROVIDERS = st.builds(
    ProviderState,
    failures=st.integers(0, 9),
    trips=st.integers(0, 99),
    open_until=TIMES,
    probing_until=TIMES,
    reason=st.none() | st.sampled_from(Code),
    paused_until=TIMES,
)


@settings(max_examples=examples(10))
@given(next_at=TIMES, normal=QUEUES, low=QUEUES)
def test_any_shard_is_read_back_unchanged(stores: Stores, **fields: Any) -> None:
    before = stores.queue.read()

    assert replace(stores, before, QueueShard(**fields))

    assert stores.queue.read() == QueueShard(version=before.version + 1, **fields)


@settings(max_examples=examples(10))
@given(PROVIDERS)
def test_any_provider_state_is_read_back_unchanged(stores: Stores, state: ProviderState) -> None:
    before = stores.queue.read_provider()

    assert stores.queue.swap_provider(before, state)

    written = state.model_copy(update={"version": before.version + 1})
    assert stores.queue.read_provider() == stores.queue.read_all().provider == written


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


@pytest.fixture
def dynamodb_queue(dynamodb: DynamoDBClient) -> Stores:
    return dynamodb_stores(dynamodb, TABLE)


def queue_items(client: DynamoDBClient) -> list[dict[str, Any]]:
    """Return the stored items of the queue."""
    return [item for item in client.scan(TableName=TABLE)["Items"] if item["pk"]["S"] == "QUEUE"]


def test_shard_of_500_callers_is_smaller_than_16_kb(
    dynamodb: DynamoDBClient, dynamodb_queue: Stores
) -> None:
    shard = shard_with_waiting_callers(500)
    assert len(shard.normal) == 500_000

    assert replace(dynamodb_queue, QueueShard(), shard)

    [item] = queue_items(dynamodb)
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    # A write costs one unit per kilobyte; the limit of an item is 400 KB.
    assert size < 16_000
    assert dynamodb_queue.queue.read() == shard.model_copy(update={"version": 1})


def test_queue_items_have_no_time_to_live(dynamodb: DynamoDBClient, dynamodb_queue: Stores) -> None:
    replace(dynamodb_queue, QueueShard(), QueueShard())
    dynamodb_queue.queue.swap_provider(ProviderState(), ProviderState())

    provider, shard = queue_items(dynamodb)
    assert provider.keys() == {"pk", "sk", "version", "state"}
    assert shard.keys() == {"pk", "sk", "version", "in_flight", "state"}
    assert (provider["sk"], shard["sk"]) == ({"S": "PROVIDER"}, {"S": "QUEUE"})


def test_shard_contains_no_caller_names(dynamodb: DynamoDBClient, dynamodb_queue: Stores) -> None:
    replace(dynamodb_queue, QueueShard(), shard_with_waiting_callers(3))

    assert "customer" not in str(queue_items(dynamodb))
