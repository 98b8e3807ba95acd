"""When the sweep inspects a job or a batch: the time by which its record must have changed."""

from datetime import datetime, timedelta

from darkroom.domain.job import Job, Status

# Starting an execution and publishing a terminal event take seconds.
START_GRACE = timedelta(minutes=2)
# A step has ended by then. A record whose execution is known to run is inspected at this interval.
INTERVAL = timedelta(minutes=10)
_FINALIZE = timedelta(minutes=15)  # after the deadline, which ends the polling
# Before each poll of a late result. The provider keeps results for 7 days.
_RECOVERY_MINUTES = (2, 5, 15, 60, 240, 720, 1440, 2880)


def sweep_after(
    job: Job, now: datetime, wait_seconds: float = 0, **changes: object
) -> datetime | None:
    """Return when the sweep inspects the job after `changes`; None if nothing is left to do.

    `wait_seconds` is the wait of the execution before the job's next step.
    """
    job = job.model_copy(update=changes)
    match job.status:
        case Status.QUEUED | Status.SUBMITTING:
            return now + timedelta(seconds=wait_seconds) + INTERVAL
        case Status.SUBMITTED:
            deadline = timedelta(seconds=job.deadline_seconds)
            return (job.submitted_at or now) + deadline + _FINALIZE
        case Status.COMPLETED | Status.FAILED:
            if job.published_at is None:
                return now + START_GRACE
            polls = job.recovery_polls
            if (polls or job.is_recoverable) and polls < len(_RECOVERY_MINUTES):
                return now + timedelta(minutes=_RECOVERY_MINUTES[polls])
            return None
