"""Reuse: when two requests of a caller ask for the same work."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from darkroom.domain.job import Job, Status

# A request claims its content before its job exists. A claim without a job is void after this time.
CLAIM_GRACE = timedelta(minutes=1)


def content_key(job: Job, contents: Sequence[str]) -> str:
    """Return the SHA-256 in hex of the work of a job. `contents` identify its references' bytes."""
    content = [job.caller, job.model, job.provider_input(contents)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def has_outputs(job: Job) -> bool:
    """Return whether the outputs of a job can be given to another job."""
    return job.status is Status.COMPLETED and bool(job.assets)


def is_shareable(original: Job, now: datetime, seconds: int) -> bool:
    """Return whether a new job may get the outputs of `original`, now or once it has them."""
    is_recent = now - original.accepted_at <= timedelta(seconds=seconds)
    is_running = original.is_open and original.canceled_at is None
    return is_recent and (is_running or has_outputs(original))
