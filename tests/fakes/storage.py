"""Job records, reference images and assets in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any
from urllib.parse import unquote, urlencode

from darkroom.domain import media
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import CHAIN_STATE, Asset, Job, Reservation, Status
from darkroom.domain.media import Format
from darkroom.domain.references import S3Object
from darkroom.ports import (
    Claim,
    Conflict,
    ContentClaim,
    Cursor,
    Download,
    PresignedUpload,
    ProviderChange,
    QueueChange,
    Release,
    SideWrite,
    StoredObject,
)
from tests.fakes.queue import InMemoryBudgets, InMemoryClaims, InMemoryQueue

_HEAD = 64 * 1024


@dataclass
class InMemoryContents:
    """The port Contents."""

    claims: dict[str, ContentClaim] = field(default_factory=dict)

    def find(self, content_key: str) -> ContentClaim | None:
        return self.claims.get(content_key)

    def claim(
        self, content_key: str, claim: ContentClaim, previous: ContentClaim | None
    ) -> ContentClaim | None:
        current = self.claims.get(content_key)
        if (current and current.job_id) != (previous and previous.job_id):
            return current
        self.claims[content_key] = claim
        return None


@dataclass
class InMemoryJobs:
    """The port Jobs, with the items that a transaction can write."""

    records: dict[str, Job] = field(default_factory=dict)
    queue: InMemoryQueue = field(default_factory=InMemoryQueue)
    claims: InMemoryClaims = field(default_factory=InMemoryClaims)
    budgets: InMemoryBudgets = field(default_factory=InMemoryBudgets)

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        if job.job_id in self.records:
            return False
        self._reserve(list(zip(job.first_reservations, caps, strict=True)))
        self.records[job.job_id] = job
        return True

    def change_chain(
        self,
        root: Job,
        *,
        create: Job | None = None,
        release: Sequence[Reservation] = (),
        reserve: Sequence[tuple[Reservation, int]] = (),
        **changes: object,
    ) -> bool:
        unknown = changes.keys() - Job.model_fields.keys()
        assert not unknown, f"a job has no {unknown}"
        stored = self.records.get(root.job_id)
        if stored is None or any(getattr(stored, n) != getattr(root, n) for n in CHAIN_STATE):
            return False
        if create is not None and create.job_id in self.records:
            return False
        self._reserve(reserve)
        for reservation in release:
            self.budgets.add(reservation, -reservation.micro_usd)
        if create is not None:
            self.records[create.job_id] = create
        merged = dict(stored) | changes
        self.records[root.job_id] = Job.model_validate(
            {name: value for name, value in merged.items() if value is not None}
        )
        return True

    def _reserve(self, reservations: Sequence[tuple[Reservation, int]]) -> None:
        for reservation, cap in reservations:
            reserved = self.budgets.reserved(reservation.day, reservation.scope).micro_usd
            if reserved + reservation.micro_usd > cap:
                raise BudgetExceededError(reservation.scope, cap, None, reservation.micro_usd)
        for reservation, _ in reservations:
            self.budgets.add(reservation, reservation.micro_usd)

    def get(self, job_id: str) -> Job | None:
        return self.records.get(job_id)

    def update(
        self,
        job_id: str,
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | None:
        job = self.transact(job_id, [], when=when, absent=absent, **changes)
        return job if isinstance(job, Job) else None

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | Conflict:
        unknown = changes.keys() - Job.model_fields.keys()
        assert not unknown, f"a job has no {unknown}"
        job = self.records.get(job_id)
        if job is None or job.status not in when:
            return Conflict.JOB
        fields = (absent,) if isinstance(absent, str) else absent or ()
        if any(getattr(job, name) is not None for name in fields):
            return Conflict.JOB
        for side_write in side_writes:
            if isinstance(side_write, QueueChange | ProviderChange):
                if not self.queue.allows(side_write):
                    return Conflict.QUEUE
                continue
            if isinstance(side_write, Claim):
                owner = self.claims.owner(side_write.prediction_id)
                if owner not in (None, job_id):
                    return Conflict.CLAIM
        for side_write in side_writes:
            match side_write:
                case QueueChange() | ProviderChange():
                    assert self.queue.change(side_write)
                case Claim():
                    self.claims.owners[side_write.prediction_id] = job_id
                case Release():
                    self.budgets.add(side_write.reservation, -side_write.reservation.micro_usd)
        merged = dict(job) | changes
        self.records[job_id] = Job.model_validate(
            {name: value for name, value in merged.items() if value is not None}
        )
        return self.records[job_id]

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        return [self.records[job_id] for job_id in job_ids if job_id in self.records]

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        due = [
            job
            for job in self.records.values()
            if job.sweep_after is not None and job.sweep_after <= before
        ]
        return sorted(due, key=lambda job: (str(job.sweep_after), job.job_id))[:limit]

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        jobs_by_cursor = {Cursor(job.accepted_at, job.job_id): job for job in self.records.values()}
        ordered = sorted(
            jobs_by_cursor, key=lambda cursor: (cursor.accepted_at, cursor.job_id), reverse=True
        )
        matching = [cursor for cursor in ordered if caller in (None, jobs_by_cursor[cursor].caller)]
        if after:
            position = (after.accepted_at, after.job_id)
            matching = [
                cursor for cursor in matching if (cursor.accepted_at, cursor.job_id) < position
            ]
        page = matching[:limit]
        return [jobs_by_cursor[cursor] for cursor in page], page[-1] if len(
            matching
        ) > limit else None


@dataclass
class InMemoryReferences:
    """The port References. `objects`: (bucket, key) to versions, oldest first."""

    bucket: str = "assets"
    objects: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)  # by key, in `bucket`
    content_types: dict[str, str] = field(default_factory=dict)  # by key; the others are right
    presigned_uploads: list[PresignedUpload] = field(default_factory=list)
    erased: set[tuple[str, str, str]] = field(default_factory=set)  # bucket, key and version

    def resolve(self, text: str) -> S3Object | None:
        base_url = f"https://{self.bucket}.s3.test/"
        text = text.replace(f"https://s3.test/{self.bucket}/", base_url)
        if text.startswith("upload:"):
            return S3Object(bucket=self.bucket, key=f"uploads/{text.removeprefix('upload:')}")
        if text.startswith(base_url):
            key = unquote(text.removeprefix(base_url).partition("?")[0])
            return S3Object(bucket=self.bucket, key=key)
        return None

    def inspect(self, reference: S3Object) -> StoredObject | None:
        versions = self.objects.get((reference.bucket, reference.key))
        if not versions or reference.bucket in self.forbidden:
            return None
        version = int((reference.version_id or f"v{len(versions)}").removeprefix("v"))
        pinned = reference.model_copy(update={"version_id": f"v{version}"})
        if (reference.bucket, reference.key, f"v{version}") in self.erased:
            return None
        data = versions[version - 1]
        is_owned = reference.bucket == self.bucket
        owner = self.owners.get(reference.key) if is_owned else None
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        known = media.sniff(data)
        content_type = self.content_types.get(reference.key) or (
            known.content_type if known else ""
        )
        return StoredObject(pinned, len(data), data[:_HEAD], owner, is_owned, etag, content_type)

    def read_end(self, reference: S3Object, size: int) -> bytes:
        version = int((reference.version_id or "").removeprefix("v"))
        return self.objects[reference.bucket, reference.key][version - 1][-size:]

    def store(self, job_id: str, caller: str, data: bytes, media_format: Format) -> S3Object:
        key = f"references/{job_id}/{hashlib.sha256(data).hexdigest()}.{media_format.extension}"
        versions = self.objects.setdefault((self.bucket, key), [])
        versions.append(data)
        self.owners[key] = caller
        return S3Object(bucket=self.bucket, key=key, version_id=f"v{len(versions)}")

    def store_upload(self, caller: str, data: bytes, content_type: str, extension: str) -> S3Object:
        key = f"uploads/{len(self.objects) + 1}.{extension}"
        self.objects[self.bucket, key] = [data]
        self.owners[key], self.content_types[key] = caller, content_type
        return S3Object(bucket=self.bucket, key=key)

    def presign(self, reference: S3Object, seconds: int, disposition: str | None = None) -> str:
        query = {
            "versionId": reference.version_id,
            "X-Amz-Expires": str(seconds),
            "response-content-disposition": disposition,
            "response-content-type": reference.content_type,
        }
        given = urlencode({name: value for name, value in query.items() if value})
        return f"https://{reference.bucket}.s3.test/{reference.key}?{given}"

    def presign_upload(
        self, caller: str, content_type: str, extension: str, size: int, now: datetime
    ) -> PresignedUpload:
        """Upload ids are consecutive numbers."""
        upload_id = f"{len(self.presigned_uploads) + 1}.{extension}".rstrip(".")
        location = S3Object(bucket=self.bucket, key=f"uploads/{upload_id}")
        headers = {"Content-Type": content_type, "x-amz-meta-darkroom-caller": caller}
        url = f"https://{self.bucket}.s3.test/{location.key}?length={size}"
        self.presigned_uploads.append(
            PresignedUpload(upload_id, location, url, headers, now + timedelta(minutes=15))
        )
        return self.presigned_uploads[-1]


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
        stored_metadata = self.metadata.setdefault(key, metadata)
        width, height = download.dimensions or (None, None)
        return Asset(
            bucket=self.bucket,
            key=key,
            content_type=download.format.content_type,
            size=len(data),
            sha256=stored_metadata.get("sha256", download.sha256),
            width=width,
            height=height,
        )

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        self.documents[key] = document

    def read_json(self, key: str) -> dict[str, Any] | None:
        return self.documents.get(key)

    def remove(self, key: str) -> None:
        self.documents.pop(key, None)
