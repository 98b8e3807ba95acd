"""From records to what callers see."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

from darkroom.domain import job_events, polling
from darkroom.domain.errors import InvalidRequestError, failure
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Asset, Job
from darkroom.domain.references import S3Object
from darkroom.ports import Cursor
from darkroom.usecases.read_stats import StatsReport
from darkroom.web.contract import AssetView, EventView, FailureView, JobView, QueueView, StatsView

URL_SECONDS = 3600

type Presign = Callable[[S3Object, int], str]


def job_view(job: Job, presign: Presign, scale: float, own_bucket: str | None = None) -> JobView:
    """Return the job as its caller sees it, with URLs minted now.

    `own_bucket`, left out in lists, is where references and manifests lie.

    `scale`: by how much other than the published durations are.
    """
    told: FailureView | None = None
    if job.code is not None:
        meaning = failure(job.code, sent=job.was_sent)
        told = FailureView(
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
                presign(each, URL_SECONDS)
                if isinstance(each, S3Object) and each.bucket == own_bucket
                else None
                for each in job.references
                if own_bucket
            ],
            "source": job.source and job_events.located(job.source),
            "expected_seconds": round(job.expectation(scale).median, 1),
            "charged": job.charge,
            "failure": told,
            "assets": [
                AssetView(
                    **dict(asset),
                    url=asset_url(asset, presign),
                    thumbnail_url=_thumbnail_url(job, index, presign),
                )
                for index, asset in enumerate(job.assets)
            ],
            "timings": job_events.timings(job),
            "event": own_bucket and _event(job, own_bucket),
        }
    )


def _event(job: Job, bucket: str) -> EventView | None:
    told = job_events.last(job, bucket)
    if told is None:
        return None
    return EventView(detail_type=type(told).__name__, detail=told.model_dump(mode="json"))


def asset_url(asset: Asset, presign: Presign) -> str:
    """Return a URL for a stored output."""
    return presign(S3Object(bucket=asset.bucket, key=asset.key), URL_SECONDS)


def _thumbnail_url(job: Job, index: int, presign: Presign) -> str | None:
    """Return a URL for the small picture that is made of an output, if it is one."""
    asset = job.assets[index]
    if not asset.content_type.startswith("image/"):
        return None
    key = f"thumbnails/{job.job_id}/{index}.webp"
    return presign(S3Object(bucket=asset.bucket, key=key), URL_SECONDS)


def etag(job: Job) -> str:
    """Return a strong validator: it changes with everything but the URLs."""
    return f'"{job.revision}"'


def revisions(tags: str) -> set[str]:
    """Return what an If-None-Match header names; a weak tag counts like a strong one."""
    named = (tag.strip().removeprefix("W/").strip('"') for tag in tags.split(","))
    return {tag for tag in named if tag}


def retry_after(job: Job, now: datetime, scale: float) -> int:
    """Return the seconds after which it is worth looking again, by how long such jobs take."""
    elapsed = (now - job.submitted_at).total_seconds() if job.submitted_at else 0.0
    kind, left = job.expectation(scale), job.deadline_seconds
    return max(polling.first_wait(elapsed, kind, left), polling.next_wait(elapsed, left))


def encode_cursor(cursor: Cursor | None) -> str | None:
    """Return a cursor as an opaque word."""
    if cursor is None:
        return None
    text = json.dumps([cursor.accepted_at.isoformat(), cursor.job_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def stats_view(report: StatsReport) -> StatsView:
    """Return the numbers as a caller sees them."""
    shards = report.shards
    return StatsView(
        since=report.since,
        until=report.until,
        days=tuple(report.days),
        durations=tuple(report.durations),
        queue=QueueView(
            waiting_normal=sum(len(shard.normal) for shard in shards),
            waiting_low=sum(len(shard.low) for shard in shards),
            in_flight=sum(shard.in_flight for shard in shards),
            paused_seconds=round(report.paused_seconds, 1),
            breaker="closed" if all(shard.breaker.is_closed for shard in shards) else "open",
        ),
    )


def decode_cursor(word: str) -> Cursor:
    """Return the cursor in a word of `pack`; raises InvalidRequestError."""
    try:
        text = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        accepted_at, job_id = json.loads(text)
        moment, named = datetime.fromisoformat(accepted_at).astimezone(UTC), str(job_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        moment, named = datetime.now(UTC), ""
    if not is_job_id(named):
        raise InvalidRequestError.of("cursor", "is not valid", "the cursor of the page before")
    return Cursor(moment, named)
