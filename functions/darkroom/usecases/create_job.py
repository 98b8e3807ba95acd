"""Create a job: what all doors do with a request."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from darkroom.domain import media, pricing
from darkroom.domain.errors import ConflictError, FieldProblem, InvalidRequestError
from darkroom.domain.job import Job, Status, fingerprint, job_id
from darkroom.domain.references import (
    ALLOWED_FORMS,
    MAX_REFERENCE_BYTES,
    BadReferenceError,
    S3Object,
    Url,
    parse_reference,
)
from darkroom.domain.requests import JobRequest
from darkroom.ports import Clock, Jobs, Metrics, References, Workflow


@dataclass(frozen=True)
class CreateJob:
    """Turn a request into a job that runs, once for each caller and idempotency key."""

    jobs: Jobs
    references: References
    workflow: Workflow
    metrics: Metrics
    now: Clock
    default_deadline: int
    retention: timedelta

    def __call__(self, request: JobRequest, *, caller: str, key: str, request_id: str) -> Job:
        """Return the job; raises InvalidRequestError or ConflictError.

        Safe to repeat: a crash between the record and the start is mended by the next try.
        """
        identity = job_id(caller, key)
        given = _parse(request)
        asked = fingerprint(request, (_name(reference) for reference in given))
        job = self.jobs.get(identity)
        if job is None:
            kept = self._keep(given, identity)
            now = self.now()
            job = Job(
                job_id=identity,
                caller=caller,
                request_id=request_id,
                idempotency_key=key,
                fingerprint=asked,
                operation=request.operation,
                model=request.model,
                input=request.input,
                references=tuple(kept),
                prefix=f"jobs/{identity}",
                deadline_seconds=request.deadline_seconds or self.default_deadline,
                estimated_cost_micro_usd=pricing.estimate(request.model, request.input, len(kept)),
                accepted_at=now,
                expires_at=int((now + self.retention).timestamp()),
            )
            if self.jobs.create(job):
                self.metrics.count("JobsAccepted")
            else:  # another delivery of the same request was quicker
                job = self.jobs.get(identity) or job
        if job.fingerprint != asked:
            raise ConflictError(f"the idempotency key stands for another request: job {identity}")
        if job.status is Status.QUEUED:
            self.workflow.start(identity)
        return job

    def _keep(self, given: list[Url | S3Object | bytes], identity: str) -> list[Url | S3Object]:
        """Check every reference, then store the bytes among them: all or none."""
        problems: list[FieldProblem] = []
        looked: list[Url | S3Object | bytes] = []
        for index, reference in enumerate(given):
            try:
                looked.append(self._look(reference))
            except BadReferenceError as error:
                problems.append(_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return [
            self.references.keep(identity, reference, _picture(reference))
            if isinstance(reference, bytes)
            else reference
            for reference in looked
        ]

    def _look(self, reference: Url | S3Object | bytes) -> Url | S3Object | bytes:
        match reference:
            case Url():
                return reference
            case bytes():
                _check(len(reference), reference)
                return reference
            case S3Object():
                seen = self.references.look(reference)
                if seen is None:
                    raise BadReferenceError("does not exist, or this deployment may not read it")
                pinned, size, head = seen
                _check(size, head)
                return pinned


def _parse(request: JobRequest) -> list[Url | S3Object | bytes]:
    parsed, problems = [], []
    for index, text in enumerate(request.references):
        try:
            parsed.append(parse_reference(text))
        except BadReferenceError as error:
            problems.append(_problem(index, error))
    if problems:
        raise InvalidRequestError(problems)
    return parsed


def _problem(index: int, error: BadReferenceError) -> FieldProblem:
    return FieldProblem(field=f"images.{index}", message=str(error), allowed=ALLOWED_FORMS)


def _check(size: int, head: bytes) -> None:
    if size == 0:
        raise BadReferenceError("is empty")
    if size > MAX_REFERENCE_BYTES:
        raise BadReferenceError(f"is larger than {MAX_REFERENCE_BYTES // 1_000_000} MB")
    _picture(head)


def _picture(head: bytes) -> media.Format:
    known = media.sniff(head)
    if known not in media.PICTURES:
        raise BadReferenceError("is not a PNG, JPEG or WebP image")
    return known


def _name(reference: Url | S3Object | bytes) -> str:
    match reference:
        case Url():
            return reference.url
        case S3Object():
            return str(reference)
        case bytes():
            return f"sha256:{hashlib.sha256(reference).hexdigest()}"
