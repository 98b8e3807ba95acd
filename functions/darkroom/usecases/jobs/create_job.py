"""Create a job: the use case that every entry point shares."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from darkroom.domain.callers import Caller
from darkroom.domain.errors import ConflictError, FieldProblem, InvalidRequestError
from darkroom.domain.identity import fingerprint, job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.references import (
    BadReferenceError,
    S3Object,
    Url,
    parse_reference,
    reference_problem,
    require_image,
    require_size,
)
from darkroom.domain.requests import DEFAULT_DEADLINE_SECONDS, JobRequest
from darkroom.domain.submit_queue import Priority
from darkroom.domain.sweeping import START_GRACE
from darkroom.ports import Clock, Jobs, Metrics, Prices, References, Workflow
from darkroom.usecases.jobs.budget import Budget

type ParsedReference = Url | S3Object | bytes


@dataclass(frozen=True)
class RequestSource:
    """The origin of a request, and the settings that the entry point provides."""

    caller: Caller
    key: str  # the idempotency key: one job per caller and key
    request_id: str
    source: S3Object | None = None  # the inbox upload, pinned to its version
    preset: str | None = None
    folder: str | None = None  # prefix of the job's folder in the assets bucket
    daily_budget_micro_usd: int | None = None  # of the caller
    priority: Priority = Priority.NORMAL  # default, if the request has none
    batch_id: str | None = None


@dataclass(frozen=True)
class CreateJob:
    """Create and start one job per caller and idempotency key."""

    jobs: Jobs
    references: References
    workflow: Workflow
    prices: Prices
    budget: Budget
    metrics: Metrics
    now: Clock
    retention: timedelta

    def run(self, request: JobRequest, request_source: RequestSource) -> Job:
        """Return the job. Raises InvalidRequestError, ConflictError or BudgetExceededError.

        Idempotent: after a crash between the record and the start, the next call starts the job.
        """
        identity = job_id(request_source.caller.name, request_source.key)
        references = self._parse(request)
        request_fingerprint = fingerprint(request, (_name(reference) for reference in references))
        job = self.jobs.get(identity)
        if job is None:
            stored = self._store_references(references, identity, request_source.caller)
            job = self._new(request, request_source, identity, request_fingerprint, stored)
            if self.budget.create(job, request_source.daily_budget_micro_usd):
                self.metrics.count("JobsAccepted")
            else:  # a concurrent delivery of the same request has created the job
                job = self.jobs.get(identity) or job
        if job.fingerprint != request_fingerprint:
            raise ConflictError(
                f"This idempotency key was already used for another request (job {identity})."
                " Use a new key."
            )
        if job.status is Status.QUEUED:
            self.workflow.start(identity)
        return job

    def resume(self, request_source: RequestSource) -> Job | None:
        """Return the existing job of the source, started if it was not; None without a job."""
        job = self.jobs.get(job_id(request_source.caller.name, request_source.key))
        if job is not None and job.status is Status.QUEUED:
            self.workflow.start(job.job_id)
        return job

    def _new(
        self,
        request: JobRequest,
        request_source: RequestSource,
        identity: str,
        request_fingerprint: str,
        stored: list[Url | S3Object],
    ) -> Job:
        now = self.now()
        quote = self.prices.quote(request.model, request.input, len(stored))
        return Job(
            job_id=identity,
            caller=request_source.caller.name,
            request_id=request_source.request_id,
            idempotency_key=request_source.key,
            fingerprint=request_fingerprint,
            operation=request.operation,
            model=request.model,
            input=request.input,
            references=tuple(stored),
            source=request_source.source,
            batch_id=request_source.batch_id,
            preset=request_source.preset,
            prefix=f"{request_source.folder or 'jobs'}/{identity}",
            deadline_seconds=request.deadline_seconds or DEFAULT_DEADLINE_SECONDS,
            estimated_cost_micro_usd=quote and quote.micro_usd,
            priced_as_of=quote and quote.as_of,
            priority=request.priority or request_source.priority,
            sweep_after=now + START_GRACE,
            accepted_at=now,
            expires_at=int((now + self.retention).timestamp()),
        )

    def _parse(self, request: JobRequest) -> list[ParsedReference]:
        parsed: list[ParsedReference] = []
        problems: list[FieldProblem] = []
        for index, image in enumerate(request.references):
            try:
                parsed.append(
                    image
                    if isinstance(image, S3Object)
                    else self.references.resolve(image) or parse_reference(image)
                )
            except BadReferenceError as error:
                problems.append(reference_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return parsed

    def _store_references(
        self, references: list[ParsedReference], identity: str, caller: Caller
    ) -> list[Url | S3Object]:
        """Check every reference, then store the inline ones. Nothing is stored if one is bad."""
        problems: list[FieldProblem] = []
        inspected: list[ParsedReference] = []
        for index, reference in enumerate(references):
            try:
                inspected.append(self._inspect(reference, caller))
            except BadReferenceError as error:
                problems.append(reference_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return [
            self.references.store(identity, caller.name, reference, require_image(reference))
            if isinstance(reference, bytes)
            else reference
            for reference in inspected
        ]

    def _inspect(self, reference: ParsedReference, caller: Caller) -> ParsedReference:
        match reference:
            case Url():
                return reference
            case bytes():
                require_size(len(reference))
                require_image(reference)
                return reference
            case S3Object():
                if reference.has_dots:
                    raise BadReferenceError(
                        "has a . or .. in its path, which a URL cannot contain. Rename the object."
                    )
                stored = self.references.inspect(reference)
                if stored is None or not stored.is_readable_by(caller):
                    raise BadReferenceError("does not exist, or this caller may not read it.")
                require_size(stored.size)
                require_image(stored.head)
                return stored.reference


def _name(reference: ParsedReference) -> str:
    match reference:
        case Url():
            return reference.url
        case S3Object():
            return str(reference)
        case bytes():
            return f"sha256:{hashlib.sha256(reference).hexdigest()}"
