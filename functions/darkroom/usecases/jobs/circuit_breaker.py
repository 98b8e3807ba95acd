"""Circuit breaker: update the queue shards by what each response says about the provider."""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.domain.breaker import Health
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Clock, Metrics, SubmitQueue

_TRIES = 40


@dataclass(frozen=True)
class CircuitBreaker:
    """Open or close the circuit breaker of the queue shards."""

    queue: SubmitQueue
    metrics: Metrics
    now: Clock
    breaker_seconds: float

    def __call__(
        self, number: int, health: Health, reason: Code = Code.PROVIDER_UNAVAILABLE
    ) -> None:
        """Record the provider's health in shard `number`; write nothing if nothing changes.

        `Health.BLOCKED` is recorded in every shard.
        """
        if health is Health.UNREACHABLE:
            self.metrics.count("ProviderUnreachable")
        for _ in range(_TRIES):
            shard = self.queue.read(number)
            after = self.updated(shard, health, reason)
            if after.breaker == shard.breaker:
                return
            if self.queue.swap(shard, after):
                self.count_trip(shard, after)
                if health is Health.BLOCKED:
                    self.update_others(number, lambda other: self.updated(other, health, reason))
                return
        raise RuntimeError("too many conflicts on a queue shard")

    def update_others(self, number: int, change: Callable[[QueueShard], QueueShard]) -> None:
        """Apply `change` to every shard but `number`: one response can concern all jobs."""
        for listed in self.queue.read_all():
            shard, tries = listed, 0
            while shard.index != number and not self.queue.swap(shard, change(shard)):
                shard, tries = self.queue.read(shard.index), tries + 1
                if tries == _TRIES:
                    raise RuntimeError("too many conflicts on a queue shard")

    def updated(
        self, shard: QueueShard, health: Health, reason: Code = Code.PROVIDER_UNAVAILABLE
    ) -> QueueShard:
        """Return the shard with its breaker updated by the provider's health."""
        now = self.now().timestamp()
        breaker = shard.breaker.after(health, reason, now, self.breaker_seconds)
        return shard.model_copy(update={"breaker": breaker})

    def count_trip(self, before: QueueShard, after: QueueShard) -> None:
        """Count the metrics `BreakerOpen` and `BreakerOpened` if the breaker has opened."""
        if after.breaker.trips > before.breaker.trips:
            self.metrics.count("BreakerOpen")
            self.metrics.count("BreakerOpened", code=str(after.breaker.reason))
