"""The circuit breaker: stop sending while the provider takes nothing, and find out when it does."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from darkroom.domain.errors import Code

# So many submits in a row that nobody answered for, and the line is stopped.
FAILURES = 5
# So long the one that probes has, before another may: it may hang, or be dead.
_PROBE_SECONDS = 20
_MOST = 20  # times as long as at first
# How often the others look whether the one that probes has come back.
_LOOK_SECONDS = 5


class Health(StrEnum):
    """What a submit says about the provider."""

    OK = "ok"  # it answers, whatever it says of the job
    UNREACHABLE = "unreachable"  # it did not answer, or with a 5xx
    BLOCKED = "blocked"  # it takes nothing from this account


class BreakerState(BaseModel):
    """Closed, or open until a moment; then one job probes. All moments are Unix seconds."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    failures: int = 0  # in a row, while closed
    trips: int = 0  # how often it opened since it was closed
    open_until: float = 0.0
    probing_until: float = 0.0
    reason: Code | None = None

    @property
    def is_closed(self) -> bool:
        """Whether jobs are sent."""
        return self.trips == 0

    def wait(self, now: float) -> float:
        """Return the seconds until a job may be sent, or may probe; 0 for at once."""
        if self.is_closed:
            return 0.0
        return max(0.0, self.open_until - now, min(_LOOK_SECONDS, self.probing_until - now))

    def probing(self, now: float) -> "BreakerState":
        """Return it while one job finds out; unchanged if it is closed."""
        if self.is_closed:
            return self
        return self.model_copy(update={"probing_until": now + _PROBE_SECONDS})

    def after(self, health: Health, reason: Code, now: float, base: float) -> "BreakerState":
        """Return it after a submit; it opens for `base` seconds, and twice as long each time."""
        if health is Health.OK:
            return BreakerState()
        if now < self.open_until:
            return self  # it was sent before
        failures = self.failures + 1
        if health is Health.UNREACHABLE and self.is_closed and failures < FAILURES:
            return self.model_copy(update={"failures": failures})
        seconds = base * min(2**self.trips, _MOST)
        return BreakerState(trips=self.trips + 1, open_until=now + seconds, reason=reason)
