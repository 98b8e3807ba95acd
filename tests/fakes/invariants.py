"""What has to be true of the records at every moment, whatever happened."""

from collections import Counter
from datetime import date

import pytest

from darkroom.domain import submit_queue
from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import Priority, QueueShard, WaitingJobs
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import World


def digest(caller: str) -> str:
    """The name that the line knows a caller by."""
    return submit_queue._digest(caller)


def waiting(queue: WaitingJobs) -> Counter[str]:
    """How many jobs a lane counts, by its names of callers."""
    return Counter({name: last - first + 1 for name, (first, last) in queue.rounds.items()})


def assert_counts(jobs: InMemoryJobs) -> None:
    """Each line counts those that wait and those in flight, no more and no fewer."""
    for number, shard in jobs.queue.all.items():
        of_line = [job for job in jobs.records.values() if job.queue_shard == number]
        _assert_counts(shard, of_line)


def _assert_counts(shard: QueueShard, records: list[Job]) -> None:
    for priority in Priority:
        there = Counter(
            digest(job.caller) for job in records if job.is_waiting and job.priority is priority
        )
        assert waiting(shard.waiting(priority)) == there
        intervals = [
            j.slot_seconds or 0 for j in records if j.is_waiting and j.priority is priority
        ]
        assert shard.waiting(priority).seconds == pytest.approx(sum(intervals), abs=1e-6)
    assert shard.in_flight == sum(job.is_in_flight for job in records)


def assert_claims(jobs: InMemoryJobs) -> None:
    """Every prediction is one job's, and every job's prediction is claimed for it."""
    owned = {job.prediction_id: job.job_id for job in jobs.records.values() if job.prediction_id}
    assert owned == jobs.claims.owners
    assert len(set(owned.values())) == len(owned)


def assert_budgets(jobs: InMemoryJobs, caps: dict[str, int]) -> None:
    """What is reserved is what is spent or may be, and no more than the cap."""
    reserved: Counter[tuple[date, str]] = Counter()
    for job in jobs.records.values():
        if job.is_open or job.charge is not Charged.NO:
            for reservation in job.reservations:
                reserved[reservation.day, reservation.scope] += reservation.micro_usd
    amounts = {place: amount for place, amount in jobs.budgets.amounts.items() if amount}
    assert amounts == {place: amount for place, amount in reserved.items() if amount}
    assert all(amount <= caps[scope] for (_, scope), amount in reserved.items())


def ends(world: World) -> dict[str, set[str]]:
    """The ids of the terminal events on the bus, by job."""
    told: dict[str, set[str]] = {}
    for event in world.events.published:
        if event.job_id and event.id.endswith((".completed", ".failed")):
            told.setdefault(event.job_id, set()).add(event.id)
    return told


def assert_ended(world: World) -> None:
    """Every job has ended, and told so under one id."""
    assert not [job for job in world.jobs.records.values() if job.is_open]
    assert ends(world) == {
        job.job_id: {f"{job.job_id}.{job.status}"} for job in world.jobs.records.values()
    }
