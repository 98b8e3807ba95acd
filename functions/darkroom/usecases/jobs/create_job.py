"""Create a job: the use case that every entry point shares."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callbacks import Callback, require_public
from darkroom.domain.callers import Caller
from darkroom.domain.chain import (
    MAX_CHAIN_BYTES,
    Chain,
    ChainOutput,
    ChainStep,
    StepReference,
    priced_input,
)
from darkroom.domain.errors import ConflictError, FieldProblem, InvalidRequestError
from darkroom.domain.identity import fingerprint, is_step_key, job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import at_step
from darkroom.domain.pricing import UnknownPrices
from darkroom.domain.references import (
    S3Object,
    Url,
    map_texts,
)
from darkroom.domain.requests import (
    DEFAULT_DEADLINE_SECONDS,
    EditStep,
    JobRequest,
    ModelStep,
    models_of,
)
from darkroom.domain.submit_queue import Priority
from darkroom.domain.sweeping import START_GRACE
from darkroom.ports import (
    Audit,
    Clock,
    Jobs,
    Metrics,
    Prices,
    Quote,
    Workflow,
)
from darkroom.usecases.jobs.budget import Budget
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.read_references import (
    Parsed,
    ParsedReference,
    ReadReferences,
    Reference,
)
from darkroom.usecases.jobs.reuse_job import ReuseJob


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
    callback_url: str | None = None  # default, if the request has none
    # Root URL of the API, if the request came in the provider's format: so do its callbacks.
    api_url: str | None = None
    reuse_seconds: int = 0  # default, if the request has none


@dataclass(frozen=True)
class CreateJob:
    """Create and start one job per caller and idempotency key."""

    jobs: Jobs
    references: ReadReferences
    workflow: Workflow
    prices: Prices
    budget: Budget
    reuse: ReuseJob
    end: EndJob
    metrics: Metrics
    audit: Audit
    now: Clock
    retention: timedelta
    unknown_prices: UnknownPrices
    local_callbacks: bool  # whether callback URLs may name the local machine

    def run(self, request: JobRequest, request_source: RequestSource) -> Job:
        """Return the job, the first of a chain if the request has further steps.

        Raises InvalidRequestError, ForbiddenError, ConflictError or BudgetExceededError.

        Idempotent: after a crash between the record and the start, the next call starts the job.
        """
        for model in models_of(request):
            request_source.caller.require_model(model)
        if is_step_key(request_source.key):
            allowed = "another key"
            message = f"This idempotency key names a step of a chain. Use {allowed}."
            raise InvalidRequestError.of("idempotency_key", message, allowed)
        identity = job_id(request_source.caller.name, request_source.key)
        parsed, steps = self._parse_all(request)
        request_fingerprint = _fingerprint(parsed, steps)
        job = self.jobs.get(identity)
        if job is None:
            requests = [parsed, *steps]
            quotes = self._quotes([each.request for each in requests], request_source.caller)
            references = [each.references for each in requests]
            stored = self.references.store(references, identity, request_source.caller)
            job = self._new(
                parsed.request, request_source, identity, request_fingerprint, stored[0], quotes[0]
            )
            if steps:
                further = zip((each.request for each in steps), stored[1:], quotes[1:], strict=True)
                job = self._with_chain(job, further, request_source)
            job = self._share(job, request, request_source)
            created = self._reserve_and_create(job, request_source)
            if created is not None:
                job = created
                self.metrics.count("JobsAccepted")
                self.audit.record(
                    audit.entry(job.accepted_at, Act.JOB_CREATED, identity, request_source.caller)
                )
            else:  # a concurrent delivery of the same request has created the job
                job = self.jobs.get(identity) or job
        if job.fingerprint != request_fingerprint:
            raise _conflict(job, parsed.request, parsed.references)
        return self._start(job)

    def _share(self, job: Job, request: JobRequest, request_source: RequestSource) -> Job:
        """Return the job with the earlier job whose outputs it may get, if there is one."""
        seconds = request.reuse_seconds
        if seconds is None:
            seconds = request_source.reuse_seconds
        if not seconds:
            return job
        original = self.reuse.find(job, seconds, ignores_query=request.reuse_ignores_query)
        return job.model_copy(update={"reused_from": original})

    def _reserve_and_create(self, job: Job, request_source: RequestSource) -> Job | None:
        """Return the stored job, or None if it exists already. A job that is free has ended."""
        original = self.reuse.ready(job)
        if original is not None:
            return self.end.create_reused(job, original)
        scope = request_source.budget_scope or job.caller
        created = self.budget.create(job, scope, request_source.daily_budget_micro_usd)
        return job if created else None

    def _start(self, job: Job) -> Job:
        """Start the execution of a queued job, unless the job can be completed at once."""
        if job.status is not Status.QUEUED:
            return job
        if job.reused_from is not None:
            shared = self.reuse.run(job)
            if shared is not None and not shared.is_open:
                return shared
        self.workflow.start(job.job_id)
        return job

    def fingerprint(self, request: JobRequest) -> str:
        """Return the fingerprint of the job of a request. Raises InvalidRequestError."""
        parsed, steps = self._parse_all(request)
        return _fingerprint(parsed, steps)

    def resume(self, request_source: RequestSource) -> Job | None:
        """Return the existing job of the source, started if it was not; None without a job."""
        job = self.jobs.get(job_id(request_source.caller.name, request_source.key))
        return job and self._start(job)

    def _new(
        self,
        request: JobRequest,
        request_source: RequestSource,
        identity: str,
        request_fingerprint: str,
        stored: list[StepReference],
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
            references=tuple(r for r in stored if not isinstance(r, ChainOutput)),
            source=request_source.source,
            batch_id=request_source.batch_id,
            preset=request_source.preset,
            prefix=f"{request_source.folder or 'jobs'}/{identity}",
            deadline_seconds=request.deadline_seconds or DEFAULT_DEADLINE_SECONDS,
            callback=_callback(request, request_source),
            estimated_cost_micro_usd=quote and quote.micro_usd,
            priced_as_of=quote and quote.as_of,
            priority=request.priority or request_source.priority,
            sweep_after=now + START_GRACE,
            accepted_at=now,
            expires_at=int((now + self.retention).timestamp()),
        )

    def _quotes(
        self, requests: Iterable[JobRequest | EditStep | ModelStep], caller: Caller
    ) -> list[Quote | None]:
        """Return the price of each. Raises InvalidRequestError if one must be known and is not."""
        quotes = [self.quote(request) for request in requests]
        problem = self.unknown_prices.problem(caller) if None in quotes else None
        if problem is not None:
            number = quotes.index(None)
            raise InvalidRequestError([at_step(number, problem) if number else problem])
        return quotes

    def quote(self, request: JobRequest | EditStep | ModelStep) -> Quote | None:
        """Return the price of a request, or of a step of a chain; None if it is unknown."""
        model_input = priced_input(request.input)
        return self.prices.quote(request.model, model_input, len(request.references))

    def _with_chain(
        self,
        job: Job,
        further: Iterable[tuple[EditStep | ModelStep, list[StepReference], Quote | None]],
        request_source: RequestSource,
    ) -> Job:
        """Return the job as the first of a chain with `further` steps and their prices."""
        steps = tuple(
            ChainStep(
                operation=step.operation,
                model=step.model,
                input=step.input,
                references=tuple(references),
                deadline_seconds=step.deadline_seconds or DEFAULT_DEADLINE_SECONDS,
                estimated_cost_micro_usd=quote and quote.micro_usd,
                priced_as_of=quote and quote.as_of,
            )
            for step, references, quote in further
        )
        chain = Chain(
            steps=steps,
            folder=request_source.folder or "jobs",
            daily_budget_micro_usd=request_source.daily_budget_micro_usd,
            budget_scope=request_source.budget_scope,
        )
        if len(chain.model_dump_json().encode()) > MAX_CHAIN_BYTES:
            allowed = f"at most {MAX_CHAIN_BYTES:,} bytes of JSON"
            message = f"`then` is too long. Use {allowed}, without images in base64."
            raise InvalidRequestError.of("then", message, allowed)
        changes = {
            "chain_request": chain,
            "chain_id": job.job_id,
            "chain_jobs": (job.job_id,),
            "step": 0,
        }
        return job.model_copy(update=changes)

    def _parse_all(
        self, request: JobRequest
    ) -> tuple[Parsed[JobRequest], list[Parsed[EditStep | ModelStep]]]:
        """Return the request and the further steps of its chain. Raises all problems at once."""
        problems: list[FieldProblem] = []
        parsed: Parsed[JobRequest] | None = None
        steps: list[Parsed[EditStep | ModelStep]] = []
        try:
            if request.callback_url is not None and not self.local_callbacks:
                require_public(request.callback_url)
            parsed = self.references.parse(request)
        except InvalidRequestError as error:
            problems += error.problems
        for number, step in enumerate(request.then, 1):
            try:
                steps.append(self.references.parse(step))
            except InvalidRequestError as error:
                problems += [at_step(number, problem) for problem in error.problems]
        if problems or parsed is None:
            raise InvalidRequestError(problems)
        return parsed, steps


def _callback(request: JobRequest, request_source: RequestSource) -> Callback | None:
    if request.callback_url is not None:
        return Callback(url=request.callback_url, api_url=request_source.api_url)
    default = request_source.callback_url
    return None if default is None else Callback(url=default)


def _conflict(job: Job, request: JobRequest, references: list[Reference]) -> ConflictError:
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


def _fingerprint(parsed: Parsed[JobRequest], steps: Iterable[Parsed[EditStep | ModelStep]]) -> str:
    return fingerprint(parsed.request, parsed.names, ((step.request, step.names) for step in steps))
