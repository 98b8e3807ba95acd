"""Create a job: the use case that every entry point shares."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from darkroom.domain import audit, media
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.errors import ConflictError, FieldProblem, InvalidRequestError
from darkroom.domain.identity import fingerprint, job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.media import Format, MediaKind
from darkroom.domain.parsing import MAX_FIELD_NAME
from darkroom.domain.pricing import UnknownPrices
from darkroom.domain.references import (
    BadReferenceError,
    S3Object,
    Url,
    map_texts,
    map_urls,
    parse_reference,
    reference_problem,
    require_complete,
    require_image,
    require_size,
    s3_object,
)
from darkroom.domain.requests import DEFAULT_DEADLINE_SECONDS, AnyModel, JobRequest
from darkroom.domain.submit_queue import Priority
from darkroom.domain.sweeping import START_GRACE
from darkroom.ports import (
    Audit,
    Clock,
    Jobs,
    Metrics,
    Prices,
    Quote,
    References,
    StoredObject,
    Workflow,
)
from darkroom.usecases.jobs.budget import Budget

# Their formats are certain. The magic bytes of 3D models also match other files.
_SERVED_KINDS = (MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.AUDIO)

type ParsedReference = Url | S3Object | bytes


# S3 objects in the input of a model; each is read before the job is created.
_MAX_OBJECTS = 64


class _Reference(NamedTuple):
    """A reference, and its place: the index of an image, or the field of a model's input."""

    value: ParsedReference
    place: int | str

    @property
    def is_image(self) -> bool:
        """Whether the reference must be an image. A model may take any file."""
        return isinstance(self.place, int)

    def problem(self, error: BadReferenceError) -> FieldProblem:
        """Return the problem of the reference."""
        if isinstance(self.place, int):
            return reference_problem(self.place, error)
        field = self.place[:MAX_FIELD_NAME]
        allowed = "an object that this caller may read"
        return FieldProblem(field=field, message=f"`{field}` {error}", allowed=allowed)


