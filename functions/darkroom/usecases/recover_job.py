"""Recover: a job was given up, and what it paid for has come after all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.domain import job_events
from darkroom.domain.errors import Charged, failure
from darkroom.domain.job import Job, Status
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
from darkroom.usecases.find_prediction import FindPrediction
from darkroom.usecases.store_outputs import StoreOutputs

# When it is looked at again, in minutes after each look; the provider keeps results for 7 days.
_AFTER = (5, 15, 60, 240, 720, 1440, 2880)


@dataclass(frozen=True)
class RecoverJob:
    """Ask for the prediction of a job that was given up, and file what it made."""

    jobs: Jobs
    find: FindPrediction
    provider: Provider
    store_outputs: StoreOutputs
    events: Events
    metrics: Metrics
    now: Clock
    assets_bucket: str

    def __call__(self, job: Job) -> bool:
        """Return whether the outputs were filed; else it says on the record when to look again."""
        if job.assets and job.stored_at:
            return self._told(job)
        if job.prediction_id is None:
            found = self.find(job)
            if not isinstance(found, Job):
                return self._later(job)
            job = found
        answer = self.provider.check(job.prediction_id or "")
        match answer:
            case Succeeded():
                assets = self.store_outputs(job, answer.outputs)
                if isinstance(assets, NotDownloaded):
                    return self._later(job)
                now = self.now()
                filed = self.jobs.update(
                    job.job_id,
                    when=[Status.FAILED],
                    assets=assets,
                    stored_at=now,
                    provider_completed_at=job.provider_completed_at or now,
                )
                return filed is not None and self._told(filed)
            case Failed():
                self._failed(job, answer)
                return False
            case _:
                return self._later(job)

    def _failed(self, job: Job, answer: Failed) -> None:
        """Note that nothing will come, and free what was held if nothing was charged."""
        charged = job.charged or answer.charged or failure(answer.code, sent=True).charged
        # What the record will say of the money, an earlier POST included, is what is acted on.
        told = job.model_copy(update={"charged": charged}).charge
        is_free = told is Charged.NO and job.charge is not Charged.NO
        self.jobs.transact(
            job.job_id,
            [Release(reservation) for reservation in job.reservations] if is_free else [],
            when=[Status.FAILED],
            # Another sweep may have been here: what was held is freed once.
            absent="charged" if is_free else None,
            sweep_after=None,
            detail=answer.detail or None,
            charged=charged,
        )

    def _told(self, job: Job) -> bool:
        """Tell the bus, and then let the record rest: a crash in between tells it again."""
        self.events.publish(job_events.recovered(job, self.assets_bucket))
        self.metrics.count("JobsRecovered")
        self.jobs.update(job.job_id, when=[Status.FAILED], sweep_after=None)
        return True

    def _later(self, job: Job) -> bool:
        self.jobs.update(
            job.job_id,
            when=[Status.FAILED],
            recovery_polls=job.recovery_polls + 1,
            sweep_after=next_recovery_poll(job.recovery_polls, self.now()),
        )
        return False


def next_recovery_poll(recovery_polls: int, now: datetime) -> datetime | None:
    """Return when to look again after so many looks; None for not any more."""
    return now + timedelta(minutes=_AFTER[recovery_polls]) if recovery_polls < len(_AFTER) else None
