"""Finalize: store the outputs of a prediction, then end the job."""

from dataclasses import dataclass

from darkroom.domain import polling
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Failed, Jobs, Metrics, NotDownloaded, Provider, Succeeded
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.store_outputs import StoreOutputs


@dataclass(frozen=True)
class FinalizeJob:
    """Store every output of a prediction, and end the job with the stored assets."""

    jobs: Jobs
    provider: Provider
    store_outputs: StoreOutputs
    metrics: Metrics
    end: EndJob

    def __call__(self, step: Step) -> Step:
        """Return the step with its outcome.

        Idempotent: object keys are the same on each run, and objects are never overwritten.
        """
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.failed(Code.INTERNAL_ERROR)
        if not job.is_open:
            return self._step_after_end(step, self.end.publish_end(job))
        # Read the prediction again: output URLs are kept neither in the state nor in the record.
        prediction = self.provider.check(job.prediction_id or "")
        match prediction:
            case Succeeded():
                assets = self.store_outputs(job, prediction.outputs)
                if isinstance(assets, NotDownloaded):
                    return self._retry(step, job, assets)
                return self._step_after_end(step, self.end.complete(job.job_id, assets))
            case Failed():
                return step.failed(prediction.code)
            case _:
                failure = NotDownloaded(Code.ASSET_UNAVAILABLE, "the prediction could not be read")
                return self._retry(step, job, failure)

    def _retry(self, step: Step, job: Job, failure: NotDownloaded) -> Step:
        self.metrics.count("CopyFailures")
        step = step.model_copy(update={"copies": step.copies + 1})
        if failure.final or step.copies > len(polling.COPY_WAITS):
            self.jobs.update(job.job_id, when=[Status.SUBMITTED], detail=failure.reason)
            return step.failed(failure.code)
        return step.processing(polling.COPY_WAITS[step.copies - 1])

    def _step_after_end(self, step: Step, job: Job | None) -> Step:
        if job and job.status is Status.COMPLETED:
            return step.stored()
        return step.failed((job and job.code) or Code.INTERNAL_ERROR)
