"""Jobs.together: a record, the line, claims and budgets change all at once, or not at all."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.submit_queue import Priority, QueueShard
from darkroom.ports import Claim, Conflict, QueueChange, Release, SideWrite
from tests.contract.stores import Stores, job, reservation
from tests.fakes.signals import START

PRICE = reservation(60)


def state(stores: Stores) -> tuple[object, ...]:
    """All that a change may touch."""
    owners = [stores.claims.owner(name) for name in ("p", "q")]
    return stores.jobs.get("j"), stores.queue.read(), owners, stores.reserved("tests")


@pytest.fixture
def ready(stores: Stores) -> Stores:
    """A queued job that holds money, a prediction of another's, and a line of two in flight."""
    assert stores.jobs.create(job(reservations=[PRICE]), [1000])
    assert stores.jobs.create(job(job_id="other"))
    stores.jobs.transact("other", [Claim("q"), QueueChange(in_flight_delta=2)], when=OPEN, checks=1)
    return stores


def entered(shard: QueueShard) -> QueueShard:
    """The line with one more that waits."""
    queue, _ = shard.normal.enter("tests", 1.0)
    return shard.with_waiting(Priority.NORMAL, queue)


def every(stores: Stores, **changes: Any) -> list[SideWrite]:
    """One of each, all of which can be made."""
    shard = stores.queue.read()
    told: dict[str, Any] = {
        "before": shard,
        "after": entered(shard),
        "in_flight_delta": 1,
        "max_in_flight": 3,
    }
    return [QueueChange(**told | changes), Claim("p"), Release(PRICE)]


def test_everything_changes_at_once(ready: Stores) -> None:
    before = ready.queue.read()

    done = ready.jobs.transact(
        "j", every(ready), when=[Status.QUEUED], status=Status.SUBMITTING, queue_position=3
    )

    assert done == ready.job() == job(reservations=[PRICE], status="submitting", queue_position=3)
    shard = ready.queue.read()
    assert (shard.version, shard.in_flight) == (before.version + 1, before.in_flight + 1)
    assert len(shard.normal) == 1
    assert ready.claims.owner("p") == "j"
    assert ready.reserved("tests") == 0


def test_with_nothing_else_it_is_an_update(ready: Stores) -> None:
    shard = ready.queue.read()

    done = ready.jobs.transact("j", [], when=OPEN, detail="words", sweep_after=START)

    assert done == ready.job() == job(reservations=[PRICE], detail="words", sweep_after=START)
    assert ready.queue.read() == shard


def test_a_change_to_none_removes_the_field(ready: Stores) -> None:
    ready.jobs.update("j", when=OPEN, queue_position=3, sweep_after=START)

    ready.jobs.transact(
        "j", [QueueChange(in_flight_delta=1)], when=OPEN, queue_position=None, sweep_after=None
    )

    assert ready.job() == job(reservations=[PRICE])


@pytest.mark.parametrize(
    ("what", "hitch"),
    [
        ({"when": [Status.SUBMITTING]}, Conflict.JOB),
        ({"absent": "queue_position"}, Conflict.JOB),
        ({"queue": {"before": QueueShard(version=7)}}, Conflict.QUEUE),
        ({"queue": {"max_in_flight": 2}}, Conflict.QUEUE),
        ({"claim": "q"}, Conflict.CLAIM),
    ],
    ids=str,
)
def test_when_one_condition_fails_nothing_changes(
    ready: Stores, what: dict[str, Any], hitch: Conflict
) -> None:
    ready.jobs.update("j", when=OPEN, queue_position=3)
    shard, _, release = every(ready, **what.get("queue", {}))
    side_writes: list[SideWrite] = [shard, Claim(what.get("claim", "p")), release]
    before = state(ready)

    found = ready.jobs.transact(
        "j",
        side_writes,
        when=what.get("when", [Status.QUEUED]),
        absent=what.get("absent"),
        status=Status.SUBMITTING,
    )

    assert found is hitch
    assert state(ready) == before


@pytest.mark.parametrize("job_id", ["j", "none"])
def test_the_record_comes_first_of_several_that_fail(ready: Stores, job_id: str) -> None:
    before = state(ready)
    side_writes: list[SideWrite] = [
        QueueChange(in_flight_delta=1, max_in_flight=2),
        Claim("q"),
        Release(PRICE),
    ]

    found = ready.jobs.transact(job_id, side_writes, when=[Status.FAILED], checks=1)

    assert found is Conflict.JOB
    assert state(ready) == before
    assert ready.jobs.get("none") is None


@pytest.mark.parametrize(
    ("side_writes", "hitch"),
    [
        ([QueueChange(in_flight_delta=1, max_in_flight=2), Claim("q")], Conflict.QUEUE),
        ([Claim("q"), QueueChange(in_flight_delta=1, max_in_flight=2)], Conflict.CLAIM),
    ],
)
def test_of_the_others_the_first_in_their_order_is_told(
    ready: Stores, side_writes: list[SideWrite], hitch: Conflict
) -> None:
    assert ready.jobs.transact("j", side_writes, when=OPEN, checks=1) is hitch


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("when", [[Status.QUEUED], list(OPEN), [Status.FAILED]])
def test_the_status_must_be_one_of_those_given(
    stores: Stores, status: Status, when: list[Status]
) -> None:
    stores.jobs.create(job(status=status))

    done = stores.jobs.transact("j", [QueueChange(in_flight_delta=1)], when=when, checks=7)

    assert isinstance(done, Job) == (status in when)
    assert stores.queue.read().in_flight == (1 if status in when else 0)


def test_a_field_may_be_asked_not_to_be_set(ready: Stores) -> None:
    side_writes = [QueueChange(in_flight_delta=1)]

    first, second = (
        ready.jobs.transact(
            "j", side_writes, when=OPEN, absent="canceled_at", canceled_at=START + timedelta(n)
        )
        for n in range(2)
    )

    assert isinstance(first, Job)
    assert second is Conflict.JOB
    assert (ready.job().canceled_at, ready.queue.read().in_flight) == (START, 3)


def test_of_two_that_want_the_same_step_one_gets_it(ready: Stores) -> None:
    shard = ready.queue.read()
    change = QueueChange(shard, entered(shard), in_flight_delta=1)

    found = [
        ready.jobs.transact("j", [change], when=[Status.QUEUED], status=Status.SUBMITTING)
        for _ in range(2)
    ]

    assert isinstance(found[0], Job)
    assert found[1] is Conflict.JOB
    assert ready.queue.read().in_flight == 3


def test_two_jobs_that_saw_the_same_line_cannot_both_change_it(ready: Stores) -> None:
    shard = ready.queue.read()
    change = QueueChange(shard, entered(shard))

    found = [
        ready.jobs.transact(name, [change], when=OPEN, queue_position=number)
        for number, name in enumerate(["j", "other"])
    ]

    assert isinstance(found[0], Job)
    assert found[1] is Conflict.QUEUE
    assert ready.job("other").queue_position is None


def test_several_holds_are_released_together(stores: Stores) -> None:
    reservations = [reservation(60, "ada"), reservation(60, "STACK")]
    stores.jobs.create(job(reservations=reservations), [100, 100])

    stores.jobs.transact(
        "j", [Release(each) for each in reservations], when=OPEN, status=Status.FAILED
    )

    assert (stores.reserved("ada"), stores.reserved("STACK")) == (0, 0)
