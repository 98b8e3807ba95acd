"""Create rows: create the jobs of a chunk of a batch once the submit queue has room."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom.domain.batch import Batch, Refusal
from darkroom.domain.callers import Caller
from darkroom.domain.errors import InvalidRequestError, RejectedError
from darkroom.domain.parsing import parse_request
from darkroom.domain.rows import Row, at_row
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Batches, BatchFiles, Clock, SubmitQueue
from darkroom.usecases.batches.find_batches import cancel_batch
from darkroom.usecases.jobs.create_job import CreateJob, RequestSource

# Target length of a queue shard in seconds of work: _ROOM, but at most _SHARE of `max_queue`. This
# covers the time between two attempts. A longer queue delays jobs, and a job that waits longer than
# `max_queue` fails.
_ROOM, _SHARE = 20.0, 0.25
_MIN_WAIT, _MAX_WAIT = 5, 600  # seconds until the next attempt, without jitter
_JITTER, _MAX_JITTER = 20.0, 3600.0  # seconds of jitter per attempt, and at most
_MAX_MESSAGE = 500  # characters of a refusal
_CHANCE = random.Random()  # noqa: S311 - no secret


def seconds_until_room(
    waiting: float, attempts: int, room: float = _ROOM, chance: random.Random = _CHANCE
) -> int:
    """Return 0 if rows may join a queue of `waiting` seconds, else the seconds until a new attempt.

    Between `room` and twice `room`, the chance to join falls linearly to 0 (random early
    detection): with one threshold, the chunks of many batches would all join at the same moment.
    The jitter grows with `attempts`, because the number of waiting chunks is unknown.
    """
    full = (waiting - room) / room
    if full <= chance.random():
        return 0
    seconds = min(_MAX_WAIT, max(_MIN_WAIT, waiting - 2 * room))
    return round(seconds + chance.uniform(0, min(_MAX_JITTER, _JITTER * (attempts + 1))))


@dataclass(frozen=True)
class CreateRows:
    """Create the jobs of batch rows."""

    batches: Batches
    files: BatchFiles
    queue: SubmitQueue
    create_job: CreateJob
    now: Clock
    max_queue: int

    def run(self, batch_id: str, span: Mapping[str, int], attempts: int = 0) -> int:
        """Create a job for each row in the byte range `span` of the rows file. Idempotent.

        Returns 0, or, if the queue is full, the seconds until the next attempt without creating
        a job. `attempts` counts the earlier attempts. If the API key of the batch was revoked,
        cancels the batch instead.
        """
        batch = self.batches.get(batch_id)
        if batch is None or not batch.is_open or batch.canceled_at is not None:
            return 0
        snapshot = self.queue.read_all()
        if batch.key_id in snapshot.revoked:
            cancel_batch(self.batches, batch_id, self.now())
            return 0
        waiting = max((shard.seconds for shard in snapshot.shards.values()), default=0.0)
        if wait := seconds_until_room(waiting, attempts, min(_ROOM, self.max_queue * _SHARE)):
            return wait
        for row in self.files.rows(batch_id, span):
            if row.request is not None:
                self._create(batch, row)
        return 0

    def _create(self, batch: Batch, row: Row) -> None:
        key = batch.key_of(row.number)
        request_source = RequestSource(
            Caller(name=batch.caller, can_read_all=batch.can_read_all, key_id=batch.key_id),
            key,
            key,
            priority=Priority.LOW,
            batch_id=batch.batch_id,
        )
        try:
            request = parse_request(row.request)
            self.create_job.run(request, request_source)
        except RejectedError as error:
            is_invalid = isinstance(error, InvalidRequestError)
            message = at_row(row.number, str(error)) if is_invalid else str(error)
            refusal = Refusal(row=row.number, code=error.code, message=message[:_MAX_MESSAGE])
            self.batches.refuse(batch, refusal)
