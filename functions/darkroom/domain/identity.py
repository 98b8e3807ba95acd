"""Which job a request stands for, and whether two requests ask for the same."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable

from darkroom.domain.requests import JobRequest

_JOB_ID_LENGTH = 26
_JOB_ID = re.compile(rf"[a-z2-7]{{{_JOB_ID_LENGTH}}}")


def job_id(caller: str, idempotency_key: str) -> str:
    """Return the id of the job that this caller's key stands for: 26 URL-safe characters."""
    digest = hashlib.sha256(json.dumps([caller, idempotency_key]).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_JOB_ID_LENGTH]


def is_job_id(text: str) -> bool:
    """Tell whether `text` has the form of a job id: nothing else can be the id of a record."""
    return _JOB_ID.fullmatch(text) is not None


def fingerprint(request: JobRequest, references: Iterable[str]) -> str:
    """Return a digest of what is asked; `references` names each image, or its bytes' digest."""
    asked = {
        "model": request.model,
        "input": request.input,
        "references": list(references),
        "deadline_seconds": request.deadline_seconds,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
