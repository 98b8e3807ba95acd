"""Create rows: make jobs of a part of a batch, as soon as the line has room for them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom.domain.batch import Batch, Refusal, sentence
from darkroom.domain.callers import Caller
from darkroom.domain.errors import (
    BudgetExceededError,
    Code,
    ConflictError,
    InvalidRequestError,
)
from darkroom.domain.parsing import parse_request
from darkroom.domain.rows import Row
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Batches, BatchFiles, SubmitQueue
from darkroom.usecases.create_job import CreateJob, RequestSource

# So much work is kept in the line: enough to be sent while nobody looks. More would only crowd it,
# and a job that waits longer than `max_queue` fails.
_ROOM, _SHARE = 20.0, 0.25  # seconds, part of `max_queue`
_SOONEST, _LATEST = 5, 600  # seconds until it is looked at again
_SPREAD, _WIDEST = 20.0, 3600.0  # and up to so many more for each look in vain, at most
_CHANCE = random.Random()  # noqa: S311 - no secret


def until_room(
    waiting: float, attempts: int, room: float = _ROOM, chance: random.Random = _CHANCE
) -> int:
    """Return 0 if rows may join so many seconds of work, or else the seconds until the next look.

    Between `room` and its double it is by chance, the fuller the rarer (random early detection): at
    one threshold the parts of many batches would all come at one moment, and crowd the line. How
    many they are nobody knows: after more `looks` in vain, each looks less often.
    """
    full = (waiting - room) / room
    if full <= chance.random():
        return 0
    seconds = min(_LATEST, max(_SOONEST, waiting - 2 * room))
    return round(seconds + chance.uniform(0, min(_WIDEST, _SPREAD * (attempts + 1))))


@dataclass(frozen=True)
class CreateRows:
    """The door of a batch."""

    batches: Batches
    files: BatchFiles
    queue: SubmitQueue
    create_job: CreateJob
    max_deadline: int
    max_queue: int

    def __call__(self, batch_id: str, span: Mapping[str, int], attempts: int = 0) -> int:
        """Make a job of each row in a span of the file; safe to repeat.

        Returns 0, or else the seconds after which to try again: nothing was done, as at so many
        `looks` before.
        """
        batch = self.batches.get(batch_id)
        if batch is None or not batch.is_open or batch.canceled_at is not None:
            return 0
        waiting = max(shard.seconds for shard in self.queue.read_all())
        if wait := until_room(waiting, attempts, min(_ROOM, self.max_queue * _SHARE)):
            return wait
        for row in self.files.rows(batch_id, span):
            if row.request is not None:
                self._create(batch, row)
        return 0

    def _create(self, batch: Batch, row: Row) -> None:
        key = batch.key_of(row.number)
        request_source = RequestSource(
            Caller(name=batch.caller, can_read_all=batch.can_read_all),
            key,
            key,
            daily_budget_micro_usd=batch.daily_budget_micro_usd,
            priority=Priority.LOW,
            batch_id=batch.batch_id,
        )
        try:
            request = parse_request(row.request, max_deadline_seconds=self.max_deadline)
            self.create_job(request, request_source)
        except InvalidRequestError as error:
            self._refuse(batch, row, Code.INVALID_REQUEST, sentence(error.problems))
        except BudgetExceededError as error:
            self._refuse(batch, row, Code.BUDGET_EXCEEDED, str(error))
        except ConflictError as error:
            self._refuse(batch, row, Code.INVALID_REQUEST, str(error))

    def _refuse(self, batch: Batch, row: Row, code: Code, message: str) -> None:
        self.batches.refuse(batch, Refusal(row=row.number, code=code, message=message[:500]))
