"""RecoverJob: paid for means kept, also when the job had been given up by then."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobRecovered
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Failed, NotDownloaded, Succeeded
from tests.fakes.account import Account, Take
from tests.fakes.crashes import DeadError, When
from tests.fakes.invariants import assert_budgets, assert_claims, assert_counts, assert_ended
from tests.fakes.machine import Machine, deployment
from tests.fakes.pictures import JPEG, PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World
from tests.unit.test_sweep_jobs import stranded

SECOND = "https://cdn.test/output/1.png"
CAPS = {"STACK": 10**9}


def slow(seconds: float) -> tuple[World, Account, Job]:
    """A job whose prediction takes longer than its deadline."""
    world, account = deployment(stack_budget=10**9)
    account.seconds = seconds
    job = world.accepted()
    Machine(world).run()
    assert world.job(job.job_id).code is Code.DEADLINE_EXCEEDED
    return world, account, job


def sweeps(world: World, job: Job) -> list[float]:
    """Sweep each time that it is due, until it is not any more; return after how many seconds."""
    ended_at, at = world.job(job.job_id).ended_at, []
    assert ended_at is not None
    while sweep_after := world.job(job.job_id).sweep_after:
        world.clock.time = max(world.clock.time, sweep_after)
        at.append((world.clock() - ended_at).total_seconds())
        world.sweep_jobs()()
    return at


def assert_recovered(world: World, job: Job, data: bytes = PNG) -> None:
    """Its picture is there, it was told, and its end stays what it was."""
    stored = world.job(job.job_id)
    assert stored.status is Status.FAILED
    assert [world.assets.files[asset.key] for asset in stored.assets] == [data]
    assert stored.charge is Charged.YES
    assert f"{stored.prefix}/manifest.json" in world.assets.documents
    [event] = world.events.named("JobRecovered")
    assert isinstance(event, JobRecovered)
    assert (event.id, event.code) == (f"{job.job_id}.recovered", stored.code)
    assert event.assets == stored.assets
    assert event.uris == tuple(f"s3://assets/{asset.key}" for asset in stored.assets)
    assert stored.sweep_after is None
    assert_ended(world)
    assert_counts(world.jobs)
    assert_claims(world.jobs)
    if stored.reservations:
        assert_budgets(world.jobs, CAPS)


def test_a_result_that_comes_after_the_deadline_is_filed_and_told() -> None:
    world, account, job = slow(2000)

    sweeps(world, job)

    assert_recovered(world, job)
    assert len(account.posts) == 1
    assert world.metrics.total("JobsRecovered") == 1


@pytest.mark.parametrize("lag", [121, 1200, 86_400])
def test_a_post_that_was_called_unknown_is_found_when_the_list_has_it(lag: int) -> None:
    world, account = deployment()
    account.takes, account.lag = [Take.LOST], timedelta(seconds=lag)
    job = world.accepted()
    Machine(world).run()
    assert world.job(job.job_id).code is Code.SUBMISSION_UNKNOWN

    sweeps(world, job)

    assert_recovered(world, job)


def give_up_unreadable(world: World, account: Account) -> None:
    account.answers = False


def give_up_undownloadable(world: World, account: Account) -> None:
    world.downloads.files = {OUTPUT: NotDownloaded(Code.ASSET_UNAVAILABLE, "")}  # type: ignore[dict-item]


@pytest.mark.parametrize("trouble", [give_up_unreadable, give_up_undownloadable])
def test_what_could_not_be_read_or_copied_is_there_when_it_can(
    trouble: Callable[[World, Account], None],
) -> None:
    world, account = deployment()
    trouble(world, account)
    job = world.accepted()
    Machine(world).run()
    assert world.job(job.job_id).status is Status.FAILED
    assert world.sweep_jobs()() == {}
    world.clock.advance(120)
    assert world.sweep_jobs()() == {"left": [job.job_id]}

    account.answers = True
    world.downloads.files = {OUTPUT: PNG}
    sweeps(world, job)

    assert_recovered(world, job)


def test_an_output_of_several_that_could_not_be_copied_is_there_when_it_can() -> None:
    world, account = deployment()
    account.ends = [Succeeded((OUTPUT, SECOND))]
    world.downloads.files |= {SECOND: [NotDownloaded(Code.ASSET_UNAVAILABLE, "")]}
    job = world.accepted()
    Machine(world).run()
    assert len(world.job(job.job_id).assets) == 1

    world.downloads.files |= {SECOND: JPEG}
    sweeps(world, job)

    stored = world.job(job.job_id)
    assert [world.assets.files[asset.key] for asset in stored.assets] == [PNG, JPEG]
    assert len(world.events.named("JobRecovered")) == 1


def test_a_stopped_jobs_picture_is_kept_too() -> None:
    world, account = deployment()
    job = world.accepted()
    machine = Machine(world)
    machine.run(5)
    machine.stop(job.job_id)
    assert world.job(job.job_id).code is Code.CANCELED

    sweeps(world, job)

    assert_recovered(world, job)
    assert len(account.posts) == 1


@pytest.mark.parametrize("charged", [None, Charged.MAYBE, Charged.YES])
def test_what_failed_at_the_provider_after_all_rests_and_is_told_to_nobody(
    charged: Charged | None,
) -> None:
    world, account, job = slow(2000)
    account.made[0].end = Failed(Code.MODERATED, "refused", charged)
    told = list(world.events.published)

    assert len(sweeps(world, job)) >= 1

    stored = world.job(job.job_id)
    assert (stored.code, stored.detail) == (Code.DEADLINE_EXCEEDED, "refused")
    assert stored.charge is (charged or Charged.MAYBE)
    assert world.events.published == told
    assert_budgets(world.jobs, CAPS)


@pytest.mark.parametrize("has_prediction", [True, False])
def test_the_looks_grow_rarer_and_end_after_four_days(has_prediction: bool) -> None:
    world, account = deployment()
    account.takes = [] if has_prediction else [Take.NEVER]
    account.seconds = 10**9
    job = world.accepted()
    Machine(world).run()

    looks = sweeps(world, job)

    pauses = [later - sooner for sooner, later in pairwise(looks)]
    assert looks[0] == 120
    assert pauses == [60 * minutes for minutes in (5, 15, 60, 240, 720, 1440, 2880)]
    assert world.job(job.job_id).sweep_after is None
    assert world.events.named("JobRecovered") == []
    assert_ended(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(18))
def test_a_crash_anywhere_files_once_and_tells_one_event_id(at: int, when: When) -> None:
    world, account = deployment()
    account.takes, account.lag = [Take.LOST], timedelta(seconds=130)
    job = world.accepted()
    Machine(world).run()
    world.clock.advance(130)
    world.crash_at.plan = {world.crash_at.calls + at: when}
    for _ in range(20):
        try:
            world.sweep_jobs()()
        except DeadError:
            world.downloads.files = {OUTPUT: PNG + b"other"}
        world.clock.advance(60)

    [data] = world.assets.files.values()  # the first bytes that came, whatever came later
    assert {event.id for event in world.events.named("JobRecovered")} == {f"{job.job_id}.recovered"}
    [asset] = world.job(job.job_id).assets
    assert asset.size == len(data)
    assert world.job(job.job_id).sweep_after is None
    assert_ended(world)


def test_a_job_whose_post_was_refused_takes_no_twins_prediction() -> None:
    world, account = deployment()
    refused, twin = world.accepted(key="refused"), world.accepted(key="twin")
    world.acquire_slot()(refused, ())
    world.end_job().fail(refused.job_id, Code.UNAUTHORIZED)  # a 403: not this model
    account.takes, account.lists = [Take.LOST], False
    account.asking = twin.job_id
    step = world.submit_job()(Step(job_id=twin.job_id))
    account.lists = True
    world.clock.advance(120)

    world.sweep_jobs()()
    world.submit_job()(step)

    assert world.job(twin.job_id).prediction_id == "p-1"
    assert world.job(refused.job_id).prediction_id is None


def test_a_job_that_nothing_is_known_of_finds_nothing_that_is_anothers() -> None:
    world, account, job = stranded(Status.SUBMITTING, None)
    world.clock.advance(1200)
    world.sweep_jobs()()
    account.lists = True
    world.jobs.claims.owners["p-1"] = "another"

    sweeps(world, job)

    assert world.job(job.job_id).prediction_id is None
    assert world.assets.files == {}
