"""The provider's state: the circuit breaker and the pause after a 429, for every job."""

import math
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from darkroom.domain.errors import Code

# The breaker opens after this many submits in a row without an answer.
FAILURES = 5
# After this many seconds without a result, another job may probe: the first may hang or be dead.
PROBE_SECONDS = 20
_MAX_BACKOFF = 20  # times the first open period
# How often the other jobs check whether the probe has a result.
_PROBE_POLL_SECONDS = 5


class Health(StrEnum):
    """The provider's health, as seen by one submit."""

    OK = "ok"  # it answered, even if it refused the job
    UNREACHABLE = "unreachable"  # no answer, or a 5xx
    BLOCKED = "blocked"  # it refuses every job of this account


class ProviderState(BaseModel):
    """Whether the provider accepts jobs: one item, written with optimistic locking.

    While the breaker is open, submission stops until `open_until`. Then one job at a time probes
    the provider (half-open). All times are Unix seconds.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    version: int = 0
    failures: int = 0  # consecutive, while closed
    trips: int = 0  # times opened since the breaker was last closed
    open_until: float = 0.0  # end of the last open period
    probing_until: float = 0.0
    reason: Code | None = None  # while open
    paused_until: float = 0.0  # after a 429

    @property
    def is_closed(self) -> bool:
        """Whether the breaker is closed, so that jobs may be submitted."""
        return self.trips == 0

    def earliest_send(self, now: float) -> float:
        """Return when a job may be submitted, or may probe."""
        if self.is_closed:
            return self.paused_until
        probe_poll = min(self.probing_until, now + _PROBE_POLL_SECONDS)
        return max(self.paused_until, self.open_until, probe_poll)

    def probing(self, now: float) -> "ProviderState":
        """Return the state while one job probes; unchanged if the breaker is closed."""
        if self.is_closed:
            return self
        return self.model_copy(update={"probing_until": now + PROBE_SECONDS})

    def paused(self, until: float) -> "ProviderState":
        """Return the state with submission paused for every job, at least until `until`.

        Whole seconds: many jobs that get a 429 in the same second change the state once.
        """
        return self.model_copy(update={"paused_until": max(self.paused_until, math.ceil(until))})

    def after(
        self, health: Health, reason: Code, *, sent_at: float, now: float, base: float
    ) -> "ProviderState":
        """Return the state after the result of a submit that was sent at `sent_at`.

        The breaker opens for `base` seconds, doubled each time, at most 20 times `base`. A submit
        that was sent before the end of the last open period can close the breaker, but not open it.
        """
        if health is Health.OK:
            return ProviderState(
                version=self.version,
                open_until=min(self.open_until, now),
                paused_until=self.paused_until,
            )
        if sent_at < self.open_until:
            return self
        failures = self.failures + 1
        if health is Health.UNREACHABLE and self.is_closed and failures < FAILURES:
            return self.model_copy(update={"failures": failures})
        seconds = base * min(2**self.trips, _MAX_BACKOFF)
        return ProviderState(
            version=self.version,
            trips=self.trips + 1,
            # Whole seconds: the time of a probe is stored in microseconds and must not be earlier.
            open_until=math.ceil(now + seconds),
            reason=reason,
            paused_until=self.paused_until,
        )
