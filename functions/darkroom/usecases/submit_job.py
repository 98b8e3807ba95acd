"""Submit: hand a job to the provider, at most once."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from darkroom.domain import job_events, polling
from darkroom.domain.breaker import Health
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.references import Url
from darkroom.domain.steps import Step
from darkroom.ports import (
    Accepted,
    Clock,
    Events,
    FlagStore,
    Jobs,
    Metrics,
    NotSent,
    Provider,
    References,
    Refused,
    RuntimeFlags,
    Throttled,
    Unknown,
)
from darkroom.usecases.acquire_slot import AcquireSlot, Deferred
from darkroom.usecases.find_prediction import FindPrediction, Missing, claim_prediction, digest

# Beyond the deadline, for the provider's queue and its own retries of the download.
_PRESIGN_MARGIN = 3600
# How often a job looks whether the owner lets it go.
_STOPPED_WAIT = 45
_MAX_SUBMITS = 3  # that nobody answered


@dataclass(frozen=True)
class SubmitJob:
    """Send the POST if it is proven that none was sent before, and say how it went."""

    jobs: Jobs
    references: References
    provider: Provider
    acquire: AcquireSlot
    find: FindPrediction
    flag_store: FlagStore
    events: Events
    metrics: Metrics
    now: Clock
    max_queue: timedelta
    duration_scale: float
    resubmits: bool

    def __call__(self, step: Step) -> Step:
        """Return the outcome; safe to repeat: a re-run never sends a second POST."""
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.failed(Code.INTERNAL_ERROR)
        match job.status:
            case Status.QUEUED:
                return self._queued(step, job)
            case Status.SUBMITTING:
                # A POST was begun, and nobody knows how it ended.
                return self._search(step, job)
            case Status.SUBMITTED:
                return self._submitted(step, job)
            case Status.COMPLETED:
                return step.stored()
            case Status.FAILED:
                return step.failed(job.code or Code.INTERNAL_ERROR)
            case _:
                assert_never(job.status)

    def _queued(self, step: Step, job: Job) -> Step:
        if job.canceled_at is not None:  # while a POST was under way that then took nothing
            return step.failed(Code.CANCELED)
        if self.now() - job.accepted_at > self.max_queue:
            return step.failed(step.deferred_by or Code.PROVIDER_UNAVAILABLE)
        flags = self.flag_store.read()
        if not flags.submits:
            self.metrics.count("SubmitsDisabled")
            return self._defer(step, job, _STOPPED_WAIT)
        images = self._images(job)
        self.provider.prepare()
        digests = tuple(digest(image) for image in images)
        acquired = self.acquire(job, digests, has_webhook=flags.webhook_url is not None)
        match acquired:
            case None:
                return self(step)
            case Deferred():
                return self._defer(step, job, acquired.seconds, acquired.blocked_by)
            case Job():
                return self._send(step, acquired, images, flags)

    def _send(self, step: Step, job: Job, images: list[str], flags: RuntimeFlags) -> Step:
        model_input = {**job.input, "images": images} if images else job.input
        answer = self.provider.submit(
            job.model, model_input, flags.webhook(job.job_id, job.submit_token)
        )
        match answer:
            case Accepted():
                # What is paid for is recorded first: a crash may come between.
                after = self._accepted(step, job, answer.prediction_id)
                self.acquire.breaker(job.queue_shard, Health.OK)
                return after
            case NotSent():
                after = self._back(step, job, polling.unsent_wait(job.submit_attempts))
                self.acquire.breaker(job.queue_shard, Health.UNREACHABLE)
                return after
            case Throttled():
                self.metrics.count("Throttled")
                wait = polling.throttled_wait(answer.retry_after)
                return self._back(step, job, wait, pause_all_seconds=wait)
            case Refused(stops=True):
                return self._back(step, job, 1, blocked_by=answer.code)
            case Refused():
                self.jobs.update(job.job_id, when=OPEN, detail=answer.detail or None)
                self.acquire.breaker(job.queue_shard, Health.OK)
                return step.failed(answer.code)
            case Unknown():
                self.acquire.breaker(job.queue_shard, Health.UNREACHABLE)
                return self._search(step, job)
            case _:
                assert_never(answer)

    def _images(self, job: Job) -> list[str]:
        seconds = job.deadline_seconds + _PRESIGN_MARGIN
        return [
            reference.url
            if isinstance(reference, Url)
            else self.references.presign(reference, seconds)
            for reference in job.references
        ]

    def _accepted(self, step: Step, job: Job, prediction_id: str) -> Step:
        claimed = claim_prediction(self.jobs, job, prediction_id, self.now())
        if claimed is not None:
            return self._submitted(step, claimed)
        known = self.jobs.get(job.job_id)
        if known is not None and known.status is Status.SUBMITTING:
            # A job that asked for the very same took it, having no answer: this one takes whatever
            # that one would have found.
            return self._search(step, job)
        if known is not None and not known.is_open:
            # Ended while the POST was under way. What is paid for is looked after by the sweep.
            claim_prediction(self.jobs, known, prediction_id, self.now())
        return self(step)

    def _submitted(self, step: Step, job: Job) -> Step:
        # Also on a re-run: the event may not have gone out the first time.
        self.events.publish(job_events.submitted(job, job.prediction_id or ""))
        elapsed = (self.now() - (job.submitted_at or job.accepted_at)).total_seconds()
        kind, left = job.expectation(self.duration_scale), job.deadline_seconds - elapsed
        if job.has_webhook:
            return step.submitted(0).wait_for_webhook(polling.webhook_wait(elapsed, kind, left))
        return step.submitted(polling.first_wait(elapsed, kind, left))

    def _search(self, step: Step, job: Job) -> Step:
        """Look for the prediction of a POST that was not answered, for as long as one may lag."""
        found = self.find(job)
        if isinstance(found, Job):
            self.metrics.count("SubmissionsFound")
            return self._submitted(step, found) if found.is_open else self(step)
        now = self.jobs.get(job.job_id)
        if now is None or now.status is not Status.SUBMITTING:
            return self(step)  # its webhook came meanwhile, say
        searched = (self.now() - (job.submitting_at or job.accepted_at)).total_seconds()
        was_read = found is Missing.ABSENT
        wait = polling.search_wait(searched, self.duration_scale, was_read=was_read)
        if wait is not None:
            return step.deferred(polling.patient_wait(wait, step.deferrals))
        if self.resubmits and was_read and job.submit_attempts < _MAX_SUBMITS:
            self.metrics.count("Resubmits")
            return self._back(step, job, 1, unanswered=True)
        return step.failed(Code.SUBMISSION_UNKNOWN)

    def _back(
        self,
        step: Step,
        job: Job,
        wait: int,
        *,
        pause_all_seconds: int = 0,
        blocked_by: Code | None = None,
        unanswered: bool = False,
    ) -> Step:
        back = self.acquire.put_back(
            job, pause_all_seconds=pause_all_seconds, blocked_by=blocked_by, unanswered=unanswered
        )
        if back is None:
            return self(step)
        if back.canceled_at is not None:
            return step.failed(Code.CANCELED)
        return self._defer(step, back, wait, blocked_by)

    def _defer(self, step: Step, job: Job, wait: int, blocked_by: Code | None = None) -> Step:
        left = (job.accepted_at + self.max_queue - self.now()).total_seconds()
        # A second past the limit, so that the next look finds it over.
        clipped = max(1, min(polling.patient_wait(wait, step.deferrals), math.ceil(left) + 1))
        return step.deferred(clipped, deferred_by=blocked_by)
