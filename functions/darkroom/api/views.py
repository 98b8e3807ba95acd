"""Build API responses from records."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from darkroom.api.schemas import (
    AssetView,
    BatchView,
    ChainStepView,
    ChainView,
    EventView,
    FailureView,
    InboxNoteView,
    InboxView,
    JobView,
    PresetsVersionView,
    QueueView,
    Results,
    StatsView,
    SubmitsView,
    WaitingUploadView,
    ZipView,
)
from darkroom.domain import job_events, polling
from darkroom.domain.batch import Batch, BatchStatus, Counts
from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import Charged, failure
from darkroom.domain.file_names import (
    URL_SECONDS,
    Presign,
    asset_url,
    download_url,
    file_name,
    zip_name,
)
from darkroom.domain.job import Asset, Job
from darkroom.domain.media import REFERENCE_FORMATS
from darkroom.domain.queue_places import QueuePlace, QueueReason
from darkroom.domain.references import S3Object
from darkroom.ports import RuntimeFlags, WaitingUpload
from darkroom.usecases.batches.end_batch import CSV, JSONL
from darkroom.usecases.batches.plan_batch import Plan
from darkroom.usecases.jobs.find_jobs import FoundJob
from darkroom.usecases.maintenance.read_stats import StatsReport
from darkroom.usecases.settings.change_presets import ChangedPresets

_MAX_ROW_PROBLEMS = 1000  # in the response to a dry run
_QUEUE_MESSAGES = {
    QueueReason.PAUSED: "Submission is paused. Jobs wait until an admin resumes it.",
    QueueReason.INSUFFICIENT_CREDITS: (
        "WaveSpeed is refusing requests (out of credit). Jobs resume after a top-up."
    ),
    QueueReason.UNAUTHORIZED: (
        "WaveSpeed is refusing requests (invalid API key). Jobs resume after the operator replaces"
        " the key in Secrets Manager."
    ),
    QueueReason.UNREACHABLE: "WaveSpeed does not answer. Jobs wait and resume automatically.",
    QueueReason.RATE_LIMITED: "WaveSpeed's rate limit is reached. Jobs resume within seconds.",
}
# thumbnails/thumbnail.py reads these formats.
_THUMBNAIL_TYPES = frozenset(known.content_type for known in REFERENCE_FORMATS)


def job_view(
    job: Job,
    presign: Presign,
    scale: float,
    own_bucket: str | None = None,
    chain: ChainState | None = None,
    place: QueuePlace | None = None,
) -> JobView:
    """Return the API representation of a job, with presigned URLs.

    `scale` multiplies the published durations. `place` is that of a queued job. `own_bucket` is the
    assets bucket. Without it, as in lists, the result has neither `reference_urls` nor `event`.
    """
    is_erased = job.erasing_at is not None
    failure_view: FailureView | None = None
    if job.code is not None:
        meaning = failure(job.code, sent=job.was_sent)
        failure_view = FailureView(
            code=job.code,
            message=meaning.message,
            detail=job.detail,
            retryable=meaning.retryable,
        )
    shared = (JobView.model_fields.keys() & Job.model_fields.keys()) - {
        "references", "source", "assets",
    }  # fmt: skip
    return JobView.model_validate(
        {
            **{name: getattr(job, name) for name in shared},
            "references": [str(reference) for reference in job.references],
            "reference_urls": [
                presign(reference, URL_SECONDS, None)
                if isinstance(reference, S3Object) and reference.bucket == own_bucket
                else None
                for reference in job.references
                if own_bucket
            ],
            "source": job_events.s3_location(job.source) if job.source and not is_erased else None,
            "expected_seconds": round(job.expectation(scale).median, 1),
            "charged": job.charge,
            "failure": failure_view,
            "assets": [
                AssetView(
                    **dict(asset),
                    url=asset_url(job, asset, presign),
                    download_url=download_url(job, asset, presign),
                    filename=file_name(job, asset),
                    thumbnail_url=_thumbnail_url(asset, presign),
                )
                for asset in job.assets
            ],
            "timings": job_events.timings(job),
            "event": _event(job, own_bucket) if own_bucket and not is_erased else None,
            "queue": place and {**place._asdict(), "message": _queue_message(place.reason)},
            "chain": chain and _chain_view(chain),
        }
    )


def _chain_view(chain: ChainState) -> ChainView:
    failed = chain.failure
    return ChainView(
        chain_id=chain.root.job_id,
        status=chain.status,
        attempt=chain.root.chain_attempt,
        steps=tuple(_step_view(chain, step) for step in range(chain.steps)),
        code=chain.root.chain_code,
        message=failed and failed.message,
        estimated_cost_micro_usd=chain.estimated_cost_micro_usd,
        reserved_micro_usd=chain.reserved_micro_usd,
        spent_micro_usd=chain.cost(Charged.YES),
        uncertain_micro_usd=chain.cost(Charged.MAYBE),
        ended_at=chain.root.chain_ended_at,
    )


def _step_view(chain: ChainState, step: int) -> ChainStepView:
    job = chain.jobs[step] if step < len(chain.jobs) else None
    request = chain.further[step - 1] if step else chain.root
    return ChainStepView(
        step=step,
        job_id=job and job.job_id,
        operation=request.operation,
        model=request.model,
        status=job.status if job else "waiting" if chain.root.has_open_chain else "skipped",
        code=job and job.code,
        estimated_cost_micro_usd=chain.prices[step],
        charged=job.charge if job else Charged.NO,
    )


def _event(job: Job, bucket: str) -> EventView | None:
    event = job_events.last_event(job, bucket)
    if event is None:
        return None
    return EventView(detail_type=type(event).__name__, detail=event.model_dump(mode="json"))


def _thumbnail_url(asset: Asset, presign: Presign) -> str | None:
    """Return a presigned URL of an output's thumbnail; None if the output has none.

    It is named after the job that has made the output, which a job can share with later ones.
    """
    if asset.content_type not in _THUMBNAIL_TYPES:
        return None
    path = PurePosixPath(asset.key)
    key = f"thumbnails/{path.parent.name}/{path.stem}.webp"
    return presign(S3Object(bucket=asset.bucket, key=key), URL_SECONDS, None)


def etag(found: FoundJob) -> str:
    """Return a strong ETag. It changes with every field of the response except the URLs."""
    return f'"{found.revision}"'


def revisions(tags: str) -> set[str]:
    """Return the ETags in an If-None-Match header. Weak ETags count as strong ones."""
    values = (tag.strip().removeprefix("W/").strip('"') for tag in tags.split(","))
    return {value for value in values if value}


def retry_after(job: Job, now: datetime, scale: float) -> int:
    """Return the seconds for the Retry-After header, by the expected duration of the job."""
    elapsed = (now - job.submitted_at).total_seconds() if job.submitted_at else 0.0
    expected, deadline = job.expectation(scale), job.deadline_seconds
    first_wait = polling.first_wait(elapsed, expected, deadline)
    return max(first_wait, polling.next_wait(elapsed, deadline))


def presets_version_view(version: ChangedPresets) -> PresetsVersionView:
    """Return the API representation of a stored version of the presets."""
    stored = version.stored
    return PresetsVersionView(
        version_id=stored.version_id,
        version=stored.presets and stored.presets.version,
        stored_at=stored.stored_at,
        stored_by=stored.stored_by,
        changed=version.changed,
        problem=stored.problem,
    )


def inbox_view(
    notes: Iterable[Mapping[str, Any]], *, is_complete: bool, waiting: Iterable[WaitingUpload]
) -> InboxView:
    """Return the API representation of notes and of waiting uploads."""
    return InboxView(
        notes=tuple(
            InboxNoteView(
                key=note["source"]["key"],
                at=note["at"],
                code=note["code"],
                message=note["message"],
                job_id=note.get("job_id"),
            )
            for note in notes
        ),
        is_complete=is_complete,
        waiting=tuple(WaitingUploadView(key=w.upload.key, since=w.since) for w in waiting),
    )


def submits_view(flags: RuntimeFlags) -> SubmitsView:
    """Return the API representation of the switch of submission."""
    return SubmitsView(
        paused=not flags.submits, paused_at=flags.paused_at, paused_by=flags.paused_by
    )


def _queue_message(reason: QueueReason | None) -> str | None:
    return _QUEUE_MESSAGES[reason] if reason else None


def stats_view(report: StatsReport) -> StatsView:
    """Return the API representation of the statistics."""
    queue = report.queue
    shards = queue.snapshot.shards.values()
    return StatsView(
        since=report.since,
        until=report.until,
        days=tuple(report.days),
        durations=tuple(report.durations),
        queue=QueueView(
            waiting_normal=sum(len(shard.normal) for shard in shards),
            waiting_low=sum(len(shard.low) for shard in shards),
            in_flight=sum(shard.in_flight for shard in shards),
            paused_seconds=round(queue.paused_seconds, 1),
            reason=queue.reason,
            breaker="open" if queue.snapshot.provider.reason else "closed",
            message=_queue_message(queue.reason),
            **dict(submits_view(queue.flags)),
        ),
    )


def plan_view(name: str | None, plan: Plan) -> BatchView:
    """Return the response to a dry run."""
    bad = len(plan.rows) - plan.valid_rows
    return BatchView(
        batch_id=None,
        name=name or plan.source.key.rpartition("/")[2],
        caller=None,
        status=BatchStatus.PLANNED,
        source=str(plan.source),
        rows=len(plan.rows),
        bad_rows=bad,
        estimated_cost_micro_usd=plan.estimated_cost_micro_usd,
        unpriced_rows=plan.unpriced_rows,
        errors=plan.problems(_MAX_ROW_PROBLEMS),
        warnings=plan.warnings,
        preview=plan.previews,
        columns=plan.columns,
        progress=Counts(waiting=plan.valid_rows, bad=bad),
        spent_micro_usd=0,
        uncertain_micro_usd=0,
        eta_seconds=None,
        results=None,
        created_at=None,
        canceled_at=None,
        ended_at=None,
    )


def batch_view(batch: Batch, url: Callable[[str], str], zip_urls: Mapping[int, str]) -> BatchView:
    """Return the batch for its caller.

    `url` presigns the URL of a result file. `zip_urls` has those of the zip files that exist.
    """
    is_canceling = batch.is_open and batch.canceled_at is not None
    has_results = batch.status in (BatchStatus.COMPLETED, BatchStatus.CANCELED)
    shared = BatchView.model_fields.keys() & Batch.model_fields.keys()
    return BatchView.model_validate(
        {
            **{name: getattr(batch, name) for name in shared},
            "status": BatchStatus.CANCELING if is_canceling else batch.status,
            "source": str(batch.source),
            "errors": batch.problems,
            "progress": batch.counts,
            "results": Results(csv_url=url(CSV), jsonl_url=url(JSONL)) if has_results else None,
            "zips": [
                ZipView(
                    filename=zip_name(batch, number),
                    files=part.files,
                    bytes=part.bytes,
                    url=zip_urls.get(number),
                )
                for number, part in enumerate(batch.zip_parts, 1)
            ],
            "created_at": batch.accepted_at,
        }
    )
