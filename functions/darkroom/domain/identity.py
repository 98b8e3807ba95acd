"""Job ids, derived from idempotency keys, and fingerprints of requests."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable

from darkroom.domain.requests import ImageSettings, JobRequest, Operation

_JOB_ID_LENGTH = 26
_DEFAULTS = ImageSettings().model_dump(mode="json")
_JOB_ID = re.compile(rf"[a-z2-7]{{{_JOB_ID_LENGTH}}}")


def job_id(caller: str, idempotency_key: str) -> str:
    """Return the job id for a caller and its idempotency key: 26 URL-safe characters."""
    digest = hashlib.sha256(json.dumps([caller, idempotency_key]).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_JOB_ID_LENGTH]


def is_job_id(text: str) -> bool:
    """Return whether `text` has the format of a job id."""
    return _JOB_ID.fullmatch(text) is not None


def fingerprint(request: JobRequest, references: Iterable[str]) -> str:
    """Return the SHA-256 of a request, in hex. Identical requests have equal fingerprints.

    `references` has the location of each image, or the digest of its bytes. A setting with its
    default does not count, so that a setting of a later version changes no fingerprint.
    """
    given = {n: v for n, v in request.input.items() if n not in _DEFAULTS or v != _DEFAULTS[n]}
    content = {
        "model": request.model,
        "input": request.input if request.operation is Operation.MODEL else given,
        "references": list(references),
        "deadline_seconds": request.deadline_seconds,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
