"""Release a slot: count a job out of flight in the transaction that changes its record."""

from collections.abc import Sequence

from darkroom.domain.job import Job, Status
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Conflict, Jobs, QueueChange, SideWrite


def release_slot(
    jobs: Jobs,
    job: Job,
    *,
    when: Sequence[Status],
    queue: tuple[QueueShard, QueueShard] | None = None,
    side_writes: Sequence[SideWrite] = (),
    **changes: object,
) -> Job | Conflict:
    """Change a job in flight and release its slot; `queue` also replaces the shard's state.

    The write conflicts if the prediction has been found finished, which released the slot.
    """
    before, after = queue or (None, None)
    release = QueueChange(before, after, in_flight_delta=-1, shard=job.queue_shard)
    return jobs.transact(
        job.job_id,
        [release, *side_writes],
        when=when,
        absent="provider_completed_at",
        **changes,
    )
