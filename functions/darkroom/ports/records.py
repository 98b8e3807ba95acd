"""Records in DynamoDB: jobs, the submit queue, claims, budgets and API keys."""

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
    """A change of a queue shard: its state from `before` to `after`, and its in-flight count.

    The write conflicts if the shard is no longer `before`, or if `max_in_flight` is reached.
    """

    before: QueueShard | None = None
    after: QueueShard | None = None
    in_flight_delta: int = 0
    shard: int = 0
    max_in_flight: int | None = None

    @property
    def target(self) -> int:
        """The index of the changed shard."""
        return self.shard if self.before is None else self.before.index


@dataclass(frozen=True)
class Claim:
    """Claims a prediction for the job. A prediction belongs to at most one job."""

    prediction_id: str


@dataclass(frozen=True)
class Release:
    """Releases a budget reservation, because nothing was charged."""

    reservation: Reservation


type SideWrite = QueueChange | Claim | Release


class Conflict(StrEnum):
    """Why a transaction was rolled back."""

    JOB = "job"  # the job has another status
    QUEUE = "queue"  # the shard was changed by another writer, or all in-flight slots are taken
    CLAIM = "claim"  # the prediction belongs to another job


class Jobs(Protocol):
    """The job records."""

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        """Store a new record with its reservations. Returns False if the id exists.

        `caps` has the budget in micro-USD for each reservation. Raises BudgetExceededError.
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
        """Update the record as `update` does, in one transaction with the side writes."""

    def get(self, job_id: str) -> Job | None:
        """Return the record with a consistent read; None without one."""

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        """Change fields if the status is one of `when`, and return the new record.

        Returns None, without a change, if the status is another or if the field `absent` is set. A
        change to None removes the field.
        """


@dataclass(frozen=True)
class Cursor:
    """A position in a list of jobs or batches: the last item of a page."""

    accepted_at: datetime
    job_id: str


class JobLists(Protocol):
    """The job records, newest first."""

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return the next jobs and the next cursor, which is None at the end.

        `caller` None returns the jobs of every caller. A page before the end may have fewer than
        `limit` jobs, because a record may be deleted during the listing.
        """

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return the jobs whose `sweep_after` is before `before`, oldest first."""


class ManyJobs(Protocol):
    """Batch reads of job records."""

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return the existing records with consistent reads."""


class SubmitQueue(Protocol):
    """The shards of the submit queue: one, or several for a fast account."""

    def read(self, index: int = 0) -> QueueShard:
        """Return a shard with a consistent read."""

    def read_all(self) -> list[QueueShard]:
        """Return every shard that has had a job, but at least the first, with consistent reads."""

    def swap(self, before: QueueShard, after: QueueShard) -> bool:
        """Replace `before` by `after`. Returns False, without a change, on a write conflict."""


class Claims(Protocol):
    """The claims of jobs on predictions."""

    def owner(self, prediction_id: str) -> str | None:
        """Return the id of the job that has claimed the prediction; None without a claim."""


@dataclass(frozen=True)
class Reserved:
    """The used part of a daily budget: spent, or reserved by open jobs."""

    micro_usd: int = 0
    warned: bool = False  # whether BudgetThresholdReached was published


class Budgets(Protocol):
    """The reserved amounts of each budget, by day."""

    def reserved(self, day: date, scope: str) -> Reserved:
        """Return the used part of a budget with a consistent read."""

    def warn(self, day: date, scope: str) -> None:
        """Record that BudgetThresholdReached was published."""


class Keys(Protocol):
    """The API keys."""

    def add(self, key: Key) -> None:
        """Store a new key."""

    def find(self, digest: str) -> Key | None:
        """Return the key with this digest; None without one."""

    def touch(self, digest: str, day: date) -> None:
        """Record the day of a key's last use, if the key exists."""

    def all(self) -> list[Key]:
        """Return all keys."""

    def remove(self, digest: str) -> None:
        """Delete a key."""
