"""Finalize: poll a prediction once, store its outputs, and end the job."""

from dataclasses import dataclass
from typing import assert_never

from darkroom.domain import polling
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Jobs, Metrics, NotDownloaded
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.poll_prediction import Finished, PollPrediction, Unfinished
from darkroom.usecases.jobs.store_outputs import StoreOutputs


@dataclass(frozen=True)
class FinalizeJob:
    """Store every output of a finished prediction, and end the job with the stored assets.

    A webhook leads here without a check, so the prediction may still run.
    """

    jobs: Jobs
    poll: PollPrediction
    store_outputs: StoreOutputs
    metrics: Metrics
    end: EndJob

    def run(self, step: Step) -> Step:
        """Return the step with its outcome.

        Idempotent: object keys are the same on each run, and objects are never overwritten.
        """
        job = self.jobs.get(step.job_id)
        if job is None or not job.is_open:
            return step.ended(job and self.end.publish_end(job))
        # Output URLs are kept neither in the state nor in the record.
        polled = self.poll.run(step, job)
        match polled:
            case Finished():
                assets = self.store_outputs.run(polled.job, polled.outputs)
                if isinstance(assets, NotDownloaded):
                    return self._retry(polled.step, job, assets)
                return polled.step.ended(self.end.complete(job.job_id, assets))
            case Unfinished():
                return self._wait(polled, job)
            case Step():
                return polled
            case _:
                assert_never(polled)

    def _wait(self, polled: Unfinished, job: Job) -> Step:
        if job.provider_completed_at is not None:  # an earlier poll could read it
            failure = NotDownloaded(Code.ASSET_UNAVAILABLE, "the prediction could not be read")
            return self._retry(polled.step, job, failure)
        step = polled.step
        if job.has_webhook and polled.is_running:
            step = step.awaiting_webhook(polling.webhook_wait(*polled.progress))
        return self.poll.record(step, job)

    def _retry(self, step: Step, job: Job, failure: NotDownloaded) -> Step:
        self.metrics.count("CopyFailures")
        step = step.model_copy(update={"copies": step.copies + 1})
        wait = polling.copy_wait(step.copies, self.poll.duration_scale)
        if failure.final or wait is None:
            self.jobs.update(job.job_id, when=[Status.SUBMITTED], detail=failure.reason)
            return step.failed(failure.code)
        return step.processing(wait)
