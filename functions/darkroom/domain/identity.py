"""Job ids, derived from idempotency keys, and fingerprints of requests."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from darkroom.domain.requests import EditStep, ImageSettings, JobRequest, ModelStep, Operation

_JOB_ID_LENGTH = 26
_DEFAULTS = ImageSettings().model_dump(mode="json")
_STEP_KEY = re.compile(rf"[a-z2-7]{{{_JOB_ID_LENGTH}}}/then/.+")
_JOB_ID = re.compile(rf"[a-z2-7]{{{_JOB_ID_LENGTH}}}")


def job_id(caller: str, idempotency_key: str) -> str:
    """Return the job id for a caller and its idempotency key: 26 URL-safe characters."""
    digest = hashlib.sha256(json.dumps([caller, idempotency_key]).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_JOB_ID_LENGTH]


def is_job_id(text: str) -> bool:
    """Return whether `text` has the format of a job id."""
    return _JOB_ID.fullmatch(text) is not None


def step_key(chain_id: str, step: int, attempt: int = 0) -> str:
    """Return the idempotency key of a step of a chain. `attempt` counts the resumes."""
    return f"{chain_id}/then/{step}" + (f"/{attempt}" if attempt else "")


def is_step_key(idempotency_key: str) -> bool:
    """Return whether a key has the form of a key of a step."""
    return _STEP_KEY.fullmatch(idempotency_key) is not None


def fingerprint(
    request: JobRequest,
    references: Iterable[str],
    steps: Iterable[tuple[EditStep | ModelStep, Iterable[str]]] = (),
) -> str:
    """Return the SHA-256 of a request, in hex. Identical requests have equal fingerprints.

    `references` has the location of each image, or the digest of its bytes. `steps` has the further
    steps of a chain with theirs. A setting with its default does not count, so that a setting of a
    later version changes no fingerprint. A callback URL counts if the request has one: a job calls
    back one URL, so another is a conflict.
    """
    content = _content(request, references)
    if request.callback_url is not None:
        content["callback_url"] = request.callback_url
    if then := [_content(*step) for step in steps]:
        content["then"] = then
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _content(
    request: JobRequest | EditStep | ModelStep, references: Iterable[str]
) -> dict[str, Any]:
    given = {n: v for n, v in request.input.items() if n not in _DEFAULTS or v != _DEFAULTS[n]}
    return {
        "model": request.model,
        "input": request.input if request.operation is Operation.MODEL else given,
        "references": list(references),
        "deadline_seconds": request.deadline_seconds,
    }
