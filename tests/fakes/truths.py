"""What has to be true of the records at every moment, whatever happened."""

from collections import Counter
from datetime import date

import pytest

from darkroom.domain import limiter
from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.domain.limiter import Lane, Line, Queue
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import World


def digest(caller: str) -> str:
    """The name that the line knows a caller by."""
    return limiter._digest(caller)


def waiting(queue: Queue) -> Counter[str]:
    """How many jobs a lane counts, by its names of callers."""
    return Counter({name: last - first + 1 for name, (first, last) in queue.waiting.items()})


def assert_counts(jobs: InMemoryJobs) -> None:
    """Each line counts those that wait and those in flight, no more and no fewer."""
    for number, line in jobs.line.all.items():
        of_line = [job for job in jobs.records.values() if job.line == number]
        _assert_counts(line, of_line)


def _assert_counts(line: Line, records: list[Job]) -> None:
    for lane in Lane:
        there = Counter(
            digest(job.caller) for job in records if job.waits_in_line and job.lane is lane
        )
        assert waiting(line.queue(lane)) == there
        intervals = [j.interval or 0 for j in records if j.waits_in_line and j.lane is lane]
        assert line.queue(lane).seconds == pytest.approx(sum(intervals), abs=1e-6)
    assert line.in_flight == sum(job.is_in_flight for job in records)


def assert_claims(jobs: InMemoryJobs) -> None:
    """Every prediction is one job's, and every job's prediction is claimed for it."""
    owned = {job.prediction_id: job.job_id for job in jobs.records.values() if job.prediction_id}
    assert owned == jobs.claims.owners
    assert len(set(owned.values())) == len(owned)


def assert_budgets(jobs: InMemoryJobs, caps: dict[str, int]) -> None:
    """What is held is what is spent or may be, and no more than the cap."""
    held: Counter[tuple[date, str]] = Counter()
    for job in jobs.records.values():
        if job.is_open or job.charge is not Charged.NO:
            for hold in job.holds:
                held[hold.day, hold.scope] += hold.micro_usd
    amounts = {place: amount for place, amount in jobs.budgets.amounts.items() if amount}
    assert amounts == {place: amount for place, amount in held.items() if amount}
    assert all(amount <= caps[scope] for (_, scope), amount in held.items())


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
