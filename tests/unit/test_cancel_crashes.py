"""A cancel at any moment of a job, whatever dies besides: one POST, one end, nothing lost."""

from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import NotDownloaded, Prediction
from tests.fakes.account import Account, Take
from tests.fakes.crashes import Interruption, When
from tests.fakes.machine import Machine, deployment, persistently
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TESTS, World
from tests.unit.test_crashes import ENDS, FILES, SOME, TAKES, assert_whole


def canceling(at: int, crashes: dict[int, When]) -> tuple[World, Account, list[Job]]:
    """A deployment in which a job is canceled just before some call, and what that answers."""
    crash_at = Interruption(crashes, at=at)
    world, account = deployment(crash_at=crash_at, rate_limit=RateLimit(2, 2))
    world.accepted(key="another")
    crash_at.at += crash_at.calls
    answers: list[Job] = []

    def cancel() -> None:
        job_id = list(world.jobs.records)[-1]
        with suppress(EndedError):
            answers.append(world.beside().cancel_job()(TESTS, job_id))

    crash_at.act = cancel
    return world, account, answers


def run(world: World) -> Job:
    job = persistently(world.accepted)
    Machine(world).run()
    return world.job(job.job_id)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(takes=TAKES, end=ENDS, files=FILES, crashes=SOME, at=st.integers(3, 60))
def test_whenever_it_is_canceled_a_job_is_posted_once_and_ends_once(
    takes: list[Take],
    end: Prediction,
    files: list[bytes | NotDownloaded],
    crashes: dict[int, When],
    at: int,
) -> None:
    world, account, answers = canceling(at, {3 + call: when for call, when in crashes.items()})
    account.takes, account.ends = takes, [end]
    world.downloads.files = {OUTPUT: files}

    run(world)

    assert all(account.possibly_taken(job_id) <= 1 for job_id in world.jobs.records)
    assert_whole(world)
    for answer in answers:
        assert world.job(answer.job_id).status is Status.FAILED, (
            "what was canceled is not completed"
        )


@given(st.integers(3, 50))
def test_without_a_crash_a_cancel_is_free_or_what_was_paid_for_is_there(at: int) -> None:
    world, account, answers = canceling(at, {})

    run(world)

    assert_whole(world)
    for job in world.jobs.records.values():
        if job.job_id not in {answer.job_id for answer in answers}:
            assert job.status is Status.COMPLETED
        elif account.possibly_taken(job.job_id):
            assert (job.code, job.charge) == (Code.CANCELED, Charged.YES)
            assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]
        else:
            assert (job.code, job.charge, job.assets) == (Code.CANCELED, Charged.NO, ())
