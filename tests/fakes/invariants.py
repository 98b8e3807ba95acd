"""Invariants of the records that hold at every moment."""

from collections import Counter
from datetime import date

import pytest

from darkroom.domain import submit_queue
from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import Priority, QueueShard, WaitingJobs
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import World


def caller_digest(caller: str) -> str:
    """Return the digest that a queue shard stores instead of the caller's name."""
    return submit_queue._digest(caller)


def waiting_counts(queue: WaitingJobs) -> Counter[str]:
    """Return how many jobs are waiting, by caller digest."""
    return Counter({name: last - first + 1 for name, (first, last) in queue.rounds.items()})


def assert_queue_counts(jobs: InMemoryJobs) -> None:
    """Assert that each queue shard counts exactly its waiting and its in-flight jobs."""
    for number, shard in jobs.queue.shards.items():
        records = [job for job in jobs.records.values() if job.queue_shard == number]
        _assert_shard_counts(shard, records)


def _assert_shard_counts(shard: QueueShard, records: list[Job]) -> None:
    for priority in Priority:
        expected = Counter(
            caller_digest(job.caller)
            for job in records
            if job.is_in_queue and job.priority is priority
        )
        assert waiting_counts(shard.waiting(priority)) == expected
        slot_seconds = [
            job.slot_seconds or 0 for job in records if job.is_in_queue and job.priority is priority
        ]
        assert shard.waiting(priority).seconds == pytest.approx(sum(slot_seconds), abs=1e-6)
    assert shard.in_flight == sum(job.is_in_flight for job in records)


def assert_claims(jobs: InMemoryJobs) -> None:
    """Assert that every prediction belongs to one job, which has a claim on it."""
    owners = {job.prediction_id: job.job_id for job in jobs.records.values() if job.prediction_id}
    assert owners == jobs.claims.owners
    assert len(set(owners.values())) == len(owners)


def assert_budgets(jobs: InMemoryJobs, caps: dict[str, int]) -> None:
    """Assert that the reserved money equals what is or may be charged, within the caps."""
    reserved: Counter[tuple[date, str]] = Counter()
    for job in jobs.records.values():
        if job.is_open or job.charge is not Charged.NO:
            for reservation in job.reservations:
                reserved[reservation.day, reservation.scope] += reservation.micro_usd
    amounts = {budget: amount for budget, amount in jobs.budgets.amounts.items() if amount}
    assert amounts == {budget: amount for budget, amount in reserved.items() if amount}
    assert all(amount <= caps[scope] for (_, scope), amount in reserved.items())


def terminal_event_ids(world: World) -> dict[str, set[str]]:
    """Return the ids of the published terminal events, by job."""
    event_ids: dict[str, set[str]] = {}
    for event in world.events.published:
        if event.job_id and event.id.endswith((".completed", ".failed")):
            event_ids.setdefault(event.job_id, set()).add(event.id)
    return event_ids


def assert_all_ended(world: World) -> None:
    """Assert that every job has ended and has published one terminal event id."""
    assert not [job for job in world.jobs.records.values() if job.is_open]
    assert terminal_event_ids(world) == {
        job.job_id: {f"{job.job_id}.{job.status}"} for job in world.jobs.records.values()
    }
