"""Find the prediction of a job whose POST got no response, in the provider's list."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any

from darkroom.domain.job import Job, Status
from darkroom.domain.references import map_texts, map_urls
from darkroom.domain.requests import Operation
from darkroom.domain.sweeping import sweep_after
from darkroom.ports import Claim, Claims, Clock, Conflict, Jobs, Provider

# Search window around the POST: clocks differ, and a prediction can be created long after its POST.
_BEFORE, _AFTER = timedelta(minutes=3), timedelta(minutes=4)


class Missing(StrEnum):
    """Why no prediction was found."""

    ABSENT = "absent"  # the list was read and does not contain the prediction
    UNREAD = "unread"  # the list could not be read completely


@dataclass(frozen=True)
class FindPrediction:
    """Claim an unclaimed prediction whose input matches the job's exactly.

    Jobs with identical input are interchangeable: each claims one matching prediction, and no
    prediction is claimed twice.
    """

    jobs: Jobs
    claims: Claims
    provider: Provider
    now: Clock

    def run(self, job: Job) -> Job | Missing:
        """Return the job with its claimed prediction, or why none was found. Idempotent."""
        last_post_at = job.submitting_at or job.accepted_at
        # An earlier POST without a response may be the one that created the prediction.
        first_post_at = job.accepted_at if job.unanswered_submits else last_post_at
        listed = self.provider.list_predictions(
            job.model, first_post_at - _BEFORE, last_post_at + _AFTER
        )
        if listed is None:
            return Missing.UNREAD
        has_unreadable = False
        for prediction in sorted(listed, key=attrgetter("created_at")):
            if prediction.inputs is None:
                has_unreadable = (
                    has_unreadable or self.claims.owner(prediction.prediction_id) is None
                )
            elif _is_match(job, prediction.inputs):
                claimed = claim_prediction(self.jobs, job, prediction.prediction_id, self.now())
                if claimed is not None:
                    return claimed
        return Missing.UNREAD if has_unreadable else Missing.ABSENT


def claim_prediction(jobs: Jobs, job: Job, prediction_id: str, now: datetime) -> Job | None:
    """Claim a prediction for a job that has none; return the job, or None if the claim failed.

    An open job becomes `submitted`. An ended job keeps its status, and the sweep polls the
    prediction.
    """
    changes: dict[str, Any] = {"prediction_id": prediction_id, "queue_position": None}
    if job.is_open:
        changes |= {"status": Status.SUBMITTED, "submitted_at": now}
        changes["sweep_after"] = sweep_after(job, now, **changes)
    else:
        changes["sweep_after"] = now
    claimed = jobs.transact(job.job_id, [Claim(prediction_id)], when=[job.status], **changes)
    return None if isinstance(claimed, Conflict) else claimed


def digest(url: str) -> str:
    """Return the SHA-256 of a URL; URLs may be signed, so only their digests are stored."""
    return hashlib.sha256(url.encode(errors="replace")).hexdigest()


def _is_match(job: Job, inputs: dict[str, Any]) -> bool:
    """Return whether the listed inputs contain the job's input; further fields are ignored."""
    if job.operation is Operation.MODEL:
        names = dict(zip(job.sent_images, map(str, job.references), strict=False))
        inputs = map_texts(
            inputs, lambda text, _: map_urls(text, lambda url: names.get(digest(url), url))
        )
    if any(inputs.get(name) != value for name, value in job.input.items()):
        return False
    if job.operation is Operation.MODEL and job.sent_images:
        return True
    images = inputs.get("images")
    if not job.sent_images:
        return not images or "images" in job.input
    return isinstance(images, list) and job.sent_images == tuple(
        digest(image) if isinstance(image, str) else "" for image in images
    )
