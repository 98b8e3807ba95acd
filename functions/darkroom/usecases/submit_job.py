"""Submit: hand a job to the provider, at most once."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from darkroom.domain import announcements, polling
from darkroom.domain.breaker import Verdict
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.references import Url
from darkroom.domain.steps import Step
from darkroom.ports import (
    Accepted,
    Clock,
    Events,
    Jobs,
    Metrics,
    NotSent,
    Provider,
    References,
    Refused,
    Switchboard,
    Switches,
    Throttled,
    Unknown,
)
from darkroom.usecases.admit_job import AdmitJob, Held
from darkroom.usecases.find_prediction import FindPrediction, Missing, digest, take

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
    admit: AdmitJob
    find: FindPrediction
    switchboard: Switchboard
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
                return self._look(step, job)
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
            return step.failed(step.held_by or Code.PROVIDER_UNAVAILABLE)
        switches = self.switchboard.read()
        if not switches.submits:
            self.metrics.count("SubmitsStopped")
            return self._defer(step, job, _STOPPED_WAIT)
        images = self._images(job)
        self.provider.prepare()
        digests = tuple(digest(image) for image in images)
        admitted = self.admit(job, digests, has_webhook=switches.webhook_url is not None)
        match admitted:
            case None:
                return self(step)
            case Held():
                return self._defer(step, job, admitted.seconds, admitted.by_breaker)
            case Job():
                return self._send(step, admitted, images, switches)

    def _send(self, step: Step, job: Job, images: list[str], switches: Switches) -> Step:
        model_input = {**job.input, "images": images} if images else job.input
        answer = self.provider.submit(
            job.model, model_input, switches.webhook(job.job_id, job.submit_token)
        )
        match answer:
            case Accepted():
                # What is paid for is recorded first: a crash may come between.
                after = self._accepted(step, job, answer.prediction_id)
                self.admit.watch(job.line, Verdict.WELL)
                return after
            case NotSent():
                after = self._back(step, job, polling.unsent_wait(job.submit_attempts))
                self.admit.watch(job.line, Verdict.ILL)
                return after
            case Throttled():
                self.metrics.count("Throttled")
                wait = polling.throttled_wait(answer.retry_after)
                return self._back(step, job, wait, hold_all=wait)
            case Refused(stops=True):
                return self._back(step, job, 1, stop=answer.code)
            case Refused():
                self.jobs.update(job.job_id, when=OPEN, detail=answer.detail or None)
                self.admit.watch(job.line, Verdict.WELL)
                return step.failed(answer.code)
            case Unknown():
                self.admit.watch(job.line, Verdict.ILL)
                return self._look(step, job)
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
        taken = take(self.jobs, job, prediction_id, self.now())
        if taken is not None:
            return self._submitted(step, taken)
        known = self.jobs.get(job.job_id)
        if known is not None and known.status is Status.SUBMITTING:
            # A job that asked for the very same took it, having no answer: this one takes whatever
            # that one would have found.
            return self._look(step, job)
        if known is not None and not known.is_open:
            # Ended while the POST was under way. What is paid for is looked after by the sweep.
            take(self.jobs, known, prediction_id, self.now())
        return self(step)

    def _submitted(self, step: Step, job: Job) -> Step:
        # Also on a re-run: the event may not have gone out the first time.
        self.events.publish(announcements.submitted(job, job.prediction_id or ""))
        elapsed = (self.now() - (job.submitted_at or job.accepted_at)).total_seconds()
        kind, left = job.expectation(self.duration_scale), job.deadline_seconds - elapsed
        if job.has_webhook:
            return step.submitted(0).listening(polling.listen_wait(elapsed, kind, left))
        return step.submitted(polling.first_wait(elapsed, kind, left))

    def _look(self, step: Step, job: Job) -> Step:
        """Look for the prediction of a POST that was not answered, for as long as one may lag."""
        found = self.find(job)
        if isinstance(found, Job):
            self.metrics.count("SubmissionsFound")
            return self._submitted(step, found) if found.is_open else self(step)
        now = self.jobs.get(job.job_id)
        if now is None or now.status is not Status.SUBMITTING:
            return self(step)  # its webhook came meanwhile, say
        looked = (self.now() - (job.submitting_at or job.accepted_at)).total_seconds()
        was_read = found is Missing.ABSENT
        wait = polling.look_wait(looked, self.duration_scale, was_read=was_read)
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
        hold_all: int = 0,
        stop: Code | None = None,
        unanswered: bool = False,
    ) -> Step:
        back = self.admit.put_back(job, hold_all=hold_all, stop=stop, unanswered=unanswered)
        if back is None:
            return self(step)
        if back.canceled_at is not None:
            return step.failed(Code.CANCELED)
        return self._defer(step, back, wait, stop)

    def _defer(self, step: Step, job: Job, wait: int, by_breaker: Code | None = None) -> Step:
        left = (job.accepted_at + self.max_queue - self.now()).total_seconds()
        # A second past the limit, so that the next look finds it over.
        clipped = max(1, min(polling.patient_wait(wait, step.deferrals), math.ceil(left) + 1))
        return step.deferred(clipped, held_by=by_breaker)
