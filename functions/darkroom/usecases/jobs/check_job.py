"""Check: read a prediction from the provider, and decide when to poll again."""

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never

from darkroom.domain import polling
from darkroom.domain.breaker import Health
from darkroom.domain.durations import estimate_duration
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
from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker

# Unknown statuses that may become a metric dimension; the text comes from the provider.
_STATUS_WORD = re.compile(r"[a-z_]{1,24}")


@dataclass(frozen=True)
class CheckJob:
    """Advance a job by the provider's response and by the job's deadline.

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
        """Return the step with its outcome. Idempotent."""
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
                return self._poll(step, job)
            case _:
                assert_never(job.status)

    def _poll(self, step: Step, job: Job) -> Step:
        poll_until = self.now() + timedelta(seconds=self.check_poll_seconds)
        while True:
            prediction = self.provider.check(job.prediction_id or "")
            if isinstance(prediction, Running) and job.provider_completed_at is not None:
                # A finished prediction cannot run again, so this response is ignored.
                prediction = Unreadable(Code.PROVIDER_UNAVAILABLE, "the prediction went backwards")
            elapsed = self._elapsed(job)
            match prediction:
                case Succeeded():
                    return self._succeeded(step, job, elapsed)
                case Failed():
                    return self._failed(step, job, prediction)
                case Unreadable() | Running():
                    step = step.polled(elapsed, was_read=isinstance(prediction, Running))
                    next_poll = self._next_poll(step, job, prediction, elapsed)
                case _:
                    assert_never(prediction)
            if isinstance(next_poll, Step):
                return self._record(next_poll, job)
            if self.now() + timedelta(seconds=next_poll) > poll_until:
                wait = polling.unreadable_wait(step.unreadable) if step.unreadable else None
                remaining = self._remaining(job, elapsed)
                if wait:
                    wait_seconds = polling.clip_wait(wait, remaining)
                else:
                    wait_seconds = polling.next_wait(elapsed, remaining)
                return self._record(step.processing(wait_seconds), job)
            self.sleep(next_poll)

    def _succeeded(self, step: Step, job: Job, elapsed: float) -> Step:
        step = step.model_copy(update={"checks": step.checks + 1, "unreadable": 0})
        if job.provider_completed_at is not None:
            return self._record(step.ready(), job)
        duration = estimate_duration(step.running, elapsed)
        if job.woken_at is not None:
            duration = (job.woken_at - (job.submitted_at or job.accepted_at)).total_seconds()
        self.metrics.count("ProviderDuration", duration, "Seconds")
        self.metrics.count("DetectionLag", max(0.0, elapsed - duration), "Seconds")
        step = step.ready()
        # The provider can run another job from now on: release the in-flight slot before the copy.
        self.jobs.transact(
            job.job_id,
            [QueueChange(in_flight_delta=-1, shard=job.queue_shard)],
            when=OPEN,
            absent="provider_completed_at",
            provider_completed_at=self.now(),
            took_seconds=round(duration, 3),
            **self._poll_fields(step, job),
        )
        return step

    def _failed(self, step: Step, job: Job, prediction: Failed) -> Step:
        step = step.model_copy(update={"checks": step.checks + 1, "unreadable": 0})
        failed = self._record(
            step.failed(prediction.code),
            job,
            detail=prediction.detail or None,
            charged=prediction.charged,
        )
        if prediction.code is Code.INSUFFICIENT_CREDITS:  # this would fail every job
            self.breaker(job.queue_shard, Health.BLOCKED, prediction.code)
        return failed

    def _record(self, step: Step, job: Job, **fields: Any) -> Step:
        """Store `fields` and the poll count in the job record; return `step`."""
        self.jobs.update(job.job_id, when=OPEN, **fields, **self._poll_fields(step, job))
        return step

    def _poll_fields(self, step: Step, job: Job) -> dict[str, Any]:
        fields = {"checks": step.checks, "wake_token": None}
        if job.woken_at is not None:
            # This check handles that webhook. A webhook that arrives after the record was read
            # stays recorded for the next check.
            fields["woken_at"] = None
        return fields

    def _next_poll(
        self, step: Step, job: Job, prediction: Unreadable | Running, elapsed: float
    ) -> Step | float:
        """Return the step that ends this check, or the seconds until the next in-function poll."""
        remaining = self._remaining(job, elapsed)
        if remaining <= 0:
            return step.failed(Code.DEADLINE_EXCEEDED)
        if isinstance(prediction, Unreadable):
            self.metrics.count("UnreadableChecks")
            self.metrics.count("ProviderUnreachable")
            if step.unreadable >= polling.MAX_UNREADABLE:
                return step.failed(prediction.code)
            return min(polling.unreadable_wait(step.unreadable), remaining)
        if not prediction.known:
            # An operator has to add the status; until then the deadline bounds the job.
            status = prediction.status if _STATUS_WORD.fullmatch(prediction.status) else "other"
            self.metrics.count("UnknownStatuses", status=status)
        expected = job.expectation(self.duration_scale)
        if step.webhook:
            wait_seconds = polling.webhook_wait(elapsed, expected, remaining)
            return step.processing(0).wait_for_webhook(wait_seconds)
        return min(polling.poll_interval(elapsed, expected), remaining)

    def _elapsed(self, job: Job) -> float:
        return (self.now() - (job.submitted_at or job.accepted_at)).total_seconds()

    def _remaining(self, job: Job, elapsed: float) -> float:
        """Return the seconds until the deadline, infinite if the prediction has finished.

        A finished prediction is paid for, so only repeated unreadable responses give it up.
        """
        is_finished = job.provider_completed_at is not None
        return math.inf if is_finished else job.deadline_seconds - elapsed
