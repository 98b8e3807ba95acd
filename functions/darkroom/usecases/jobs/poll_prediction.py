"""Poll a prediction once, and record what the provider's answer means for its job."""

import re
from dataclasses import dataclass
from typing import Any, assert_never

from darkroom.domain import polling
from darkroom.domain.breaker import Health
from darkroom.domain.durations import ExpectedDuration, estimate_duration
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import (
    Clock,
    Failed,
    Jobs,
    Metrics,
    Provider,
    Running,
    Succeeded,
    Unreadable,
)
from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker
from darkroom.usecases.jobs.release_slot import release_slot

# Unknown statuses that may become a metric dimension; the text comes from the provider.
_STATUS_WORD = re.compile(r"[a-z_]{1,24}")

# Seconds since the submission, the expected duration, and seconds until the deadline.
type Progress = tuple[float, ExpectedDuration, float]


@dataclass(frozen=True)
class Finished:
    """The prediction has finished, and its slot is released."""

    step: Step
    job: Job
    outputs: tuple[str, ...]  # URLs


@dataclass(frozen=True)
class Unfinished:
    """The prediction still runs, or the answer was unreadable. The poll is not recorded yet.

    Poll again after `seconds` in this function, or after the wait of `step` in the state machine.
    """

    step: Step
    seconds: float
    progress: Progress

    @property
    def is_running(self) -> bool:
        """Whether the answer was readable."""
        return self.step.unreadable == 0


@dataclass(frozen=True)
class PollPrediction:
    """Advance a job by one answer of the provider and by the job's deadline."""

    jobs: Jobs
    provider: Provider
    breaker: CircuitBreaker
    metrics: Metrics
    now: Clock
    duration_scale: float

    def run(self, step: Step, job: Job) -> Finished | Unfinished | Step:
        """Return the answer; the failed step if the job cannot succeed any more. Idempotent."""
        if job.status is not Status.SUBMITTED:
            raise LookupError(f"the job is {job.status}: it has no prediction to poll")
        prediction = self.provider.check(job.prediction_id or "")
        if isinstance(prediction, Running) and job.provider_completed_at is not None:
            # A finished prediction cannot run again, so this response is ignored.
            prediction = Unreadable(Code.PROVIDER_UNAVAILABLE, "the prediction went backwards")
        progress = job.progress(self.now(), self.duration_scale)
        match prediction:
            case Succeeded():
                return self._succeeded(step, job, prediction, progress)
            case Failed():
                return self._failed(step.polled(), job, prediction)
            case Running():
                return self._running(step.polled_running(progress[0]), job, prediction, progress)
            case Unreadable():
                return self._unreadable(step.polled_unreadable(), job, prediction, progress)
            case _:
                assert_never(prediction)

    def record(self, step: Step, job: Job, **fields: Any) -> Step:
        """Store `fields` and the poll count in the job record; return `step`."""
        self.jobs.update(job.job_id, when=OPEN, **fields, **_poll_fields(step, job))
        return step

    def _succeeded(
        self, step: Step, job: Job, prediction: Succeeded, progress: Progress
    ) -> Finished:
        if job.provider_completed_at is not None:  # recorded and counted by an earlier poll
            step = step.model_copy(update={"unreadable": 0})
            return Finished(step.ready(), job, prediction.outputs)
        step, elapsed = step.polled(), progress[0]
        duration = estimate_duration(step.running, elapsed)
        if job.woken_at is not None:
            duration = (job.woken_at - (job.submitted_at or job.accepted_at)).total_seconds()
        self.metrics.count("ProviderDuration", duration, "Seconds")
        self.metrics.count("DetectionLag", max(0.0, elapsed - duration), "Seconds")
        # The provider can run another job from now on: release the slot before the copy.
        finished = release_slot(
            self.jobs,
            job,
            when=OPEN,
            provider_completed_at=self.now(),
            took_seconds=round(duration, 3),
            **_poll_fields(step, job),
        )
        job = finished if isinstance(finished, Job) else job
        return Finished(step.ready(), job, prediction.outputs)

    def _failed(self, step: Step, job: Job, prediction: Failed) -> Step:
        failed = self.record(
            step.failed(prediction.code),
            job,
            detail=prediction.detail or None,
            charged=prediction.charged,
        )
        if prediction.code is Code.INSUFFICIENT_CREDITS:  # this would fail every job
            self.breaker.run(job, Health.BLOCKED, prediction.code)
        return failed

    def _running(
        self, step: Step, job: Job, prediction: Running, progress: Progress
    ) -> Unfinished | Step:
        elapsed, expected, remaining = progress
        if remaining <= 0:
            return self.record(step.failed(Code.DEADLINE_EXCEEDED), job)
        if not prediction.known:
            # An operator has to add the status; until then the deadline bounds the job.
            status = prediction.status if _STATUS_WORD.fullmatch(prediction.status) else "other"
            self.metrics.count("UnknownStatuses", status=status)
        seconds = min(polling.poll_interval(elapsed, expected), remaining)
        return Unfinished(step.processing(polling.next_wait(elapsed, remaining)), seconds, progress)

    def _unreadable(
        self, step: Step, job: Job, prediction: Unreadable, progress: Progress
    ) -> Unfinished | Step:
        remaining = progress[2]
        if remaining <= 0:
            return self.record(step.failed(Code.DEADLINE_EXCEEDED), job)
        self.metrics.count("UnreadableChecks")
        self.metrics.count("ProviderUnreachable")
        if step.unreadable >= polling.MAX_UNREADABLE:
            return self.record(step.failed(prediction.code), job)
        seconds = min(polling.unreadable_wait(step.unreadable), remaining)
        return Unfinished(step.processing(polling.clip_wait(seconds, remaining)), seconds, progress)


def _poll_fields(step: Step, job: Job) -> dict[str, Any]:
    fields = {"checks": step.checks, "wake_token": None}
    if job.woken_at is not None:
        # This poll handles that webhook. A webhook that arrives after the record was read stays
        # recorded for the next poll.
        fields["woken_at"] = None
    return fields
