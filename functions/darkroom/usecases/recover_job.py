"""Recover: a job was given up, and what it paid for has come after all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.domain import announcements
from darkroom.domain.errors import Charged, failure
from darkroom.domain.job import Job, Status
from darkroom.ports import (
    Broken,
    Clock,
    Done,
    Events,
    Jobs,
    Metrics,
    NotDownloaded,
    Provider,
    Release,
)
from darkroom.usecases.file_outputs import FileOutputs
from darkroom.usecases.find_prediction import FindPrediction

# When it is looked at again, in minutes after each look; the provider keeps results for 7 days.
_AFTER = (5, 15, 60, 240, 720, 1440, 2880)


@dataclass(frozen=True)
class RecoverJob:
    """Ask for the prediction of a job that was given up, and file what it made."""

    jobs: Jobs
    find: FindPrediction
    provider: Provider
    file: FileOutputs
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
            case Done():
                assets = self.file(job, answer.outputs)
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
            case Broken():
                self._broken(job, answer)
                return False
            case _:
                return self._later(job)

    def _broken(self, job: Job, answer: Broken) -> None:
        """Note that nothing will come, and free what was held if nothing was charged."""
        charged = job.charged or answer.charged or failure(answer.code, sent=True).charged
        # What the record will say of the money, an earlier POST included, is what is acted on.
        told = job.model_copy(update={"charged": charged}).charge
        is_free = told is Charged.NO and job.charge is not Charged.NO
        self.jobs.together(
            job.job_id,
            [Release(hold) for hold in job.holds] if is_free else [],
            when=[Status.FAILED],
            # Another sweep may have been here: what was held is freed once.
            absent="charged" if is_free else None,
            due_at=None,
            detail=answer.detail or None,
            charged=charged,
        )

    def _told(self, job: Job) -> bool:
        """Tell the bus, and then let the record rest: a crash in between tells it again."""
        self.events.publish(announcements.recovered(job, self.assets_bucket))
        self.metrics.count("JobsRecovered")
        self.jobs.update(job.job_id, when=[Status.FAILED], due_at=None)
        return True

    def _later(self, job: Job) -> bool:
        self.jobs.update(
            job.job_id,
            when=[Status.FAILED],
            looks=job.looks + 1,
            due_at=next_look(job.looks, self.now()),
        )
        return False


def next_look(looks: int, now: datetime) -> datetime | None:
    """Return when to look again after so many looks; None for not any more."""
    return now + timedelta(minutes=_AFTER[looks]) if looks < len(_AFTER) else None
