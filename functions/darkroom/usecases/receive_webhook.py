"""Take a webhook: the provider says that a prediction has ended. It wakes, and decides nothing."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom.domain import webhooks
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.ports import Clock, Jobs, Metrics, Secrets, Workflow
from darkroom.usecases.find_prediction import claim_prediction

_TRIES = 3
# How old our knowledge of the secrets may be, in seconds: at first, when a signature does not fit
# it, and when whoever calls knows a token that only we and the provider do. What is forged by a
# stranger makes us ask no more often than that.
_MAX_AGE = 300.0
_PAUSE = 30.0
_AT_ONCE = 0.0


@dataclass(frozen=True)
class ReceiveWebhook:
    """Let the wait of a job end now; the check that follows asks the provider itself."""

    jobs: Jobs
    workflow: Workflow
    secrets: Secrets
    metrics: Metrics
    now: Clock

    def __call__(self, job_id: str, token: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether it is genuine; safe to repeat, in any order, at any time.

        `token` is the one in the URL that the provider was given; header names in lower case.
        """
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        is_known = job is not None and _knows(job, token)
        if not self._is_genuine(headers, body, _AT_ONCE if is_known else _PAUSE):
            self.metrics.count("WebhooksRejected")
            return False
        prediction_id = webhooks.prediction_id(body)
        if job is not None and prediction_id is not None:
            self._tell(job, token, prediction_id)
        return True

    def _is_genuine(self, headers: Mapping[str, str], body: bytes, within: float) -> bool:
        now = self.now().timestamp()
        if webhooks.is_genuine(headers, body, self.secrets.read(_MAX_AGE), now):
            return True
        # The secret may have been changed since it was read.
        return webhooks.is_genuine(headers, body, self.secrets.read(within), now)

    def _tell(self, job: Job, token: str, prediction_id: str) -> None:
        if job.prediction_id is None:
            job = self._adopt(job, token, prediction_id)
        if job.prediction_id != prediction_id:
            return  # another attempt's, or the job's own by another way
        self.metrics.count("WebhooksAccepted")
        if job.is_open:
            self._wake(job)
        elif job.may_come_late:
            self.jobs.update(job.job_id, when=[Status.FAILED], sweep_after=self.now())

    def _adopt(self, job: Job, token: str, prediction_id: str) -> Job:
        """Return the job, with its prediction where the answer to its POST was lost.

        The token is that of this very POST: what it brings can be no other job's.
        """
        for _ in range(_TRIES):
            if job.prediction_id or job.status is Status.QUEUED or not _knows(job, token):
                return job
            claimed = claim_prediction(self.jobs, job, prediction_id, self.now())
            job = claimed or self.jobs.get(job.job_id) or job  # it may have moved on meanwhile
        return job

    def _wake(self, job: Job) -> None:
        """Say first that it came: a wait that begins after that finds it and does not begin."""
        woken = self.jobs.update(job.job_id, when=[Status.SUBMITTED], woken_at=self.now())
        if woken is not None and woken.wake_token is not None:
            self.workflow.wake(woken.wake_token)


def _knows(job: Job, token: str) -> bool:
    """Tell whether `token` is that of the job's POST, in constant time."""
    told, known = token.encode(errors="replace"), (job.submit_token or "").encode()
    return job.was_sent and hmac.compare_digest(known, told)
