"""Create a job: what all doors do with a request."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from darkroom.domain import media
from darkroom.domain.callers import Caller
from darkroom.domain.errors import ConflictError, FieldProblem, InvalidRequestError
from darkroom.domain.identity import fingerprint, job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.references import (
    ALLOWED_FORMS,
    MAX_REFERENCE_BYTES,
    BadReferenceError,
    S3Object,
    Url,
    parse_reference,
)
from darkroom.domain.requests import JobRequest
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Clock, Jobs, Metrics, Prices, References, Workflow
from darkroom.usecases.budget import Budget

# A door starts what it records at once: the sweep looks whether it did.
START_GRACE = timedelta(minutes=2)

type Given = Url | S3Object | bytes


@dataclass(frozen=True)
class RequestSource:
    """Where a request comes from, besides what it asks."""

    caller: Caller
    key: str  # the same key of the same caller asks for the same job
    request_id: str
    source: S3Object | None = None  # the upload that asks, pinned
    preset: str | None = None
    folder: str | None = None  # where its assets go, in a folder of the job
    daily_budget_micro_usd: int | None = None  # the caller's
    priority: Priority = Priority.NORMAL  # if the request does not say
    batch_id: str | None = None


@dataclass(frozen=True)
class CreateJob:
    """Turn a request into a job that runs, once for each caller and idempotency key."""

    jobs: Jobs
    references: References
    workflow: Workflow
    prices: Prices
    budget: Budget
    metrics: Metrics
    now: Clock
    default_deadline: int
    retention: timedelta

    def __call__(self, request: JobRequest, request_source: RequestSource) -> Job:
        """Return the job; raises InvalidRequestError, ConflictError or BudgetExceededError.

        Safe to repeat: a crash between the record and the start is mended by the next try.
        """
        identity = job_id(request_source.caller.name, request_source.key)
        given = self._parse(request, request_source)
        asked = fingerprint(request, (_name(reference) for reference in given))
        job = self.jobs.get(identity)
        if job is None:
            stored = self._store_references(given, identity, request_source.caller)
            job = self._new(request, request_source, identity, asked, stored)
            if self.budget.create(job, request_source.daily_budget_micro_usd):
                self.metrics.count("JobsAccepted")
            else:  # another delivery of the same request was quicker
                job = self.jobs.get(identity) or job
        if job.fingerprint != asked:
            raise ConflictError(f"the idempotency key stands for another request: job {identity}")
        if job.status is Status.QUEUED:
            self.workflow.start(identity)
        return job

    def resume(self, request_source: RequestSource) -> Job | None:
        """Return the job that was made of this before, started if it has not been."""
        job = self.jobs.get(job_id(request_source.caller.name, request_source.key))
        if job is not None and job.status is Status.QUEUED:
            self.workflow.start(job.job_id)
        return job

    def _new(
        self,
        request: JobRequest,
        request_source: RequestSource,
        identity: str,
        asked: str,
        stored: list[Url | S3Object],
    ) -> Job:
        now = self.now()
        quote = self.prices.quote(request.model, request.input, len(stored))
        return Job(
            job_id=identity,
            caller=request_source.caller.name,
            request_id=request_source.request_id,
            idempotency_key=request_source.key,
            fingerprint=asked,
            operation=request.operation,
            model=request.model,
            input=request.input,
            references=tuple(stored),
            source=request_source.source,
            batch_id=request_source.batch_id,
            preset=request_source.preset,
            prefix=f"{request_source.folder or 'jobs'}/{identity}",
            deadline_seconds=request.deadline_seconds or self.default_deadline,
            estimated_cost_micro_usd=quote and quote.micro_usd,
            priced_as_of=quote and quote.as_of,
            priority=request.priority or request_source.priority,
            sweep_after=now + START_GRACE,
            accepted_at=now,
            expires_at=int((now + self.retention).timestamp()),
        )

    def _parse(self, request: JobRequest, request_source: RequestSource) -> list[Given]:
        parsed: list[Given] = []
        problems: list[FieldProblem] = []
        for index, text in enumerate(request.references):
            if request_source.source is not None and text == str(request_source.source):
                parsed.append(request_source.source)
                continue
            try:
                parsed.append(self.references.resolve(text) or parse_reference(text))
            except BadReferenceError as error:
                problems.append(_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return parsed

    def _store_references(
        self, given: list[Given], identity: str, caller: Caller
    ) -> list[Url | S3Object]:
        """Check every reference, then store the bytes among them: all or none."""
        problems: list[FieldProblem] = []
        inspected: list[Given] = []
        for index, reference in enumerate(given):
            try:
                inspected.append(self._inspect(reference, caller))
            except BadReferenceError as error:
                problems.append(_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return [
            self.references.store(identity, caller.name, reference, _picture(reference))
            if isinstance(reference, bytes)
            else reference
            for reference in inspected
        ]

    def _inspect(self, reference: Given, caller: Caller) -> Given:
        match reference:
            case Url():
                return reference
            case bytes():
                _check(len(reference), reference)
                return reference
            case S3Object():
                if reference.has_dots:
                    raise BadReferenceError("has a . or .. in its path, which no URL can carry")
                found = self.references.inspect(reference)
                if found is None or not found.is_readable_by(caller):
                    raise BadReferenceError("does not exist, or may not be read")
                _check(found.size, found.head)
                return found.reference


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


def _name(reference: Given) -> str:
    match reference:
        case Url():
            return reference.url
        case S3Object():
            return str(reference)
        case bytes():
            return f"sha256:{hashlib.sha256(reference).hexdigest()}"
