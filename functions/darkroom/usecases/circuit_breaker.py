"""Watch: what each submit says about the provider, for the circuit breaker in the line."""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.domain.breaker import Health
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Clock, Metrics, SubmitQueue

_TRIES = 40


@dataclass(frozen=True)
class CircuitBreaker:
    """Open the breaker, or close it again."""

    queue: SubmitQueue
    metrics: Metrics
    now: Clock
    breaker_seconds: float

    def __call__(
        self, number: int, health: Health, reason: Code = Code.PROVIDER_UNAVAILABLE
    ) -> None:
        """Tell a line what a submit came to; nothing is written where that changes nothing."""
        if health is Health.UNREACHABLE:
            self.metrics.count("ProviderUnreachable")
        for _ in range(_TRIES):
            shard = self.queue.read(number)
            after = self.updated(shard, health, reason)
            if after.breaker == shard.breaker:
                return
            if self.queue.swap(shard, after):
                self.log_change(shard, after)
                if health is Health.BLOCKED:
                    self.update_others(number, lambda other: self.updated(other, health, reason))
                return
        raise RuntimeError("the line moves too fast")

    def update_others(self, number: int, change: Callable[[QueueShard], QueueShard]) -> None:
        """Change all lines but one, which has been: what the provider says is meant for all."""
        for each in self.queue.read_all():
            shard, tries = each, 0
            while shard.index != number and not self.queue.swap(shard, change(shard)):
                shard, tries = self.queue.read(shard.index), tries + 1
                if tries == _TRIES:
                    raise RuntimeError("the line moves too fast")

    def updated(
        self, shard: QueueShard, health: Health, reason: Code = Code.PROVIDER_UNAVAILABLE
    ) -> QueueShard:
        """Return the line after a verdict."""
        now = self.now().timestamp()
        breaker = shard.breaker.after(health, reason, now, self.breaker_seconds)
        return shard.model_copy(update={"breaker": breaker})

    def log_change(self, before: QueueShard, after: QueueShard) -> None:
        """Count it if the breaker has opened."""
        if after.breaker.trips > before.breaker.trips:
            self.metrics.count("BreakerOpen")
            self.metrics.count("BreakerOpened", code=str(after.breaker.reason))
