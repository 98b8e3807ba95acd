"""The job records and the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from darkroom.domain.job import Job, Status
from darkroom.domain.keys import Key


class Jobs(Protocol):
    """The job records."""

    def create(self, job: Job) -> bool:
        """Store a new record; False if there is one with this id already."""

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
