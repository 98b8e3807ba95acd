"""Receive a webhook: verify that the provider sent it, and wake the job's execution.

A webhook never decides the outcome of a job; the check that follows reads the prediction.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom.domain import webhooks
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.ports import Clock, Jobs, Metrics, Secrets, Workflow
from darkroom.usecases.jobs.find_prediction import claim_prediction

_TRIES = 3
# Maximum age of cached secrets, in seconds: for the first verification, after a failed signature,
# and after a failed signature with a valid token, which only Darkroom and the provider have. So
# forged requests cause at most one read of the secret per 30 seconds.
_MAX_AGE = 300.0
_RETRY_MAX_AGE = 30.0
_TOKEN_MAX_AGE = 0.0


@dataclass(frozen=True)
class ReceiveWebhook:
    """End a job's wait for its webhook, so that the next check runs now."""

    jobs: Jobs
    workflow: Workflow
    secrets: Secrets
    metrics: Metrics
    now: Clock

    def run(self, job_id: str, token: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether the webhook is genuine. Idempotent, in any order and at any time.

        `token` comes from the webhook URL. Header names are in lower case.
        """
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        has_token = job is not None and _has_token(job, token)
        if not self._is_genuine(headers, body, _TOKEN_MAX_AGE if has_token else _RETRY_MAX_AGE):
            self.metrics.count("WebhooksRejected")
            return False
        prediction_id = webhooks.prediction_id(body)
        if job is not None and prediction_id is not None:
            self._deliver(job, token, prediction_id)
        return True

    def _is_genuine(self, headers: Mapping[str, str], body: bytes, max_age: float) -> bool:
        now = self.now().timestamp()
        if webhooks.is_genuine(headers, body, self.secrets.read(_MAX_AGE), now):
            return True
        # The secret may have been rotated since it was cached.
        return webhooks.is_genuine(headers, body, self.secrets.read(max_age), now)

    def _deliver(self, job: Job, token: str, prediction_id: str) -> None:
        if job.prediction_id is None:
            job = self._claim(job, token, prediction_id)
        if job.prediction_id != prediction_id:
            return  # the webhook belongs to another attempt, or the job has another prediction
        self.metrics.count("WebhooksAccepted")
        if job.is_open:
            self._wake(job)
        elif job.is_recoverable:
            self.jobs.update(job.job_id, when=[Status.FAILED], sweep_after=self.now())

    def _claim(self, job: Job, token: str, prediction_id: str) -> Job:
        """Return the job, with the prediction claimed if the response to its POST was lost.

        The token identifies the POST, so the prediction cannot belong to another job.
        """
        for _ in range(_TRIES):
            if job.prediction_id or job.status is Status.QUEUED or not _has_token(job, token):
                return job
            claimed = claim_prediction(self.jobs, job, prediction_id, self.now())
            # After a conflict, read the job again.
            job = claimed or self.jobs.get(job.job_id) or job
        return job

    def _wake(self, job: Job) -> None:
        """Record the arrival, then end the wait.

        A wait that starts after the arrival is recorded ends at once.
        """
        woken = self.jobs.update(job.job_id, when=[Status.SUBMITTED], woken_at=self.now())
        if woken is not None and woken.wake_token is not None:
            self.workflow.wake(woken.wake_token)


def _has_token(job: Job, token: str) -> bool:
    """Return whether `token` is the submit token of the job's POST, compared in constant time."""
    actual, expected = token.encode(errors="replace"), (job.submit_token or "").encode()
    return job.was_sent and hmac.compare_digest(expected, actual)
