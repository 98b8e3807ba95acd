"""`?wait=`: a look at a job that holds until something about it changes."""

from dataclasses import dataclass, field

import pytest

from tests.fakes.signals import StoppedClock
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Client, finished, submitted


@dataclass
class Watch(StoppedClock):
    """Notes each time it is slept on; the job changes at the third."""

    naps: list[float] = field(default_factory=list)
    job_id: str = ""
    world: World | None = None

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.naps.append(seconds)
        if self.world and len(self.naps) == 3:
            submitted(self.world, self.job_id)


def waiting(*, changes: bool) -> tuple[Client, Watch, str]:
    watch = Watch()
    ada = Client(World(clock=watch))
    watch.job_id = ada.accepted().job_id
    watch.world = ada.world if changes else None
    return ada, watch, f"{V1_JOBS}/{watch.job_id}"


@pytest.mark.parametrize("wait", [1, 10, 25])
def test_a_wait_looks_once_a_second_and_gives_up_in_time(wait: int) -> None:
    ada, watch, path = waiting(changes=False)

    answer = ada.get(path, wait=wait)

    assert (answer.status, answer.json["status"]) == (200, "queued")
    assert watch.naps == [1.0] * wait


def test_a_wait_ends_when_the_job_changes() -> None:
    ada, watch, path = waiting(changes=True)

    assert ada.get(path, wait=20).json["status"] == "submitted"
    assert sum(watch.naps) == 3


def test_a_wait_from_a_known_tag_that_sees_no_change_sends_nothing() -> None:
    ada, watch, path = waiting(changes=False)
    tag = ada.get(path).headers["ETag"]

    assert ada.get(path, {"If-None-Match": tag}, wait=5).status == 304
    assert sum(watch.naps) == 5


def test_a_wait_from_an_older_tag_does_not_wait() -> None:
    ada, watch, path = waiting(changes=False)

    assert ada.get(path, {"If-None-Match": '"older"'}, wait=5).status == 200
    assert watch.naps == []


def test_nobody_waits_for_a_job_that_has_ended_or_is_anothers() -> None:
    ada, watch, path = waiting(changes=False)
    assert ada.as_("bob").get(path, wait=25).status == 404
    finished(ada.world, watch.job_id)

    assert ada.get(path, wait=25).json["status"] == "completed"
    assert sum(watch.naps) == 0


@pytest.mark.parametrize("wait", ["0", "26", "-1", "1.5", "", "ten", "1e1", "٣"])
def test_a_wait_is_one_to_25_seconds(wait: str) -> None:
    answer = Client().get(f"{V1_JOBS}/{'a' * 26}", wait=wait)

    assert (answer.status, answer.fields) == (400, ["wait"])
    assert answer.json["errors"][0]["allowed"] == "a whole number, 1 to 25"
