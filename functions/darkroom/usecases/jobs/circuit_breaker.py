"""Circuit breaker: record what the results of submits say about the provider."""

from dataclasses import dataclass

from darkroom.domain.breaker import Health
from darkroom.domain.errors import Code
from darkroom.domain.job import Job
from darkroom.ports import Clock, Metrics, SubmitQueue

# Results that change nothing are not written, so concurrent writers are few.
_TRIES = 40


@dataclass(frozen=True)
class CircuitBreaker:
    """Open or close the circuit breaker, and pause submission after a 429."""

    queue: SubmitQueue
    metrics: Metrics
    now: Clock
    breaker_seconds: float

    def run(
        self,
        job: Job,
        health: Health,
        reason: Code = Code.PROVIDER_UNAVAILABLE,
        *,
        pause_seconds: int = 0,
    ) -> None:
        """Record the result of a job's submit; write nothing if it changes nothing.

        `reason`: why the breaker opens. `pause_seconds`: how long submission pauses for every job.
        """
        if health is Health.UNREACHABLE:
            self.metrics.count("ProviderUnreachable")
        sent_at = (job.submitting_at or job.accepted_at).timestamp()
        for _ in range(_TRIES):
            before, now = self.queue.read_provider(), self.now().timestamp()
            after = before.after(
                health, reason, sent_at=sent_at, now=now, base=self.breaker_seconds
            )
            if pause_seconds:
                after = after.paused(now + pause_seconds)
            if after == before:
                return
            if self.queue.swap_provider(before, after):
                if after.trips > before.trips:
                    self.metrics.count("BreakerOpen")
                    self.metrics.count("BreakerOpened", code=str(after.reason))
                return
        raise RuntimeError("too many conflicts on the provider's state")
