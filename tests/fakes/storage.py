"""Job records, reference images and assets, in dictionaries."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.media import Format
from darkroom.domain.references import S3Object
from darkroom.ports import Download

_HEAD = 64


@dataclass
class InMemoryJobs:
    """The port Jobs."""

    records: dict[str, Job] = field(default_factory=dict)

    def create(self, job: Job) -> bool:
        if job.job_id in self.records:
            return False
        self.records[job.job_id] = job
        return True

    def get(self, job_id: str) -> Job | None:
        return self.records.get(job_id)

    def update(self, job_id: str, *, when: Sequence[Status], **changes: object) -> Job | None:
        unknown = changes.keys() - Job.model_fields.keys()
        assert not unknown, f"a job has no {unknown}"
        job = self.records.get(job_id)
        if job is None or job.status not in when:
            return None
        merged = dict(job) | changes
        self.records[job_id] = Job.model_validate(
            {k: v for k, v in merged.items() if v is not None}
        )
        return self.records[job_id]


@dataclass
class InMemoryReferences:
    """The port References; `objects` are (bucket, key) to versions, oldest first."""

    bucket: str = "assets"
    objects: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)

    def look(self, reference: S3Object) -> tuple[S3Object, int, bytes] | None:
        versions = self.objects.get((reference.bucket, reference.key))
        if not versions or reference.bucket in self.forbidden:
            return None
        pinned = reference.model_copy(update={"version_id": f"v{len(versions)}"})
        return pinned, len(versions[-1]), versions[-1][:_HEAD]

    def keep(self, job_id: str, data: bytes, known: Format) -> S3Object:
        key = f"references/{job_id}/{hashlib.sha256(data).hexdigest()}.{known.extension}"
        versions = self.objects.setdefault((self.bucket, key), [])
        versions.append(data)
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
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)

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

    def write_manifest(self, key: str, manifest: dict[str, Any]) -> None:
        self.manifests[key] = manifest
