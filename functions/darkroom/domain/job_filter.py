"""Which jobs a list has."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.requests import Operation


@dataclass(frozen=True)
class JobFilter:
    """Conditions on a job; None is no condition."""

    status: Status | None = None
    operation: Operation | None = None
    code: Code | None = None
    batch_id: str | None = None
    key_id: str | None = None
    model: str | None = None
    preset: str | None = None  # a name, of any version, or a name with a version
    tag: str | None = None
    favorite: bool | None = None
    text: str | None = None  # in the prompt, ignoring case
    since: date | None = None  # the first and the last day, in UTC
    until: date | None = None

    @property
    def before(self) -> datetime | None:
        """The end of the last day."""
        return None if self.until is None else _start(self.until) + timedelta(days=1)

    def is_older(self, job: Job) -> bool:
        """Return whether a job was accepted before the first day."""
        return self.since is not None and job.accepted_at < _start(self.since)

    def matches(self, job: Job) -> bool:
        """Return whether a job fulfills all conditions."""
        name = (job.preset or "").partition("@")[0]
        return (
            self._has_fields_of(job)
            and not self.is_older(job)
            and (self.before is None or job.accepted_at < self.before)
            and self.preset in (None, job.preset, name)
            and (self.tag is None or self.tag in job.tags)
            and self._has_text_of(job)
        )

    def _has_fields_of(self, job: Job) -> bool:
        names = ("status", "operation", "code", "batch_id", "key_id", "model", "favorite")
        return all(getattr(self, name) in (None, getattr(job, name)) for name in names)

    def _has_text_of(self, job: Job) -> bool:
        prompt = str(job.input.get("prompt", ""))
        return self.text is None or self.text.casefold() in prompt.casefold()


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
