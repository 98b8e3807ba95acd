"""The records: jobs, the line that they stand in, claims, budgets and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.job import Job, Reservation, Status
    from darkroom.domain.keys import Key
    from darkroom.domain.submit_queue import QueueShard


@dataclass(frozen=True)
class QueueChange:
    """A change of the line: from what was read to what follows, and of the count in flight."""

    before: QueueShard | None = None
    after: QueueShard | None = None
    in_flight_delta: int = 0
    shard: int = 0
    max_in_flight: int | None = None

    @property
    def target(self) -> int:
        """Which line it changes."""
        return self.shard if self.before is None else self.before.index


@dataclass(frozen=True)
class Claim:
    """That a prediction is this job's, and no other's."""

    prediction_id: str


@dataclass(frozen=True)
class Release:
    """That what was held of a budget is free again: nothing was charged."""

    reservation: Reservation


type SideWrite = QueueChange | Claim | Release


class Conflict(StrEnum):
    """Why a change was not made, and with it nothing."""

    JOB = "job"  # its status is another
    QUEUE = "queue"  # somebody else changed it, or it is full
    CLAIM = "claim"  # the prediction is another job's


class Jobs(Protocol):
    """The job records."""

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        """Store a new record and hold its `holds`; False if there is one with this id already.

        `caps`: for each hold, what all of its budget's may come to; raises BudgetExceededError.
        """

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Conflict:
        """Like `update`, in one transaction with what else changes: all of it or nothing."""

    def get(self, job_id: str) -> Job | None:
        """Return the record, read consistently."""

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        """Change fields if the status is one of `when`; None, and nothing changed, if it is not.

        `absent` names a field that must not be set, too. A change to None removes the field.
        """


@dataclass(frozen=True)
class Cursor:
    """A place in a list of jobs: the one that was seen last."""

    accepted_at: datetime
    job_id: str


class JobLists(Protocol):
    """The job records, newest first."""

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return the next jobs of a caller, or of everybody, and where to go on; None at the end.

        There may be fewer than `limit` before the end: a record can be gone while it is listed.
        """

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return the jobs whose `sweep_after` has come, the longest overdue first."""


class ManyJobs(Protocol):
    """The job records, many at once."""

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return those that there are, read consistently."""


class SubmitQueue(Protocol):
    """The lines of the deployment: one, or several of a fast account."""

    def read(self, number: int = 0) -> QueueShard:
        """Return one of them, read consistently."""

    def read_all(self) -> list[QueueShard]:
        """Return those that ever had a job, read consistently; at least the first."""

    def swap(self, before: QueueShard, after: QueueShard) -> bool:
        """Change it; False, and nothing changed, if it is no more what was read."""


class Claims(Protocol):
    """Which job a prediction belongs to."""

    def owner(self, prediction_id: str) -> str | None:
        """Return the job's id."""


@dataclass(frozen=True)
class Reserved:
    """What is held of a day's money: spent, or reserved by jobs that are open."""

    micro_usd: int = 0
    warned: bool = False  # whether the owner was told that most of it is gone


class Budgets(Protocol):
    """What is held of each budget, day by day."""

    def reserved(self, day: date, scope: str) -> Reserved:
        """Return it, read consistently."""

    def warn(self, day: date, scope: str) -> None:
        """Note that the owner was told."""


class Keys(Protocol):
    """The API keys."""

    def add(self, key: Key) -> None:
        """Store a new key."""

    def find(self, digest: str) -> Key | None:
        """Return the key with this digest."""

    def touch(self, digest: str, day: date) -> None:
        """Note the day on which a key was used last; nothing if there is no such key."""

    def all(self) -> list[Key]:
        """Return every key there is."""

    def remove(self, digest: str) -> None:
        """Forget a key."""
