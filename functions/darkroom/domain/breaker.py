"""The circuit breaker: pauses submission while the provider accepts no jobs, and probes it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from darkroom.domain.errors import Code

# The breaker opens after this many submits in a row without an answer.
FAILURES = 5
# After this many seconds without a result, another job may probe: the first may hang or be dead.
_PROBE_SECONDS = 20
_MAX_BACKOFF = 20  # times the first open period
# How often the other jobs check whether the probe has a result.
_PROBE_POLL_SECONDS = 5


class Health(StrEnum):
    """The provider's health, as seen by one submit."""

    OK = "ok"  # it answered, even if it refused the job
    UNREACHABLE = "unreachable"  # no answer, or a 5xx
    BLOCKED = "blocked"  # it refuses every job of this account


class BreakerState(BaseModel):
    """The breaker's state. When `open_until` has passed, one job probes the provider (half-open).

    All times are Unix seconds.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    failures: int = 0  # consecutive, while closed
    trips: int = 0  # times opened since the breaker was last closed
    open_until: float = 0.0
    probing_until: float = 0.0
    reason: Code | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the breaker is closed, so that jobs may be submitted."""
        return self.trips == 0

    def wait(self, now: float) -> float:
        """Return the seconds until a job may be submitted, or may probe; 0 if it may now."""
        if self.is_closed:
            return 0.0
        return max(0.0, self.open_until - now, min(_PROBE_POLL_SECONDS, self.probing_until - now))

    def probing(self, now: float) -> "BreakerState":
        """Return the state while one job probes; unchanged if the breaker is closed."""
        if self.is_closed:
            return self
        return self.model_copy(update={"probing_until": now + _PROBE_SECONDS})

    def after(self, health: Health, reason: Code, now: float, base: float) -> "BreakerState":
        """Return the state after a submit. The breaker opens for `base` seconds, doubled each time.

        An open period is at most 20 times `base`.
        """
        if health is Health.OK:
            return BreakerState()
        if now < self.open_until:
            return self  # this submit was sent before the breaker opened
        failures = self.failures + 1
        if health is Health.UNREACHABLE and self.is_closed and failures < FAILURES:
            return self.model_copy(update={"failures": failures})
        seconds = base * min(2**self.trips, _MAX_BACKOFF)
        return BreakerState(trips=self.trips + 1, open_until=now + seconds, reason=reason)
