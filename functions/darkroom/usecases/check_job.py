"""Check: ask the provider how a prediction stands, and decide when to look again."""

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never

from darkroom.domain import polling
from darkroom.domain.breaker import Health
from darkroom.domain.durations import estimate
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import (
    Clock,
    Failed,
    Jobs,
    Metrics,
    Provider,
    QueueChange,
    Running,
    Sleep,
    Succeeded,
    Unreadable,
)
from darkroom.usecases.circuit_breaker import CircuitBreaker

# What is shown of a status that nobody knows: it is the provider's text.
_WORD = re.compile(r"[a-z_]{1,24}")


@dataclass(frozen=True)
class CheckJob:
    """Move a job by the provider's own answer, and by its deadline.

    Without a webhook, one run polls the prediction repeatedly for up to `check_poll_seconds`,
    because polling in the function costs less than returning to the state machine.
    """

    jobs: Jobs
    provider: Provider
    breaker: CircuitBreaker
    metrics: Metrics
    now: Clock
    sleep: Sleep
    duration_scale: float
    check_poll_seconds: float

    def __call__(self, step: Step) -> Step:
        """Return the outcome; safe to repeat."""
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.failed(Code.INTERNAL_ERROR)
        match job.status:
            case Status.COMPLETED:
                return step.stored()
            case Status.FAILED:
                return step.failed(job.code or Code.INTERNAL_ERROR)
            case Status.QUEUED | Status.SUBMITTING:
                raise LookupError(f"the job is {job.status}: there is nothing to check")
            case Status.SUBMITTED:
                return self._check(step, job)
            case _:
                assert_never(job.status)

    def _check(self, step: Step, job: Job) -> Step:
        until = self.now() + timedelta(seconds=self.check_poll_seconds)
        while True:
            answer = self.provider.check(job.prediction_id or "")
            if isinstance(answer, Running) and job.provider_completed_at is not None:
                # What has finished cannot run again: this answer tells nothing.
                answer = Unreadable(Code.PROVIDER_UNAVAILABLE, "the prediction went backwards")
            elapsed = self._elapsed(job)
            match answer:
                case Succeeded():
                    return self._succeeded(step, job, elapsed)
                case Failed():
                    return self._failed(step, job, answer)
                case Unreadable() | Running():
                    step = step.polled(elapsed, was_read=isinstance(answer, Running))
                    pause = self._again(step, job, answer, elapsed)
                case _:
                    assert_never(answer)
            if isinstance(pause, Step):
                return self._leave(pause, job)
            if self.now() + timedelta(seconds=pause) > until:
                wait = polling.unreadable_wait(step.unreadable) if step.unreadable else None
                left = self._left(job, elapsed)
                outside = polling.clip(wait, left) if wait else polling.next_wait(elapsed, left)
                return self._leave(step.processing(outside), job)
            self.sleep(pause)

    def _succeeded(self, step: Step, job: Job, elapsed: float) -> Step:
        step = step.model_copy(update={"checks": step.checks + 1, "unreadable": 0})
        if job.provider_completed_at is not None:
            return self._leave(step.ready(), job)
        took = estimate(step.running, elapsed)
        if job.woken_at is not None:
            took = (job.woken_at - (job.submitted_at or job.accepted_at)).total_seconds()
        self.metrics.count("ProviderDuration", took, "Seconds")
        self.metrics.count("DetectionLag", max(0.0, elapsed - took), "Seconds")
        step = step.ready()
        # The provider has room for another from now on, whatever the copy takes.
        self.jobs.transact(
            job.job_id,
            [QueueChange(in_flight_delta=-1, shard=job.queue_shard)],
            when=OPEN,
            absent="provider_completed_at",
            provider_completed_at=self.now(),
            took_seconds=round(took, 3),
            **self._left_behind(step, job),
        )
        return step

    def _failed(self, step: Step, job: Job, answer: Failed) -> Step:
        step = step.model_copy(update={"checks": step.checks + 1, "unreadable": 0})
        after = self._leave(
            step.failed(answer.code), job, detail=answer.detail or None, charged=answer.charged
        )
        if answer.code is Code.INSUFFICIENT_CREDITS:  # the next job would be told as well
            self.breaker(job.queue_shard, Health.BLOCKED, answer.code)
        return after

    def _leave(self, step: Step, job: Job, **seen: Any) -> Step:
        self.jobs.update(job.job_id, when=OPEN, **seen, **self._left_behind(step, job))
        return step

    def _left_behind(self, step: Step, job: Job) -> dict[str, Any]:
        seen = {"checks": step.checks, "wake_token": None}
        if job.woken_at is not None:
            # It has had its effect: this very check. One that comes meanwhile is for the next.
            seen["woken_at"] = None
        return seen

    def _again(
        self, step: Step, job: Job, answer: Unreadable | Running, elapsed: float
    ) -> Step | float:
        """Return how to go on, or the seconds after which to look again right here."""
        left = self._left(job, elapsed)
        if left <= 0:
            return step.failed(Code.DEADLINE_EXCEEDED)
        if isinstance(answer, Unreadable):
            self.metrics.count("UnreadableChecks")
            self.metrics.count("ProviderUnreachable")
            if step.unreadable >= polling.MAX_UNREADABLE:
                return step.failed(answer.code)
            return min(polling.unreadable_wait(step.unreadable), left)
        if not answer.known:
            # Someone has to look at it; the deadline bounds it meanwhile.
            word = answer.status if _WORD.fullmatch(answer.status) else "other"
            self.metrics.count("UnknownStatuses", status=word)
        kind = job.expectation(self.duration_scale)
        if step.webhook:
            return step.processing(0).wait_for_webhook(polling.webhook_wait(elapsed, kind, left))
        return min(polling.pause(elapsed, kind), left)

    def _elapsed(self, job: Job) -> float:
        return (self.now() - (job.submitted_at or job.accepted_at)).total_seconds()

    def _left(self, job: Job, elapsed: float) -> float:
        """Return the seconds to the deadline.

        What is known to be finished is paid for: only unreadable answers end the waiting then.
        """
        finished = job.provider_completed_at is not None
        return math.inf if finished else job.deadline_seconds - elapsed
