"""`?wait=`: a request for a job waits until the job changes."""

from dataclasses import dataclass, field

import pytest

from tests.fakes.signals import StoppedClock
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Client, complete_job, submit_job


@dataclass
class SleepCountingClock(StoppedClock):
    """A clock that records its sleeps; the job is submitted at the third sleep."""

    sleeps: list[float] = field(default_factory=list)
    job_id: str = ""
    world: World | None = None

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.sleeps.append(seconds)
        if self.world and len(self.sleeps) == 3:
            submit_job(self.world, self.job_id)


def queued_job(*, changes: bool) -> tuple[Client, SleepCountingClock, str]:
    clock = SleepCountingClock()
    ada = Client(World(clock=clock))
    clock.job_id = ada.accept_job().job_id
    clock.world = ada.world if changes else None
    return ada, clock, f"{V1_JOBS}/{clock.job_id}"


@pytest.mark.parametrize("wait", [1, 10, 25])
def test_wait_reads_every_second_until_the_timeout(wait: int) -> None:
    ada, clock, path = queued_job(changes=False)

    response = ada.get(path, wait=wait)

    assert (response.status, response.json["status"]) == (200, "queued")
    assert clock.sleeps == [1.0] * wait


def test_wait_ends_when_the_job_changes() -> None:
    ada, clock, path = queued_job(changes=True)

    assert ada.get(path, wait=20).json["status"] == "submitted"
    assert sum(clock.sleeps) == 3


def test_wait_with_a_current_etag_returns_304_at_the_timeout() -> None:
    ada, clock, path = queued_job(changes=False)
    etag = ada.get(path).headers["ETag"]

    assert ada.get(path, {"If-None-Match": etag}, wait=5).status == 304
    assert sum(clock.sleeps) == 5


def test_wait_with_an_old_etag_returns_immediately() -> None:
    ada, clock, path = queued_job(changes=False)

    assert ada.get(path, {"If-None-Match": '"older"'}, wait=5).status == 200
    assert clock.sleeps == []


def test_wait_for_an_ended_or_inaccessible_job_returns_immediately() -> None:
    ada, clock, path = queued_job(changes=False)
    assert ada.as_("bob").get(path, wait=25).status == 404
    complete_job(ada.world, clock.job_id)

    assert ada.get(path, wait=25).json["status"] == "completed"
    assert sum(clock.sleeps) == 0


@pytest.mark.parametrize("wait", ["0", "26", "-1", "1.5", "", "ten", "1e1", "٣"])
def test_wait_must_be_1_to_25_seconds(wait: str) -> None:
    response = Client().get(f"{V1_JOBS}/{'a' * 26}", wait=wait)

    assert (response.status, response.fields) == (400, ["wait"])
    assert response.json["errors"][0]["allowed"] == "a whole number, 1 to 25"
