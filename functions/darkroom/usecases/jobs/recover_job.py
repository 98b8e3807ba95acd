"""Recover: store the late result of a job that was abandoned."""

from dataclasses import dataclass

from darkroom.domain import job_events
from darkroom.domain.errors import Charged, failure
from darkroom.domain.job import Job, Status
from darkroom.domain.sweeping import chain_sweep_after, sweep_after
from darkroom.ports import (
    Clock,
    Events,
    Failed,
    Jobs,
    Metrics,
    NotDownloaded,
    Provider,
    Release,
    Succeeded,
)
from darkroom.usecases.jobs.find_prediction import FindPrediction
from darkroom.usecases.jobs.store_outputs import StoreOutputs


@dataclass(frozen=True)
class RecoverJob:
    """Poll the prediction of an abandoned job, and store its outputs."""

    jobs: Jobs
    find: FindPrediction
    provider: Provider
    store_outputs: StoreOutputs
    events: Events
    metrics: Metrics
    now: Clock
    assets_bucket: str

    def run(self, job: Job) -> bool:
        """Return whether the outputs are stored; if not, schedule the next poll on the record."""
        if job.assets and job.stored_at:
            return self._publish_recovered(job)
        if job.prediction_id is None:
            result = self.find.run(job)
            if not isinstance(result, Job):
                return self._schedule_poll(job)
            job = result
        prediction = self.provider.check(job.prediction_id or "")
        match prediction:
            case Succeeded():
                assets = self.store_outputs.run(job, prediction.outputs)
                if isinstance(assets, NotDownloaded):
                    return self._schedule_poll(job)
                now = self.now()
                stored = self.jobs.update(
                    job.job_id,
                    when=[Status.FAILED],
                    absent="erasing_at",
                    assets=assets,
                    stored_at=now,
                    provider_completed_at=job.provider_completed_at or now,
                )
                return stored is not None and self._publish_recovered(stored)
            case Failed():
                self._record_failure(job, prediction)
                return False
            case _:
                return self._schedule_poll(job)

    def _record_failure(self, job: Job, prediction: Failed) -> None:
        """End the recovery, and release the reservations if nothing was charged."""
        charged = job.charged or prediction.charged or failure(prediction.code, sent=True).charged
        # `Job.charge` also considers earlier POSTs, so compute it with the new value.
        charge = job.model_copy(update={"charged": charged}).charge
        is_released = charge is Charged.NO and job.charge is not Charged.NO
        self.jobs.transact(
            job.job_id,
            [Release(reservation) for reservation in job.reservations] if is_released else [],
            when=[Status.FAILED],
            # Two sweeps may run at once; the reservations are released only once.
            absent=("charged", "erasing_at") if is_released else "erasing_at",
            sweep_after=chain_sweep_after(job, self.now()),
            detail=prediction.detail or None,
            charged=charged,
        )

    def _publish_recovered(self, job: Job) -> bool:
        """Publish the event, then end the recovery; a crash between repeats the event."""
        self.events.publish(job_events.recovered(job, self.assets_bucket))
        self.metrics.count("JobsRecovered")
        self.jobs.update(
            job.job_id,
            when=[Status.FAILED],
            absent="erasing_at",
            sweep_after=chain_sweep_after(job, self.now()),
        )
        return True

    def _schedule_poll(self, job: Job) -> bool:
        polls = job.recovery_polls + 1
        self.jobs.update(
            job.job_id,
            when=[Status.FAILED],
            absent="erasing_at",
            recovery_polls=polls,
            sweep_after=sweep_after(job, self.now(), recovery_polls=polls),
        )
        return False
