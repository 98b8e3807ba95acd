"""The state of a chain: the first job's record, the jobs of the steps, and its next step."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from darkroom.domain.chain import ChainStep, Outputs
from darkroom.domain.errors import Charged, Code, failure, megabytes
from darkroom.domain.identity import job_id, step_key
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.media import REFERENCE_FORMATS
from darkroom.domain.references import (
    MAX_REFERENCE_BYTES,
    MAX_REFERENCE_PIXELS,
    Reference,
    S3Object,
)
from darkroom.domain.requests import Output
from darkroom.domain.sweeping import START_GRACE

_IMAGE_TYPES = frozenset(known.content_type for known in REFERENCE_FORMATS)


class ChainStatus(StrEnum):
    """The status of a chain."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class ChainFailure(NamedTuple):
    """Why a chain has failed, and the job of its step; the first job, if the step has none."""

    job_id: str
    step: int
    code: Code
    message: str
    retryable: bool


@dataclass(frozen=True)
class ChainState:
    """A chain: `root` is the first job, whose record has the chain. `jobs` is by step.

    `replaced` has the failed jobs in whose place a resume has started others.
    """

    root: Job
    jobs: tuple[Job, ...]
    replaced: tuple[Job, ...] = ()

    @property
    def status(self) -> ChainStatus:
        """The status of the chain."""
        if self.root.chain_ended_at is None:
            return ChainStatus.RUNNING
        if self.root.chain_code is None:
            return ChainStatus.COMPLETED
        is_canceled = self.root.chain_code is Code.CANCELED
        return ChainStatus.CANCELED if is_canceled else ChainStatus.FAILED

    @property
    def further(self) -> tuple[ChainStep, ...]:
        """The steps after the first job."""
        return self.root.chain_request.steps if self.root.chain_request else ()

    @property
    def prices(self) -> tuple[int | None, ...]:
        """The price of each step in micro-USD, the first job included; None if it is unknown."""
        further = (step.estimated_cost_micro_usd for step in self.further)
        return (self.root.estimated_cost_micro_usd, *further)

    @property
    def steps(self) -> int:
        """The number of steps, the first job included."""
        return len(self.prices)

    @property
    def models(self) -> tuple[str, ...]:
        """The model of each step, the first job included."""
        return (self.root.model, *(step.model for step in self.further))

    @property
    def estimated_cost_micro_usd(self) -> int | None:
        """The price of all steps; None if a price is unknown."""
        known = [price for price in self.prices if price is not None]
        return sum(known) if len(known) == self.steps else None

    @property
    def finished(self) -> tuple[Job, ...]:
        """The jobs of the steps that need no further work, up to the first that has failed."""
        jobs = self.jobs
        count = next((n for n, job in enumerate(jobs) if not job.has_result), len(jobs))
        return jobs[:count]

    @property
    def failure(self) -> ChainFailure | None:
        """Why the chain has failed; None if it has not."""
        root, code = self.root, self.root.chain_code
        if code is None:
            return None
        # The last job, or the next step, which could not start. A late result changes nothing.
        job = next((job for job in self.jobs[-1:] if job.status is not Status.COMPLETED), None)
        step = len(self.jobs) - (job is not None)
        meaning = failure(code, sent=job is not None and job.was_sent)
        message = f"Step {step + 1}: {root.chain_detail or meaning.message}"
        return ChainFailure((job or root).job_id, step, code, message, meaning.retryable)

    def cost(self, charged: Charged) -> int:
        """Return the price in micro-USD of all jobs of which `charged` holds."""
        jobs = (*self.jobs, *self.replaced)
        return sum(job.estimated_cost_micro_usd or 0 for job in jobs if job.charge is charged)

    @property
    def reserved_micro_usd(self) -> int:
        """The price of the steps that have no job yet, while the chain runs."""
        left = self.prices[len(self.jobs) :] if self.root.has_open_chain else ()
        return sum(price or 0 for price in left)

    def revision(self, job: Job) -> str:
        """Return a digest of a job of the chain, and of the chain's state."""
        revisions = [job.revision, str(self.status), str(self.root.chain_attempt)]
        revisions += [each.revision for each in (*self.jobs, *self.replaced)]
        return hashlib.sha256(" ".join(revisions).encode()).hexdigest()[:32]

    def next_job(self, now: datetime) -> Job:
        """Return the record of the next step's job. Raises MissingOutputError.

        After a resume, the next step can be the first one.
        """
        root, step = self.root, len(self.jobs)
        key = step_key(root.job_id, step, root.chain_attempt)
        identity = job_id(root.caller, key)
        price = self.prices[step]
        fields: dict[str, Any] = {
            "idempotency_key": key,
            "job_id": identity,
            "estimated_cost_micro_usd": price,
            "prefix": f"{self._folder}/{identity}",
            "step": step,
            "accepted_at": now,
            "sweep_after": now + START_GRACE,
            "reservations": tuple(
                reservation.model_copy(update={"micro_usd": price or 0})
                for reservation in root.chain_reservations
            ),
        }
        if step:
            chain_step = self.further[step - 1]
            model_input, references = chain_step.request(self._outputs)
            fields |= {"input": model_input, "references": references}
            fields |= chain_step.model_dump(
                include={"operation", "model", "deadline_seconds", "priced_as_of"}
            )
        shared = {name: getattr(root, name) for name in _SHARED}
        return Job.model_validate({**shared, **fields})

    @property
    def _folder(self) -> str:
        return self.root.chain_request.folder if self.root.chain_request else "jobs"

    @property
    def _outputs(self) -> Outputs:
        source = self.root.references[:1]
        return Outputs(
            {
                Output.PREVIOUS: _candidates(self.jobs[-1]),
                Output.FIRST: _candidates(self.jobs[0]),
                Output.SOURCE: [(reference, None) for reference in source],
            }
        )


# The fields that the job of a step has from the first job, unless its step has its own.
_SHARED = (
    "caller", "request_id", "key_id", "fingerprint", "operation", "model", "input", "references",
    "source", "batch_id", "preset", "deadline_seconds", "priced_as_of", "priority", "chain_id",
    "expires_at",
)  # fmt: skip


def of(root: Job, jobs: Sequence[Job]) -> ChainState:
    """Return the state of a chain. `jobs` has the records of its jobs, in any order."""
    by_id = {job.job_id: job for job in (*jobs, root)}
    return ChainState(
        root,
        tuple(by_id[identity] for identity in root.chain_jobs if identity in by_id),
        tuple(by_id[identity] for identity in root.chain_replaced if identity in by_id),
    )


def _candidates(job: Job) -> list[tuple[Reference, str | None]]:
    """Return the outputs of a job, each with the reason why an edit cannot use it."""
    return [(S3Object(bucket=asset.bucket, key=asset.key), _problem(asset)) for asset in job.assets]


def _problem(asset: Asset) -> str | None:
    if asset.content_type not in _IMAGE_TYPES:
        return f"is {asset.content_type}, not a PNG, JPEG or WebP image"
    if asset.size > MAX_REFERENCE_BYTES:
        return f"is {megabytes(asset.size)}; the limit is {megabytes(MAX_REFERENCE_BYTES)}"
    if (asset.width or 0) * (asset.height or 0) > MAX_REFERENCE_PIXELS:
        return f"has more than {MAX_REFERENCE_PIXELS // 1_000_000} megapixels"
    return None
