"""Find: the prediction of a job whose POST was not answered, in the provider's own list."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from darkroom.domain.job import Job, Status
from darkroom.ports import Claim, Claims, Clock, Conflict, Jobs, ListedPrediction, Provider

# Clocks differ, and a prediction can be made long after its POST was sent.
_BEFORE, _AFTER = timedelta(minutes=3), timedelta(minutes=4)


class Missing(StrEnum):
    """Why there is no prediction."""

    ABSENT = "absent"  # the list was read, and it is not there
    UNREAD = "unread"  # the list could not be read, or not all of it


@dataclass(frozen=True)
class FindPrediction:
    """Look for what is nobody's yet and was asked for in exactly the job's words.

    Jobs that asked for the very same are interchangeable, so each takes one: as many predictions
    as there are find as many owners, and none has two.
    """

    jobs: Jobs
    claims: Claims
    provider: Provider
    now: Clock

    def __call__(self, job: Job) -> Job | Missing:
        """Return the job with its prediction, claimed; safe to repeat."""
        last = job.submitting_at or job.accepted_at
        # Where an earlier POST was not answered, that may be the one that was taken.
        first = job.accepted_at if job.unanswered else last
        listed = self.provider.list_predictions(job.model, first - _BEFORE, last + _AFTER)
        if listed is None:
            return Missing.UNREAD
        unread = False
        for found in sorted(listed, key=lambda each: each.created_at):
            if found.inputs is None:
                unread = unread or self.claims.owner(found.prediction_id) is None
            elif _is_ours(job, found.inputs) and (claimed := self._claim(job, found)) is not None:
                return claimed
        return Missing.UNREAD if unread else Missing.ABSENT

    def _claim(self, job: Job, found: ListedPrediction) -> Job | None:
        """Return the job with this prediction; None if it is another job's."""
        return claim_prediction(self.jobs, job, found.prediction_id, self.now())


def claim_prediction(jobs: Jobs, job: Job, prediction_id: str, now: datetime) -> Job | None:
    """Claim a prediction for a job that has none; None if that is not to be had.

    An open one goes on as submitted. One that was given up keeps its end, and gets its result.
    """
    changes: dict[str, Any] = {"prediction_id": prediction_id, "queue_position": None}
    if job.is_open:
        changes |= {
            "status": Status.SUBMITTED,
            "submitted_at": now,
            "sweep_after": overdue(job, now),
        }
    else:
        changes |= {"sweep_after": now}
    claimed = jobs.transact(job.job_id, [Claim(prediction_id)], when=[job.status], **changes)
    return None if isinstance(claimed, Conflict) else claimed


def overdue(job: Job, submitted_at: datetime) -> datetime:
    """Return when a submitted job should long have ended: the time to look why it has not."""
    return submitted_at + timedelta(seconds=job.deadline_seconds, minutes=15)


def digest(url: str) -> str:
    """Return what is kept of a URL that was sent: it may be signed."""
    return hashlib.sha256(url.encode()).hexdigest()


def _is_ours(job: Job, inputs: dict[str, Any]) -> bool:
    """Tell whether the provider's echo says what we asked; it may say more."""
    if any(inputs.get(name) != value for name, value in job.input.items()):
        return False
    images = inputs.get("images")
    if not job.sent_images:
        return not images or "images" in job.input
    return isinstance(images, list) and job.sent_images == tuple(
        digest(image) if isinstance(image, str) else "" for image in images
    )
