"""Submit: send a job to the provider, at most once."""

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
    Intercepted,
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
from darkroom.usecases.jobs.acquire_slot import AcquireSlot, Deferred, Revoked
from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker
from darkroom.usecases.jobs.find_prediction import FindPrediction, Missing, claim_prediction, digest
from darkroom.usecases.jobs.reuse_job import ReuseJob

# Seconds that presigned URLs stay valid beyond the deadline, for the provider's queue and its own
# retries of the download.
_PRESIGN_MARGIN = 3600
# Seconds between two reads of the `submits` flag while submission is disabled.
_DISABLED_WAIT = 45
# A job that shares another's prediction waits for a part of its expected duration, in seconds.
_SHARE_POLLS, _MAX_SHARE_WAIT = 4, 30
_MAX_SUBMITS = 3  # POSTs without a response, with AmbiguousSubmit: resubmit


@dataclass(frozen=True)
class SubmitJob:
    """Send a job's POST if none can have been sent before, and return the outcome."""

    jobs: Jobs
    references: References
    provider: Provider
    acquire: AcquireSlot
    breaker: CircuitBreaker
    find: FindPrediction
    reuse: ReuseJob
    flag_store: FlagStore
    events: Events
    metrics: Metrics
    now: Clock
    max_queue: timedelta
    duration_scale: float
    resubmits: bool

    def run(self, step: Step) -> Step:
        """Return the step with its outcome. Idempotent: a second run never sends a second POST."""
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.ended(None)
        match job.status:
            case Status.QUEUED:
                return self._submit(step, job)
            case Status.SUBMITTING:
                # An earlier run may have sent the POST; its result is unknown.
                return self._find_unanswered(step, job)
            case Status.SUBMITTED:
                return self._report_submitted(step, job)
            case Status.COMPLETED | Status.FAILED:
                return step.ended(job)
            case _:
                assert_never(job.status)

    def _submit(self, step: Step, job: Job) -> Step:
        if job.canceled_at is not None:  # during a POST that created no prediction
            return step.failed(Code.CANCELED)
        if job.reused_from is not None:
            return self._share(step, job)
        if self.now() - job.accepted_at > self.max_queue:
            return step.failed(step.deferred_by or Code.PROVIDER_UNAVAILABLE)
        flags = self.flag_store.read()
        if not flags.submits:
            self.metrics.count("SubmitsDisabled")
            return self._defer(step, job, _DISABLED_WAIT)
        images = self._images(job)
        self.provider.prepare()
        digests = tuple(digest(image) for image in images)
        acquired = self.acquire.run(job, digests, has_webhook=flags.webhook_url is not None)
        match acquired:
            case None:
                return self.run(step)
            case Deferred():
                return self._defer(step, job, acquired.seconds, acquired.blocked_by)
            case Revoked():
                return step.failed(Code.CANCELED)
            case Job():
                return self._send(step, acquired, images, flags)

    def _share(self, step: Step, job: Job) -> Step:
        """Complete the job with the outputs of the job that it shares, or submit it after all."""
        shared = self.reuse.run(job)
        if shared is None:
            remaining = job.progress(self.now(), self.duration_scale)[1].median
            wait = min(_MAX_SHARE_WAIT, math.ceil(remaining / _SHARE_POLLS))
            return step.deferred(polling.deferral_wait(wait, step.deferrals))
        return self.run(step)

    def _send(self, step: Step, job: Job, images: list[str], flags: RuntimeFlags) -> Step:
        submission = self.provider.submit(
            job.model, job.provider_input(images), flags.webhook(job.job_id, job.submit_token)
        )
        match submission:
            case Accepted():
                # Record the prediction before anything else: the process may crash here, and the
                # prediction is paid for.
                next_step = self._record_accepted(step, job, submission.prediction_id)
                self.breaker.run(job, Health.OK)
                return next_step
            case NotSent() | Intercepted():
                next_step = self._put_back(step, job, polling.unsent_wait(job.submit_attempts))
                self.breaker.run(job, Health.UNREACHABLE)
                return next_step
            case Throttled():
                self.metrics.count("Throttled")
                wait = polling.throttled_wait(submission.retry_after)
                next_step = self._put_back(step, job, wait)
                health = Health.UNREACHABLE if submission.by_edge else Health.OK
                self.breaker.run(job, health, pause_seconds=wait)
                return next_step
            case Refused(blocks_account=True):
                next_step = self._put_back(step, job, 1, blocked_by=submission.code)
                self.breaker.run(job, Health.BLOCKED, submission.code)
                return next_step
            case Refused():
                self.jobs.update(job.job_id, when=OPEN, detail=submission.detail or None)
                self.breaker.run(job, Health.OK)
                return step.failed(submission.code)
            case Unknown():
                self.breaker.run(job, Health.UNREACHABLE)
                return self._find_unanswered(step, job)
            case _:
                assert_never(submission)

    def _images(self, job: Job) -> list[str]:
        seconds = job.deadline_seconds + _PRESIGN_MARGIN
        return [
            reference.url
            if isinstance(reference, Url)
            else self.references.presign(reference, seconds)
            for reference in job.references
        ]

    def _record_accepted(self, step: Step, job: Job, prediction_id: str) -> Step:
        claimed = claim_prediction(self.jobs, job, prediction_id, self.now())
        if claimed is not None:
            return self._report_submitted(step, claimed)
        current = self.jobs.get(job.job_id)
        if current is not None and current.status is Status.SUBMITTING:
            # An unanswered job with identical input has claimed this prediction. The two jobs are
            # interchangeable, so claim the prediction of the other POST.
            return self._find_unanswered(step, job)
        if current is not None and not current.is_open:
            # The job ended during the POST. The sweep recovers the paid prediction.
            claim_prediction(self.jobs, current, prediction_id, self.now())
        return self.run(step)

    def _report_submitted(self, step: Step, job: Job) -> Step:
        # Publish on every run: an earlier run may have crashed before the event was published.
        self.events.publish(job_events.submitted(job, job.prediction_id or ""))
        progress = job.progress(self.now(), self.duration_scale)
        if job.has_webhook:
            return step.awaiting_webhook(polling.webhook_wait(*progress))
        return step.processing(polling.first_wait(*progress))

    def _find_unanswered(self, step: Step, job: Job) -> Step:
        """Find the prediction of an unanswered POST; retry while the provider's list may lag."""
        result = self.find.run(job)
        if isinstance(result, Job):
            self.metrics.count("SubmissionsFound")
            return self._report_submitted(step, result) if result.is_open else self.run(step)
        current = self.jobs.get(job.job_id)
        if current is None or current.status is not Status.SUBMITTING:
            return self.run(step)  # the job has moved on, for example by its webhook
        searched = (self.now() - (job.submitting_at or job.accepted_at)).total_seconds()
        was_read = result is Missing.ABSENT
        wait = polling.search_wait(searched, self.duration_scale, was_read=was_read)
        if wait is not None:
            return step.deferred(polling.deferral_wait(wait, step.deferrals))
        if self.resubmits and was_read and job.submit_attempts < _MAX_SUBMITS:
            self.metrics.count("Resubmits")
            return self._put_back(step, job, 1, is_unanswered=True)
        return step.failed(Code.SUBMISSION_UNKNOWN)

    def _put_back(
        self,
        step: Step,
        job: Job,
        wait: int,
        *,
        blocked_by: Code | None = None,
        is_unanswered: bool = False,
    ) -> Step:
        queued = self.acquire.put_back(job, is_unanswered=is_unanswered)
        if queued is None:
            return self.run(step)
        if queued.canceled_at is not None:
            return step.failed(Code.CANCELED)
        return self._defer(step, queued, wait, blocked_by)

    def _defer(self, step: Step, job: Job, wait: int, blocked_by: Code | None = None) -> Step:
        remaining = (job.accepted_at + self.max_queue - self.now()).total_seconds()
        # End the last wait one second past the queue limit, so that the next run fails the job.
        clipped = max(1, min(polling.deferral_wait(wait, step.deferrals), math.ceil(remaining) + 1))
        return step.deferred(clipped, deferred_by=blocked_by)
