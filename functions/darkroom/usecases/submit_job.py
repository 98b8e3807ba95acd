"""Submit: hand a job to the provider, at most once."""

import math
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from darkroom.domain import events, polling
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.references import Url
from darkroom.domain.steps import Step
from darkroom.ports import (
    Accepted,
    Clock,
    Events,
    Jobs,
    NotSent,
    Provider,
    References,
    Refused,
    Throttled,
    Unknown,
)

# Beyond the deadline, for the provider's queue and its own retries of the download.
_PRESIGN_MARGIN = 3600


@dataclass(frozen=True)
class SubmitJob:
    """Send the POST if it is proven that none was sent before, and say how it went."""

    jobs: Jobs
    references: References
    provider: Provider
    events: Events
    now: Clock
    max_queue: timedelta
    duration_scale: float

    def __call__(self, step: Step) -> Step:
        """Return the outcome; safe to repeat: a re-run never sends a second POST."""
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.failed(Code.INTERNAL_ERROR)
        match job.status:
            case Status.QUEUED:
                return self._submit(step, job)
            case Status.SUBMITTING:
                # A POST was begun and nobody knows how it ended: the function died in between.
                return step.failed(Code.SUBMISSION_UNKNOWN)
            case Status.SUBMITTED:
                return self._submitted(step, job)
            case Status.COMPLETED:
                return step.stored()
            case Status.FAILED:
                return step.failed(job.code or Code.INTERNAL_ERROR)
            case _:
                assert_never(job.status)

    def _submit(self, step: Step, job: Job) -> Step:
        if job.canceled_at is not None:  # while a POST was under way that then took nothing
            return step.failed(Code.CANCELED)
        if self.now() - job.accepted_at > self.max_queue:
            return step.failed(Code.PROVIDER_UNAVAILABLE)
        model_input = self._input(job)
        self.provider.prepare()
        attempts = job.submit_attempts + 1
        if not self._begin(job, attempts):  # somebody else moved the job since it was read
            return self(step)
        answer = self.provider.submit(job.model, model_input)
        match answer:
            case Accepted():
                return self._accepted(step, answer.prediction_id)
            case NotSent():
                return self._defer(step, polling.unsent_wait(attempts))
            case Throttled():
                wait = polling.throttled_wait(answer.retry_after, job.job_id, attempts)
                return self._defer(step, wait)
            case Refused():
                self.jobs.update(job.job_id, when=OPEN, detail=answer.detail or None)
                return step.failed(answer.code)
            case Unknown():
                return step.failed(Code.SUBMISSION_UNKNOWN)
            case _:
                assert_never(answer)

    def _begin(self, job: Job, attempts: int) -> bool:
        """Move the record to `submitting`; True if it was this run that did."""
        token = uuid.uuid4().hex
        begun = self.jobs.update(
            job.job_id,
            when=[Status.QUEUED],
            status=Status.SUBMITTING,
            submitting_at=self.now(),
            submit_attempts=attempts,
            submit_token=token,
        )
        # The SDK repeats a write whose answer was lost, and is refused for our own change.
        seen = begun or self.jobs.get(job.job_id)
        return seen is not None and (seen.status, seen.submit_token) == (Status.SUBMITTING, token)

    def _input(self, job: Job) -> dict[str, object]:
        if not job.references:
            return job.input
        seconds = job.deadline_seconds + _PRESIGN_MARGIN
        images = [
            reference.url
            if isinstance(reference, Url)
            else self.references.presign(reference, seconds)
            for reference in job.references
        ]
        return {**job.input, "images": images}

    def _accepted(self, step: Step, prediction_id: str) -> Step:
        now = self.now()
        job = self.jobs.update(
            step.job_id,
            when=[Status.SUBMITTING],
            status=Status.SUBMITTED,
            prediction_id=prediction_id,
            submitted_at=now,
        )
        if job is None:
            # Stopped while the POST was under way. What is paid for stays on the record.
            self.jobs.update(step.job_id, when=list(Status), prediction_id=prediction_id)
            return self(step)
        return self._submitted(step, job)

    def _submitted(self, step: Step, job: Job) -> Step:
        # Also on a re-run: the event may not have gone out the first time.
        self.events.publish(events.submitted(job, job.prediction_id or ""))
        elapsed = (self.now() - (job.submitted_at or job.accepted_at)).total_seconds()
        kind = polling.expected(job.input, self.duration_scale)
        left = job.deadline_seconds - elapsed
        return step.submitted(polling.next_wait(elapsed, kind, 0, left))

    def _defer(self, step: Step, wait: int) -> Step:
        job = self.jobs.update(
            step.job_id, when=[Status.SUBMITTING], status=Status.QUEUED, submitting_at=None
        )
        if job is None:
            return self(step)
        if job.canceled_at is not None:
            return step.failed(Code.CANCELED)
        queued_for = (self.now() - job.accepted_at).total_seconds()
        left = self.max_queue.total_seconds() - queued_for
        # A second past the limit, so that the next look finds it over.
        return step.deferred(max(1, min(wait, math.ceil(left) + 1)))
