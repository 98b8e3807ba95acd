"""A cancel at any moment of a job, whatever dies besides: one POST, one end, nothing lost."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.ports import Done, NotDownloaded, Prediction, Submission, Unknown
from tests.fakes.crashes import Fuse, When
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TESTS, World
from tests.unit.test_crashes import (
    FILES,
    PREDICTIONS,
    SOME,
    SUBMISSIONS,
    TOOK_NOTHING,
    Machine,
    OneWayJobs,
)


@dataclass
class CancelingFuse(Fuse):
    """A fuse that has the job canceled just before a chosen call of any port."""

    at: int = 0
    world: World | None = None
    answers: list[Job | None] = field(default_factory=list)

    def around[T](self, call: Callable[[], T]) -> T:
        if self.world and self.calls >= self.at and self.world.jobs.records:
            world, self.world = self.world, None
            [job_id] = world.jobs.records
            try:
                self.answers.append(world.cancel_job()(TESTS, job_id))
            except EndedError:
                self.answers.append(None)
        return super().around(call)


def run(fuse: CancelingFuse, world: World) -> Job:
    """Take a job to its end; the cancel sees the same records by functions that do not die."""
    fuse.world = World(
        clock=world.clock, jobs=world.jobs, events=world.events, metrics=world.metrics
    )
    return Machine(world).run()


def ends(world: World) -> set[str]:
    return {event.id for event in world.events.published if not event.id.endswith(".submitted")}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    submissions=st.lists(SUBMISSIONS, min_size=1, max_size=3),
    predictions=st.lists(PREDICTIONS, min_size=1, max_size=3),
    files=FILES,
    crashes=SOME,
    at=st.integers(0, 40),
)
def test_whenever_it_is_canceled_a_job_is_posted_once_and_ends_once(
    submissions: list[Submission],
    predictions: list[Prediction],
    files: list[bytes | NotDownloaded],
    crashes: dict[int, When],
    at: int,
) -> None:
    fuse = CancelingFuse(crashes, at=at)
    world = World(jobs=OneWayJobs(), fuse=fuse)
    world.provider.submissions = submissions
    world.provider.predictions = predictions
    world.downloads.files = {OUTPUT: files}

    job = run(fuse, world)

    *before, _ = world.provider.answered or [Unknown()]
    assert all(isinstance(answer, TOOK_NOTHING) for answer in before)
    assert not job.is_open
    assert ends(world) == {f"{job.job_id}.{job.status}"}
    if any(fuse.answers):
        assert job.status is Status.FAILED, "what was canceled is not completed"


@given(st.integers(0, 30))
def test_without_a_crash_a_cancel_is_free_or_what_was_paid_for_is_there(at: int) -> None:
    fuse = CancelingFuse({}, at=at)
    world = World(jobs=OneWayJobs(), fuse=fuse)
    world.provider.predictions = [Done((OUTPUT,))]
    world.downloads.files = {OUTPUT: PNG}

    job = run(fuse, world)

    if not any(fuse.answers):  # too late, or never
        assert job.status is Status.COMPLETED
    elif world.provider.posts:
        assert (job.code, job.charge) == (Code.CANCELED, Charged.YES)
        assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]
    else:
        assert (job.code, job.charge, job.assets) == (Code.CANCELED, Charged.NO, ())
