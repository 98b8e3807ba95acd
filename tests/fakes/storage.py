"""Job records, reference images and assets, in dictionaries."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any
from urllib.parse import unquote

from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.media import Format
from darkroom.domain.references import S3Object
from darkroom.ports import (
    Claim,
    Conflict,
    Cursor,
    Download,
    QueueChange,
    Release,
    SideWrite,
    StoredObject,
)
from tests.fakes.queue import InMemoryBudgets, InMemoryClaims, InMemoryQueue

_HEAD = 64


@dataclass
class InMemoryJobs:
    """The ports Jobs and JobLists, with what changes together with a record."""

    records: dict[str, Job] = field(default_factory=dict)
    queue: InMemoryQueue = field(default_factory=InMemoryQueue)
    claims: InMemoryClaims = field(default_factory=InMemoryClaims)
    budgets: InMemoryBudgets = field(default_factory=InMemoryBudgets)

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        if job.job_id in self.records:
            return False
        for reservation, cap in zip(job.reservations, caps, strict=True):
            if (
                self.budgets.reserved(reservation.day, reservation.scope).micro_usd
                + reservation.micro_usd
                > cap
            ):
                raise BudgetExceededError(reservation.scope, cap, None, reservation.micro_usd)
        for reservation in job.reservations:
            self.budgets.add(reservation, reservation.micro_usd)
        self.records[job.job_id] = job
        return True

    def get(self, job_id: str) -> Job | None:
        return self.records.get(job_id)

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        job = self.transact(job_id, [], when=when, absent=absent, **changes)
        return job if isinstance(job, Job) else None

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Conflict:
        unknown = changes.keys() - Job.model_fields.keys()
        assert not unknown, f"a job has no {unknown}"
        job = self.records.get(job_id)
        if job is None or job.status not in when:
            return Conflict.JOB
        if absent and getattr(job, absent) is not None:
            return Conflict.JOB
        for each in side_writes:
            if isinstance(each, QueueChange) and not self.queue.allows(each):
                return Conflict.QUEUE
            if isinstance(each, Claim):
                owner = self.claims.owner(each.prediction_id)
                if owner not in (None, job_id):
                    return Conflict.CLAIM
        for each in side_writes:
            match each:
                case QueueChange():
                    assert self.queue.change(each)
                case Claim():
                    self.claims.owners[each.prediction_id] = job_id
                case Release():
                    self.budgets.add(each.reservation, -each.reservation.micro_usd)
        merged = dict(job) | changes
        self.records[job_id] = Job.model_validate(
            {k: v for k, v in merged.items() if v is not None}
        )
        return self.records[job_id]

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        return [self.records[each] for each in job_ids if each in self.records]

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        found = [
            j
            for j in self.records.values()
            if j.sweep_after is not None and j.sweep_after <= before
        ]
        return sorted(found, key=lambda j: (str(j.sweep_after), j.job_id))[:limit]

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        places = {Cursor(j.accepted_at, j.job_id): j for j in self.records.values()}
        ordered = sorted(places, key=lambda c: (c.accepted_at, c.job_id), reverse=True)
        wanted = [c for c in ordered if caller in (None, places[c].caller)]
        if after:
            place = (after.accepted_at, after.job_id)
            wanted = [c for c in wanted if (c.accepted_at, c.job_id) < place]
        page = wanted[:limit]
        return [places[c] for c in page], page[-1] if len(wanted) > limit else None


@dataclass
class InMemoryReferences:
    """The port References; `objects` are (bucket, key) to versions, oldest first."""

    bucket: str = "assets"
    objects: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)  # by key, in `bucket`

    def resolve(self, text: str) -> S3Object | None:
        root = f"https://{self.bucket}.s3.test/"
        if text.startswith("upload:"):
            return S3Object(bucket=self.bucket, key=f"uploads/{text.removeprefix('upload:')}")
        if text.startswith(root):
            key = unquote(text.removeprefix(root).partition("?")[0])
            return S3Object(bucket=self.bucket, key=key)
        return None

    def inspect(self, reference: S3Object) -> StoredObject | None:
        versions = self.objects.get((reference.bucket, reference.key))
        if not versions or reference.bucket in self.forbidden:
            return None
        number = int((reference.version_id or f"v{len(versions)}").removeprefix("v"))
        pinned = reference.model_copy(update={"version_id": f"v{number}"})
        data = versions[number - 1]
        is_owned = reference.bucket == self.bucket
        owner = self.owners.get(reference.key) if is_owned else None
        return StoredObject(pinned, len(data), data[:_HEAD], owner, is_owned)

    def store(self, job_id: str, caller: str, data: bytes, known: Format) -> S3Object:
        key = f"references/{job_id}/{hashlib.sha256(data).hexdigest()}.{known.extension}"
        versions = self.objects.setdefault((self.bucket, key), [])
        versions.append(data)
        self.owners[key] = caller
        return S3Object(bucket=self.bucket, key=key, version_id=f"v{len(versions)}")

    def presign(self, reference: S3Object, seconds: int) -> str:
        version = f"versionId={reference.version_id}&" if reference.version_id else ""
        return (
            f"https://{reference.bucket}.s3.test/{reference.key}?{version}X-Amz-Expires={seconds}"
        )


@dataclass
class InMemoryAssets:
    """The port Assets."""

    bucket: str = "assets"
    files: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        data = self.files.setdefault(key, file.read())
        there = self.metadata.setdefault(key, metadata)
        width, height = download.dimensions or (None, None)
        return Asset(
            bucket=self.bucket,
            key=key,
            content_type=download.format.content_type,
            size=len(data),
            sha256=there.get("sha256", download.sha256),
            width=width,
            height=height,
        )

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        self.documents[key] = document

    def remove(self, key: str) -> None:
        self.documents.pop(key, None)
