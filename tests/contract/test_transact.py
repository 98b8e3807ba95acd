"""`Jobs.transact` changes a job, the queue, claims and budgets in one transaction or not at all."""

from typing import Any

import pytest

from darkroom.domain.breaker import ProviderState
from darkroom.domain.job import OPEN, Status
from darkroom.domain.submit_queue import Priority, QueueShard
from darkroom.ports import Claim, Conflict, ProviderChange, QueueChange, Release, SideWrite
from tests.contract.stores import Stores, job, reservation

PRICE = reservation(60)


def state(stores: Stores) -> tuple[object, ...]:
    """Return everything that a transaction can change."""
    owners = [stores.claims.owner(name) for name in ("p", "q")]
    return stores.jobs.get("j"), stores.queue.read_all(), owners, stores.reserved("tests")


@pytest.fixture
def prepared(stores: Stores) -> Stores:
    """Return stores with a job that has a reservation, a claim of another job and two in flight."""
    assert stores.jobs.create(job(reservations=[PRICE]), [1000])
    assert stores.jobs.create(job(job_id="other"))
    stores.jobs.transact("other", [Claim("q"), QueueChange(in_flight_delta=2)], when=OPEN, checks=1)
    return stores


def with_waiting_job(shard: QueueShard) -> QueueShard:
    """Return the shard with one more waiting job."""
    queue, _ = shard.normal.enter("tests", 1.0)
    return shard.with_waiting(Priority.NORMAL, queue)


def all_side_writes(stores: Stores, **changes: Any) -> list[SideWrite]:
    """Return one side write of each type; all their conditions hold."""
    shard = stores.queue.read()
    queue_change: dict[str, Any] = {
        "before": shard,
        "after": with_waiting_job(shard),
        "in_flight_delta": 1,
        "max_in_flight": 3,
    }
    return [
        QueueChange(**queue_change | changes),
        ProviderChange(ProviderState(), ProviderState(trips=1)),
        Claim("p"),
        Release(PRICE),
    ]


def test_transaction_applies_all_writes(prepared: Stores) -> None:
    before = prepared.queue.read()

    updated = prepared.jobs.transact(
        "j",
        all_side_writes(prepared),
        when=[Status.QUEUED],
        status=Status.SUBMITTING,
        queue_position=3,
    )

    assert (
        updated
        == prepared.job()
        == job(reservations=[PRICE], status="submitting", queue_position=3)
    )
    shard = prepared.queue.read()
    assert (shard.version, shard.in_flight) == (before.version + 1, before.in_flight + 1)
    assert len(shard.normal) == 1
    assert prepared.queue.read_provider() == ProviderState(version=1, trips=1)
    assert prepared.claims.owner("p") == "j"
    assert prepared.reserved("tests") == 0


@pytest.mark.parametrize(
    ("case", "conflict"),
    [
        ({"when": [Status.SUBMITTING]}, Conflict.JOB),
        ({"absent": "queue_position"}, Conflict.JOB),
        ({"queue": {"before": QueueShard(version=7)}}, Conflict.QUEUE),
        ({"queue": {"max_in_flight": 2}}, Conflict.QUEUE),
        ({"provider": ProviderState(version=7)}, Conflict.QUEUE),
        ({"claim": "q"}, Conflict.CLAIM),
    ],
    ids=str,
)
def test_failed_condition_rolls_back_all_writes(
    prepared: Stores, case: dict[str, Any], conflict: Conflict
) -> None:
    prepared.jobs.update("j", when=OPEN, queue_position=3)
    shard, _, _, release = all_side_writes(prepared, **case.get("queue", {}))
    provider = ProviderChange(case.get("provider", ProviderState()), ProviderState(trips=1))
    side_writes: list[SideWrite] = [shard, provider, Claim(case.get("claim", "p")), release]
    before = state(prepared)

    result = prepared.jobs.transact(
        "j",
        side_writes,
        when=case.get("when", [Status.QUEUED]),
        absent=case.get("absent"),
        status=Status.SUBMITTING,
    )

    assert result is conflict
    assert state(prepared) == before


@pytest.mark.parametrize("job_id", ["j", "none"])
def test_job_conflict_has_precedence(prepared: Stores, job_id: str) -> None:
    before = state(prepared)
    side_writes: list[SideWrite] = [
        QueueChange(in_flight_delta=1, max_in_flight=2),
        Claim("q"),
        Release(PRICE),
    ]

    result = prepared.jobs.transact(job_id, side_writes, when=[Status.FAILED], checks=1)

    assert result is Conflict.JOB
    assert state(prepared) == before
    assert prepared.jobs.get("none") is None


@pytest.mark.parametrize(
    ("side_writes", "conflict"),
    [
        ([QueueChange(in_flight_delta=1, max_in_flight=2), Claim("q")], Conflict.QUEUE),
        ([Claim("q"), QueueChange(in_flight_delta=1, max_in_flight=2)], Conflict.CLAIM),
    ],
)
def test_first_failed_side_write_is_returned(
    prepared: Stores, side_writes: list[SideWrite], conflict: Conflict
) -> None:
    assert prepared.jobs.transact("j", side_writes, when=OPEN, checks=1) is conflict
