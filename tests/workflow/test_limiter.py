"""Many jobs at once, each with an execution: when each one is sent, and how often it waits."""

from itertools import pairwise

import pytest

from tests.workflow.answers import problem
from tests.workflow.cloud import DEFER, REQUEST, STRAIGHT, SUBMIT, Cloud
from tests.workflow.invariants import Run
from tests.workflow.provider import Taken
from tests.workflow.timeline import START

# At two images a minute, and what the limiter adds for a send that comes later than it was granted.
INTERVAL = 61.5 / 2


@pytest.fixture
def bronze(cloud: Cloud) -> Cloud:
    """The lowest tier."""
    cloud.configure(IMAGES_PER_MINUTE="2", JOBS_IN_FLIGHT="2")
    cloud.provider.takes(35)
    return cloud


def request(cloud: Cloud, *names: str, **more: object) -> list[str]:
    return [cloud.request({**REQUEST, **more}, event_id=name) for name in names]


def finish(cloud: Cloud, ids: list[str]) -> list[Run]:
    cloud.machine.run_pending()
    return [cloud.look(job_id) for job_id in ids]


def sent(cloud: Cloud) -> list[float]:
    """When each prediction was made, in seconds from the start."""
    return [(made.at - START).total_seconds() for made in cloud.provider.made]


def test_jobs_wait_exactly_and_once(bronze: Cloud) -> None:
    ids = request(bronze, *"abcde")

    runs = finish(bronze, ids)

    assert sent(bronze) == pytest.approx([0, *(n * INTERVAL - 0.5 for n in range(1, 5))])
    assert [post.job_id for post in bronze.provider.posts] == ids  # first come, first served
    assert [run.states.count("WaitForSlot") for run in runs] == [0, 1, 1, 1, 1]
    assert [run.states[:3] for run in runs[1:]] == [DEFER] * 4
    assert all(0 < nap <= 1 for nap in bronze.clock.sleeps)
    assert {run.end for run in runs} == {("SUCCEEDED", None)}


def test_no_more_are_sent_in_any_minute_than_the_tier_allows(cloud: Cloud) -> None:
    cloud.configure(IMAGES_PER_MINUTE="6", JOBS_IN_FLIGHT="100")
    cloud.provider.takes(20)
    ids = request(cloud, *(str(number) for number in range(14)))

    runs = finish(cloud, ids)

    times = sent(cloud)
    assert len(times) == 14
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[6:], strict=False))
    assert max(run.states.count("WaitForSlot") for run in runs) == 1


def test_no_more_are_in_flight_than_the_tier_allows(cloud: Cloud) -> None:
    """A house that stays full longer than expected: who comes next looks again, but seldom."""
    cloud.configure(IMAGES_PER_MINUTE="60", JOBS_IN_FLIGHT="1")
    cloud.provider.takes(100)
    ids = request(cloud, *"abc")

    runs = finish(cloud, ids)

    assert all(later - earlier >= 100 for earlier, later in pairwise(sent(cloud)))
    assert [run.end for run in runs] == [("SUCCEEDED", None)] * 3
    assert max(run.states.count("WaitForSlot") for run in runs) <= 20


def test_a_batch_waits_for_those_whom_a_person_waits_for(bronze: Cloud) -> None:
    batch = request(bronze, "b1", "b2", "b3", priority="low")
    bronze.clock.at(5, lambda: request(bronze, "i1", "i2"))

    finish(bronze, batch)

    lanes = [bronze.job(post.job_id).priority for post in bronze.provider.posts]
    assert lanes == ["low", "normal", "normal", "low", "low"]


def test_callers_take_turns(bronze: Cloud) -> None:
    """Whoever asks for much does not keep out whoever asks for little."""
    request(bronze, "a1", "a2", "a3")
    body = {**REQUEST, "quality": "medium"}
    bronze.clock.at(1, lambda: bronze.call("POST", "/v1/jobs", body=body))

    bronze.machine.run_pending()

    callers = [bronze.job(post.job_id).caller for post in bronze.provider.posts]
    assert callers == ["events", "events", "key:owner", "events"]


def test_a_job_that_is_canceled_makes_room_for_those_behind_it(bronze: Cloud) -> None:
    ids = request(bronze, *"abc")
    bronze.clock.at(10, lambda: bronze.cancel(ids[1]))

    bronze.machine.run_pending()

    assert [post.job_id for post in bronze.provider.posts] == [ids[0], ids[2]]
    assert bronze.job(ids[1]).code == "canceled"
    assert bronze.look(ids[2]).states.count("WaitForSlot") == 1


def test_a_job_that_waits_and_is_canceled_last_leaves_the_others_alone(bronze: Cloud) -> None:
    ids = request(bronze, *"abc")
    bronze.clock.at(10, lambda: bronze.cancel(ids[2]))

    bronze.machine.run_pending()

    assert [post.job_id for post in bronze.provider.posts] == ids[:2]


def test_what_was_put_off_keeps_its_place(bronze: Cloud) -> None:
    bronze.provider.submits(problem(429, retry_after="90"), Taken())
    ids = request(bronze, *"abc")

    runs = finish(bronze, ids)

    assert [post.job_id for post in bronze.provider.posts] == [ids[0], *ids]
    assert sent(bronze)[0] == pytest.approx(90, abs=1)
    assert all(later - earlier >= 30 for earlier, later in pairwise(sent(bronze)))
    assert {run.end for run in runs} == {("SUCCEEDED", None)}


def test_who_waits_too_long_in_the_line_fails_unsent(bronze: Cloud) -> None:
    bronze.configure(IMAGES_PER_MINUTE="1", JOBS_IN_FLIGHT="1", MAX_QUEUE_SECONDS="100")
    ids = request(bronze, *"abcd")

    runs = finish(bronze, ids)

    ends = [run.end for run in runs]
    assert ends[:2] == [("SUCCEEDED", None)] * 2
    assert ends[2:] == [("FAILED", "provider_unavailable")] * 2
    assert [len(run.posts) for run in runs] == [1, 1, 0, 0]
    assert runs[3].events[-1][1]["charged"] == "no"
    assert runs[3].job.ended_at is not None
    assert 100 < (runs[3].job.ended_at - START).total_seconds() < 105


def test_a_line_that_is_empty_is_not_waited_in(bronze: Cloud) -> None:
    (first,) = request(bronze, "a")
    later: list[str] = []
    bronze.clock.at(120, lambda: later.extend(request(bronze, "b")))

    finish(bronze, [first])

    assert sent(bronze) == [0, 120]
    assert bronze.look(later[0]).states[:2] == SUBMIT
    assert "WaitForSlot" not in bronze.look(later[0]).states
    assert STRAIGHT[-1] == bronze.look(later[0]).states[-1]
