"""When the sweep inspects a job or a batch: the time by which its record must have changed."""

from datetime import datetime, timedelta

from darkroom.domain.job import Job, Status

# Starting an execution and publishing a terminal event take seconds.
START_GRACE = timedelta(minutes=2)
# A step has ended by then. A record whose execution is known to run is inspected at this interval.
INTERVAL = timedelta(minutes=10)
_FINALIZE = timedelta(minutes=15)  # after the deadline, which ends the polling
# The provider deletes predictions and outputs after this time.
PROVIDER_RETENTION = timedelta(days=7)
# The last poll of a late result is an hour before.
_KEPT = PROVIDER_RETENTION - timedelta(hours=1)
# Before each poll of a late result, and then every 12 hours.
_RECOVERY_MINUTES = (2, 5, 15, 60, 240)
_LATE_RECOVERY = timedelta(hours=12)


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
            chain = chain_sweep_after(job, now)
            if not (job.recovery_polls or job.is_recoverable):
                return chain
            return min(filter(None, (chain, _recovery_at(job, now))), default=None)


def chain_sweep_after(job: Job, now: datetime) -> datetime | None:
    """Return when the sweep inspects the chain of its first job, which has ended."""
    if job.has_open_chain:
        return now + INTERVAL
    return now + START_GRACE if job.has_unpublished_chain else None


def _recovery_at(job: Job, now: datetime) -> datetime | None:
    """Return the time of the next poll for a late result; None after the last one."""
    last = (job.submitted_at or job.submitting_at or job.accepted_at) + _KEPT
    if now >= last:
        return None
    polls = job.recovery_polls
    is_late = polls >= len(_RECOVERY_MINUTES)
    wait = _LATE_RECOVERY if is_late else timedelta(minutes=_RECOVERY_MINUTES[polls])
    return min(now + wait, last)