@dataclass(frozen=True)
class RequestSource:
    """The origin of a request, and the settings that the entry point provides."""

    caller: Caller
    key: str  # the idempotency key: one job per caller and key
    request_id: str
    source: S3Object | None = None  # the inbox upload, pinned to its version
    preset: str | None = None
    folder: str | None = None  # prefix of the job's folder in the assets bucket
    daily_budget_micro_usd: int | None = None  # of an inbox folder
    budget_scope: str | None = None  # owner of the budget; by default the caller
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
    audit: Audit
    now: Clock
    retention: timedelta
    unknown_prices: UnknownPrices

    def run(self, request: JobRequest, request_source: RequestSource) -> Job:
        """Return the job.

        Raises InvalidRequestError, ForbiddenError, ConflictError or BudgetExceededError.

        Idempotent: after a crash between the record and the start, the next call starts the job.
        """
        request_source.caller.require_model(request.model)
        identity = job_id(request_source.caller.name, request_source.key)
        request, references = self._parse(request)
        request_fingerprint = fingerprint(request, (_name(parsed.value) for parsed in references))
        job = self.jobs.get(identity)
        if job is None:
            quote = self._quote(request, request_source.caller)
            stored = self._store_references(references, identity, request_source.caller)
            job = self._new(request, request_source, identity, request_fingerprint, stored, quote)
            scope = request_source.budget_scope or job.caller
            if self.budget.create(job, scope, request_source.daily_budget_micro_usd):
                self.metrics.count("JobsAccepted")
                self.audit.record(
                    audit.entry(job.accepted_at, Act.JOB_CREATED, identity, request_source.caller)
                )
            else:  # a concurrent delivery of the same request has created the job
                job = self.jobs.get(identity) or job
        if job.fingerprint != request_fingerprint:
            raise _conflict(job, request, references)
        if job.status is Status.QUEUED:
            self.workflow.start(identity)
        return job

    def fingerprint(self, request: JobRequest) -> str:
        """Return the fingerprint of the job of a request. Raises InvalidRequestError."""
        request, references = self._parse(request)
        return fingerprint(request, (_name(parsed.value) for parsed in references))

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
        quote: Quote | None,
    ) -> Job:
        now = self.now()
        return Job(
            job_id=identity,
            caller=request_source.caller.name,
            request_id=request_source.request_id,
            key_id=request_source.caller.key_id,
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

    def _quote(self, request: JobRequest, caller: Caller) -> Quote | None:
        """Return the price. Raises InvalidRequestError if it is unknown and must be known."""
        quote = self.prices.quote(request.model, request.input, len(request.references))
        problem = self.unknown_prices.problem(caller) if quote is None else None
        if problem is not None:
            raise InvalidRequestError([problem])
        return quote

    def _parse(self, request: JobRequest) -> tuple[JobRequest, list[_Reference]]:
        """Return the request and its references."""
        if isinstance(request, AnyModel):
            return self._parse_input(request)
        parsed: list[_Reference] = []
        problems: list[FieldProblem] = []
        for index, image in enumerate(request.references):
            try:
                value = (
                    image
                    if isinstance(image, S3Object)
                    else self.references.resolve(image) or parse_reference(image)
                )
                parsed.append(_Reference(value, index))
            except BadReferenceError as error:
                problems.append(reference_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return request, parsed

    def _parse_input(self, request: AnyModel) -> tuple[AnyModel, list[_Reference]]:
        """Return the request with the S3 URIs of the objects that its input names, and the objects.

        A presigned URL expires, so Submit signs the object anew.
        """
        objects: dict[str, _Reference] = {}

        def name_object(named: S3Object | None, path: str, text: str) -> str:
            if named is None:
                return text
            objects.setdefault(str(named), _Reference(named, f"input.{path}"))
            return str(named)

        def name_objects(text: str, path: str) -> str:
            bare = text.strip()
            whole = s3_object(bare) if "://" in bare else self.references.resolve(bare)
            if whole is not None:
                return name_object(whole, path, text)
            named = map_urls(bare, lambda url: name_object(self.references.resolve(url), path, url))
            return text if named == bare else named

        model_input = map_texts(request.input, name_objects)
        if len(objects) > _MAX_OBJECTS:
            allowed = f"at most {_MAX_OBJECTS} S3 objects"
            raise InvalidRequestError.of(
                "input", f"`input` names too many. Use {allowed}.", allowed
            )
        references = [objects[name] for name in sorted(objects)]
        return request.model_copy(update={"input": model_input}), references

    def _store_references(
        self, references: list[_Reference], identity: str, caller: Caller
    ) -> list[Url | S3Object]:
        """Check every reference, then store the inline ones. Nothing is stored if one is bad."""
        problems: list[FieldProblem] = []
        inspected: list[ParsedReference] = []
        for reference in references:
            try:
                inspected.append(self._inspect(reference, caller))
            except BadReferenceError as error:
                problems.append(reference.problem(error))
        if problems:
            raise InvalidRequestError(problems)
        return [
            self.references.store(identity, caller.name, reference, require_image(reference))
            if isinstance(reference, bytes)
            else reference
            for reference in inspected
        ]

    def _inspect(self, reference: _Reference, caller: Caller) -> ParsedReference:
        match reference.value:
            case Url() as url:
                return url
            case bytes() as data:
                require_size(len(data))
                require_complete(require_image(data), data, data, len(data))
                return data
            case S3Object() as location:
                if location.has_dots:
                    raise BadReferenceError(
                        "has a . or .. in its path, which a URL cannot contain. Rename the object."
                    )
                stored = self.references.inspect(location)
                if stored is None or not stored.is_readable_by(caller):
                    raise BadReferenceError("does not exist, or this caller may not read it.")
                is_image = reference.is_image
                known = self._require_image(stored) if is_image else media.sniff(stored.head)
                if known is None or known.kind not in _SERVED_KINDS:
                    return stored.reference
                changes = {"content_type": known.content_type}
                is_right = known.content_type == stored.content_type
                return stored.reference if is_right else stored.reference.model_copy(update=changes)

    def _require_image(self, stored: StoredObject) -> Format:
        """Return the format of a complete image. Raises BadReferenceError."""
        require_size(stored.size)
        known = require_image(stored.head)
        header = tail = stored.head
        if stored.size > len(header):
            tail = self.references.read_end(stored.reference, media.TAIL_BYTES)
            if media.dimensions(known, header) is None or not media.is_whole(
                known, header, tail, stored.size
            ):
                # Metadata can be longer than the header, and bytes can follow the image's end.
                header = tail = self.references.read_end(stored.reference, stored.size)
        require_complete(known, header, tail, stored.size)
        return known


def _conflict(job: Job, request: JobRequest, references: list[_Reference]) -> ConflictError:
    """Return the error for a key that `job` has used, with a hint if a signature has changed."""
    before = _urls(job.input, job.references)
    now = _urls(request.input, [parsed.value for parsed in references])
    hint = (
        " The URL of a file has another query, such as a new signature, than in the first request."
        if any(now[place] != before[place] for place in now.keys() & before.keys())
        else ""
    )
    return ConflictError(
        f"This idempotency key was already used for another request (job {job.job_id}).{hint}"
        " Use a new key."
    )


def _urls(
    model_input: dict[str, Any], references: Iterable[ParsedReference]
) -> dict[str, set[str]]:
    """Return the URLs of files by their part before the query."""
    urls = [reference.url for reference in references if isinstance(reference, Url)]

    def collect(text: str, _: str) -> str:
        if text.lower().startswith("https://"):
            urls.append(text)
        return text

    map_texts(model_input, collect)
    by_place: dict[str, set[str]] = {}
    for url in urls:
        by_place.setdefault(url.partition("?")[0], set()).add(url)
    return by_place


def _name(reference: ParsedReference) -> str:
    match reference:
        case Url():
            return reference.url
        case S3Object():
            return str(reference)
        case bytes():
            return f"sha256:{hashlib.sha256(reference).hexdigest()}"
