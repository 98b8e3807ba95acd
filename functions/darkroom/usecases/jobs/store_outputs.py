"""Store outputs: copy every output of a prediction into the assets bucket, with a manifest."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from darkroom.domain.errors import Code
from darkroom.domain.job import Asset, Job
from darkroom.domain.job_events import s3_location
from darkroom.domain.requests import Operation
from darkroom.domain.uploads import CALLER_METADATA, JOB_ID_METADATA, encode
from darkroom.ports import Assets, Downloads, Jobs, NotDownloaded

# Larger files are spooled to /tmp, so memory use is bounded.
_SPOOL_BYTES = 4 * 1024 * 1024
# Concurrent copies. /tmp has room for as many files of the largest size.
_CONCURRENCY = 4
# The status can be `completed` before the outputs are there.
_NO_OUTPUT = NotDownloaded(Code.ASSET_UNAVAILABLE, "the prediction has completed without outputs")


@dataclass(frozen=True)
class StoreOutputs:
    """Store each complete output exactly once."""

    jobs: Jobs
    downloads: Downloads
    assets: Assets

    def run(self, job: Job, outputs: tuple[str, ...]) -> tuple[Asset, ...] | NotDownloaded:
        """Return the stored assets, or why an output could not be downloaded.

        Idempotent: object keys are the same on each run, and objects are never overwritten.
        """
        if not outputs:
            return _NO_OUTPUT
        stored = list(job.assets)  # by an earlier run that was interrupted
        remaining = range(len(stored), len(outputs))
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            mapped = pool.map if len(remaining) > 1 else map  # most jobs have one output
            # Results come in the order of the outputs, so the recorded assets have no gaps.
            for asset in mapped(partial(self._copy, job), remaining, outputs[len(stored) :]):
                if isinstance(asset, NotDownloaded):
                    return asset
                stored.append(asset)
                if len(stored) < len(outputs):
                    self.jobs.update(
                        job.job_id, when=[job.status], absent="erasing_at", assets=tuple(stored)
                    )
        self.assets.write_json(f"{job.prefix}/manifest.json", _manifest(job, stored))
        return tuple(stored)

    def _copy(self, job: Job, index: int, output: str) -> Asset | NotDownloaded:
        if not output:
            return _NO_OUTPUT
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
            # GPT Image 2 returns images only. Other models return any type of file, and text.
            only_images = job.operation is not Operation.MODEL
            download = self.downloads.fetch(output, file, only_images=only_images)
            if isinstance(download, NotDownloaded):
                return download
            metadata = {
                JOB_ID_METADATA: job.job_id,
                CALLER_METADATA: encode(job.caller),
                "prediction-id": job.prediction_id or "",
                "model": job.model,
                "sha256": download.sha256,
                **_source(job),
            }
            key = f"{job.prefix}/{index}.{download.format.extension}"
            file.seek(0)
            return self.assets.store(key, file, download, metadata)


def _manifest(job: Job, assets: list[Asset]) -> dict[str, Any]:
    """Return the manifest: request, outputs, timestamps and estimated cost of a job."""
    return {
        "version": "1",
        "job_id": job.job_id,
        "caller": job.caller,
        "operation": job.operation,
        "model": job.model,
        "input": job.input,
        "preset": job.preset,
        "source": job.source and s3_location(job.source).model_dump(),
        "references": [str(reference) for reference in job.references],
        "prediction_id": job.prediction_id,
        "assets": [asset.model_dump(mode="json") for asset in assets],
        "estimated_cost_micro_usd": job.estimated_cost_micro_usd,
        "priced_as_of": job.priced_as_of,
        **{
            name: moment and moment.isoformat()
            for name, moment in (
                ("accepted_at", job.accepted_at),
                ("submitted_at", job.submitted_at),
                ("canceled_at", job.canceled_at),
                ("provider_completed_at", job.provider_completed_at),
            )
        },
    }


def _source(job: Job) -> dict[str, str]:
    """Return the object metadata that names the uploaded source file; empty without one."""
    if job.source is None:
        return {}
    fields = {
        "source-bucket": job.source.bucket,
        "source-key": encode(job.source.key),
        "source-version-id": job.source.version_id,
        "preset": job.preset,
    }
    return {name: value for name, value in fields.items() if value}
