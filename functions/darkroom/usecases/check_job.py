"""Check: ask the provider how a prediction stands, and decide when to look again."""

import math
import re
from dataclasses import dataclass
from typing import Any, assert_never

from darkroom.domain import polling
from darkroom.domain.breaker import Verdict
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Broken, Clock, Done, Jobs, Metrics, Provider, Running, Unreadable
from darkroom.usecases.watch_provider import WatchProvider

# What is shown of a status that nobody knows: it is the provider's text.
_WORD = re.compile(r"[a-z_]{1,24}")


@dataclass(frozen=True)
class CheckJob:
    """Move a job by the provider's own answer, and by its deadline."""

    jobs: Jobs
    provider: Provider
    watch: WatchProvider
    metrics: Metrics
    now: Clock
    duration_scale: float

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
        answer = self.provider.check(job.prediction_id or "")
        if isinstance(answer, Running) and job.provider_completed_at is not None:
            # What has finished cannot run again: this answer tells nothing.
            answer = Unreadable(Code.PROVIDER_UNAVAILABLE, "the prediction went backwards")
        step = step.model_copy(
            update={
                "checks": step.checks + 1,
                "unreadable": step.unreadable + 1 if isinstance(answer, Unreadable) else 0,
            }
        )
        seen: dict[str, Any] = {"checks": step.checks, "wake_token": None}
        if job.woken_at is not None:
            # It has had its effect: this very check. One that comes meanwhile is for the next.
            seen["woken_at"] = None
        if isinstance(answer, Done) and job.provider_completed_at is None:
            seen["provider_completed_at"] = self.now()
        if isinstance(answer, Broken):
            seen |= {"detail": answer.detail or None, "charged": answer.charged}
        self.jobs.update(job.job_id, when=OPEN, **seen)
        match answer:
            case Done():
                return step.completed()
            case Broken():
                if answer.code is Code.INSUFFICIENT_CREDITS:  # the next job would be told as well
                    self.watch(Verdict.STOP, answer.code)
                return step.failed(answer.code)
            case Unreadable() | Running():
                return self._again(step, job, answer)
            case _:
                assert_never(answer)

    def _again(self, step: Step, job: Job, answer: Unreadable | Running) -> Step:
        elapsed = (self.now() - (job.submitted_at or job.accepted_at)).total_seconds()
        # What is known to be finished is paid for: then only unreadable answers end the waiting.
        finished = job.provider_completed_at is not None
        left = math.inf if finished else job.deadline_seconds - elapsed
        if left <= 0:
            return step.failed(Code.DEADLINE_EXCEEDED)
        if isinstance(answer, Unreadable):
            self.metrics.count("UnreadableChecks")
            self.metrics.count("ProviderUnreachable")
            if step.unreadable >= polling.MAX_UNREADABLE:
                return step.failed(answer.code)
            return step.processing(polling.clip(polling.unreadable_wait(step.unreadable), left))
        if not answer.known:
            # Someone has to look at it; the deadline bounds it meanwhile.
            word = answer.status if _WORD.fullmatch(answer.status) else "other"
            self.metrics.count("UnknownStatuses", status=word)
        kind = polling.expected(job.input, self.duration_scale)
        wait = polling.next_wait(elapsed, kind, step.checks, left)
        return step.processing(wait).listening(left)
