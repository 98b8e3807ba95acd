"""Functions that die before or after any call of any port: one POST, one end, one kind of event."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import (
    Accepted,
    Broken,
    Done,
    NotDownloaded,
    NotSent,
    Prediction,
    Refused,
    Running,
    Submission,
    Throttled,
    Unknown,
    Unreadable,
)
from tests.fakes.crashes import DeadError, Fuse, When
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TEXT_TO_IMAGE, World

TRIES = 9  # of a step: the first, and MaxAttempts of its Retry
TOOK_NOTHING = (NotSent, Throttled)


@dataclass
class OneWayJobs(InMemoryJobs):
    """Records whose end is for good."""

    def update(self, job_id: str, **change: Any) -> Job | None:
        before = self.records.get(job_id)
        after = super().update(job_id, **change)
        if before and after and not before.is_open:
            assert after.status is before.status
            assert after.code is before.code
        return after


class StoppedError(Exception):
    """A step died at every try."""


@dataclass
class Machine:
    """The states of image_job.asl.yaml, over one world."""

    world: World

    def run(self) -> Job:
        """Take one job from its request to the end of its execution."""
        job = self._until_it_works(lambda: self.world.accepted(TEXT_TO_IMAGE))
        assert self.world.workflow.started == [job.job_id]
        try:
            self._execute(Step(job_id=job.job_id))
        except StoppedError:  # Fail itself died: on_execution_ended comes, as often as needed
            end = self.world.end_job()
            self._until_it_works(lambda: end.fail(job.job_id, Code.INTERNAL_ERROR))
        return self.world.job(job.job_id)

    def _execute(self, step: Step) -> None:
        world = self.world
        state: Callable[[Step], Step] = world.submit_job()
        for _ in range(1000):
            try:
                step = self._retried(state, step)
            except StoppedError:
                step = step.model_copy(update={"code": Code.INTERNAL_ERROR})
                break
            world.clock.advance(step.wait_seconds)
            match step.outcome:
                case Outcome.DEFERRED:
                    state = world.submit_job()
                case Outcome.SUBMITTED | Outcome.PROCESSING:
                    state = world.check_job()
                case Outcome.COMPLETED:
                    state = world.finalize_job()
                case Outcome.STORED:
                    return
                case _:
                    break
        else:
            raise AssertionError("the machine does not end")
        code = step.code or Code.INTERNAL_ERROR
        self._retried(lambda last: self._fail(last, code), step)

    def _fail(self, step: Step, code: Code) -> Step:
        self.world.end_job().fail(step.job_id, code)
        return step

    def _retried(self, state: Callable[[Step], Step], step: Step) -> Step:
        for _ in range(TRIES):
            try:
                return state(step)
            except DeadError:
                self.world.clock.advance(1)
        raise StoppedError

    def _until_it_works[T](self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except DeadError:
                continue


SUBMISSIONS: st.SearchStrategy[Submission] = st.sampled_from(
    [Accepted(PREDICTION), NotSent(), Throttled(5), Throttled(None), Unknown(),
     Refused(Code.MODERATED, "no")]
)  # fmt: skip
PREDICTIONS: st.SearchStrategy[Prediction] = st.sampled_from(
    [Done((OUTPUT,)), Running("processing", known=True), Running("odd", known=False),
     Unreadable(Code.PROVIDER_UNAVAILABLE, ""), Broken(Code.PROVIDER_FAILED, "no")]
)  # fmt: skip
FILES = st.lists(
    st.sampled_from([PNG, NotDownloaded(Code.ASSET_UNAVAILABLE, "")]), min_size=1, max_size=4
)
WHEN: st.SearchStrategy[When] = st.sampled_from(["before", "after"])
SOME = st.dictionaries(st.integers(0, 40), WHEN, max_size=6)
# A run of crashes exhausts a step's tries.
MANY = st.builds(
    lambda start, length, when: dict.fromkeys(range(start, start + length), when),
    st.integers(0, 25),
    st.integers(1, 40),
    WHEN,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    submissions=st.lists(SUBMISSIONS, min_size=1, max_size=4),
    predictions=st.lists(PREDICTIONS, min_size=1, max_size=5),
    files=FILES,
    crashes=SOME | MANY,
)
@example([Accepted(PREDICTION)], [Done((OUTPUT,))], [PNG], {6: "after"})
def test_whatever_dies_a_job_is_posted_once_and_ends_once(
    submissions: list[Submission],
    predictions: list[Prediction],
    files: list[bytes | NotDownloaded],
    crashes: dict[int, When],
) -> None:
    world = World(jobs=OneWayJobs(), fuse=Fuse(crashes))
    world.provider.submissions = submissions
    world.provider.predictions = predictions
    world.downloads.files = {OUTPUT: files}

    job = Machine(world).run()

    *before, _ = world.provider.answered or [Unknown()]
    assert all(isinstance(answer, TOOK_NOTHING) for answer in before)
    assert not job.is_open
    ends = {event.id for event in world.events.published if not event.id.endswith(".submitted")}
    assert ends == {f"{job.job_id}.{job.status}"}
    assert (job.code is None) == (job.status is Status.COMPLETED)
    if job.status is Status.COMPLETED:
        assert list(world.assets.files.values()) == [PNG]
    elif any(isinstance(answer, Accepted | Unknown) for answer in world.provider.answered):
        assert job.was_sent, "what may be paid for is not called free"


@given(st.integers(0, 30), WHEN)
def test_one_crash_anywhere_costs_at_most_the_job_and_usually_not_even_that(
    at: int, when: When
) -> None:
    world = World(fuse=Fuse({at: when}))
    world.downloads.files = {OUTPUT: PNG}

    job = Machine(world).run()

    assert len(world.provider.posts) <= 1
    # Only a death between the two writes around the POST leaves its outcome unknown.
    assert job.status is Status.COMPLETED or job.code is Code.SUBMISSION_UNKNOWN


def test_only_a_death_around_the_post_is_not_recovered_from() -> None:
    lost = []
    for at in range(30):
        for when in ("before", "after"):
            world = World(fuse=Fuse({at: when}))
            world.downloads.files = {OUTPUT: PNG}
            if Machine(world).run().status is Status.FAILED:
                lost.append((at, when))

    # 0-2 create, 3 get, 4 prepare, 5 queued -> submitting, 6 the POST, 7 submitting -> submitted.
    assert lost == [(5, "after"), (6, "before"), (6, "after"), (7, "before")]
