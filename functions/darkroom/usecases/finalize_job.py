"""Finalize: copy every output of a prediction into the assets bucket, then end the job."""

import tempfile
from dataclasses import dataclass
from typing import Any

from darkroom.domain import polling, pricing
from darkroom.domain.errors import Code
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.steps import Step
from darkroom.domain.uploads import LOOP_MARK, OWNER_MARK, encode
from darkroom.ports import (
    Assets,
    Broken,
    Done,
    Downloads,
    Jobs,
    NotDownloaded,
    Provider,
)
from darkroom.usecases.end_job import EndJob

# Below this a picture stays in memory, above it goes to /tmp: memory is bounded either way.
_SPOOL_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class FinalizeJob:
    """Store what the provider made: nothing that is not whole, nothing twice."""

    jobs: Jobs
    provider: Provider
    downloads: Downloads
    assets: Assets
    end: EndJob

    def __call__(self, step: Step) -> Step:
        """Return the outcome; safe to repeat: keys are the same each time and never overwritten."""
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.failed(Code.INTERNAL_ERROR)
        if not job.is_open:
            return self._ended(step, self.end.announce(job))
        # The URLs are asked for again rather than carried: no state and no record holds one.
        answer = self.provider.check(job.prediction_id or "")
        match answer:
            case Done():
                return self._copy(step, job, answer.outputs)
            case Broken():
                return step.failed(answer.code)
            case _:
                unread = NotDownloaded(Code.ASSET_UNAVAILABLE, "the prediction could not be read")
                return self._again(step, job, unread)

    def _copy(self, step: Step, job: Job, outputs: tuple[str, ...]) -> Step:
        stored = list(job.assets)  # by an earlier run that did not come to its end
        for index, url in enumerate(outputs[len(stored) :], start=len(stored)):
            asset = self._copy_one(job, index, url)
            if isinstance(asset, NotDownloaded):
                return self._again(step, job, asset)
            stored.append(asset)
            if len(stored) < len(outputs):
                self.jobs.update(job.job_id, when=[Status.SUBMITTED], assets=tuple(stored))
        self.assets.write_json(f"{job.prefix}/manifest.json", self._manifest(job, stored))
        return self._ended(step, self.end.complete(job.job_id, tuple(stored)))

    def _copy_one(self, job: Job, index: int, url: str) -> Asset | NotDownloaded:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
            download = self.downloads.fetch(url, file)
            if isinstance(download, NotDownloaded):
                return download
            metadata = {
                LOOP_MARK: job.job_id,
                OWNER_MARK: encode(job.caller),
                "prediction-id": job.prediction_id or "",
                "model": job.model,
                "sha256": download.sha256,
                **_source(job),
            }
            key = f"{job.prefix}/{index}.{download.format.extension}"
            file.seek(0)
            return self.assets.store(key, file, download, metadata)

    def _again(self, step: Step, job: Job, problem: NotDownloaded) -> Step:
        step = step.model_copy(update={"copies": step.copies + 1})
        if problem.final or step.copies > len(polling.COPY_WAITS):
            self.jobs.update(job.job_id, when=[Status.SUBMITTED], detail=problem.reason)
            return step.failed(problem.code)
        return step.processing(polling.COPY_WAITS[step.copies - 1])

    def _ended(self, step: Step, job: Job | None) -> Step:
        if job and job.status is Status.COMPLETED:
            return step.stored()
        return step.failed((job and job.code) or Code.INTERNAL_ERROR)

    def _manifest(self, job: Job, assets: list[Asset]) -> dict[str, Any]:
        """Say what was asked, what came, when, and what it cost."""
        return {
            "version": "1",
            "job_id": job.job_id,
            "caller": job.caller,
            "operation": job.operation,
            "model": job.model,
            "input": job.input,
            "preset": job.preset,
            "source": job.source and job.source.model_dump(mode="json", exclude={"kind"}),
            "references": [str(reference) for reference in job.references],
            "prediction_id": job.prediction_id,
            "assets": [asset.model_dump(mode="json") for asset in assets],
            "estimated_cost_micro_usd": job.estimated_cost_micro_usd,
            "prices_as_of": pricing.AS_OF,
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
    """Return the metadata that names the upload behind an output."""
    if job.source is None:
        return {}
    named = {
        "source-bucket": job.source.bucket,
        "source-key": encode(job.source.key),
        "source-version-id": job.source.version_id,
        "preset": job.preset,
    }
    return {name: value for name, value in named.items() if value}
