"""Finalize: store what the provider made, then end the job."""

from dataclasses import dataclass

from darkroom.domain import polling
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Failed, Jobs, Metrics, NotDownloaded, Provider, Succeeded
from darkroom.usecases.end_job import EndJob
from darkroom.usecases.store_outputs import StoreOutputs


@dataclass(frozen=True)
class FinalizeJob:
    """File every output of a prediction, and end the job with them."""

    jobs: Jobs
    provider: Provider
    store_outputs: StoreOutputs
    metrics: Metrics
    end: EndJob

    def __call__(self, step: Step) -> Step:
        """Return the outcome; safe to repeat: keys are the same each time and never overwritten."""
        job = self.jobs.get(step.job_id)
        if job is None:
            return step.failed(Code.INTERNAL_ERROR)
        if not job.is_open:
            return self._ended(step, self.end.publish_end(job))
        # The URLs are asked for again rather than carried: no state and no record holds one.
        answer = self.provider.check(job.prediction_id or "")
        match answer:
            case Succeeded():
                assets = self.store_outputs(job, answer.outputs)
                if isinstance(assets, NotDownloaded):
                    return self._again(step, job, assets)
                return self._ended(step, self.end.complete(job.job_id, assets))
            case Failed():
                return step.failed(answer.code)
            case _:
                unread = NotDownloaded(Code.ASSET_UNAVAILABLE, "the prediction could not be read")
                return self._again(step, job, unread)

    def _again(self, step: Step, job: Job, problem: NotDownloaded) -> Step:
        self.metrics.count("CopyFailures")
        step = step.model_copy(update={"copies": step.copies + 1})
        if problem.final or step.copies > len(polling.COPY_WAITS):
            self.jobs.update(job.job_id, when=[Status.SUBMITTED], detail=problem.reason)
            return step.failed(problem.code)
        return step.processing(polling.COPY_WAITS[step.copies - 1])

    def _ended(self, step: Step, job: Job | None) -> Step:
        if job and job.status is Status.COMPLETED:
            return step.stored()
        return step.failed((job and job.code) or Code.INTERNAL_ERROR)
