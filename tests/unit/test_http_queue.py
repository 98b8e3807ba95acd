"""GET /v1/jobs: the places of queued jobs, and why they wait."""

import pytest

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import RateLimit
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Client, submit_job


def waiting_jobs(ada: Client, count: int) -> list[str]:
    """Create jobs, of which the first is submitted and the others wait; return the others."""
    ids = [ada.accept_job().job_id for _ in range(count + 1)]
    for job_id in ids:
        submit_job(ada.world, job_id)
    return ids[1:]


@pytest.fixture
def ada() -> Client:
    """Return a client of a deployment that submits five images a minute."""
    return Client(World(rate_limit=RateLimit(5, 1)))


def test_queued_jobs_have_their_places(ada: Client) -> None:
    second, third, fourth = waiting_jobs(ada, 3)

    places = [ada.get(f"{V1_JOBS}/{job_id}").json["queue"] for job_id in (second, third, fourth)]

    assert [place["position"] for place in places] == [1, 2, 3]
    waits = [place["wait_seconds"] for place in places]
    assert waits == sorted(waits)
    assert waits[0] < waits[2]
    assert {(place["reason"], place["message"]) for place in places} == {(None, None)}
    listed = {job["job_id"]: job["queue"] for job in ada.get(V1_JOBS).json["jobs"]}
    assert [listed[job_id] for job_id in (second, third, fourth)] == places
    assert sum(place is not None for place in listed.values()) == 3


@pytest.mark.parametrize(
    ("provider", "reason", "message"),
    [
        (
            ProviderState(trips=1, open_until=2e9, reason=Code.INSUFFICIENT_CREDITS),
            "insufficient_credits",
            "out of credit",
        ),
        (
            ProviderState(trips=1, open_until=2e9, reason=Code.PROVIDER_UNAVAILABLE),
            "unreachable",
            "does not answer",
        ),
        (ProviderState(paused_until=4e9), "rate_limited", "rate limit"),
    ],
)
def test_reason_of_the_wait_is_shown(
    ada: Client, provider: ProviderState, reason: str, message: str
) -> None:
    (job_id,) = waiting_jobs(ada, 1)
    ada.world.jobs.queue.provider = provider

    place = ada.get(f"{V1_JOBS}/{job_id}").json["queue"]

    assert place["reason"] == reason
    assert message in place["message"]
    assert (place["wait_seconds"] is None) == (reason != "rate_limited")


def test_pause_by_an_admin_comes_before_other_reasons(ada: Client) -> None:
    (job_id,) = waiting_jobs(ada, 1)
    ada.world.jobs.queue.provider = ProviderState(paused_until=4e9)
    ada.world.flag_store.set(submits=False)

    place = ada.get(f"{V1_JOBS}/{job_id}").json["queue"]

    assert (place["reason"], place["wait_seconds"]) == ("paused", None)
    assert "until an admin resumes" in place["message"]
