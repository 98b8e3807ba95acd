"""The submit queue, claims, budgets and runtime flags in memory."""

from dataclasses import dataclass, field, replace
from datetime import date

from darkroom.domain.breaker import ProviderState
from darkroom.domain.callers import Caller
from darkroom.domain.job import Reservation
from darkroom.domain.keys import Creator, Revocation
from darkroom.domain.submit_queue import QueueShard, QueueSnapshot
from darkroom.ports import ProviderChange, QueueChange, Reserved, RuntimeFlags
from tests.fakes.signals import StoppedClock


@dataclass
class InMemoryQueue:
    """The port SubmitQueue."""

    shards: dict[int, QueueShard] = field(default_factory=dict)
    provider: ProviderState = field(default_factory=ProviderState)
    revocations: dict[str, Revocation] = field(default_factory=dict)

    @property
    def shard(self) -> QueueShard:
        """The first queue shard; most accounts have only one."""
        return self.read()

    @shard.setter
    def shard(self, shard: QueueShard) -> None:
        self.shards[0] = shard

    def read(self, number: int = 0) -> QueueShard:
        return self.shards.get(number, QueueShard(index=number))

    def read_all(self) -> QueueSnapshot:
        return QueueSnapshot(self.provider, dict(self.shards), frozenset(self.revocations))

    def read_provider(self) -> ProviderState:
        return self.provider

    def swap_provider(self, before: ProviderState, after: ProviderState) -> bool:
        return self.change(ProviderChange(before, after))

    def allows(self, change: QueueChange | ProviderChange) -> bool:
        if isinstance(change, ProviderChange):
            return change.before.version == self.provider.version
        shard = self.read(change.target)
        is_unchanged = change.before is None or change.before.version == shard.version
        return is_unchanged and (
            change.max_in_flight is None or shard.in_flight < change.max_in_flight
        )

    def change(self, change: QueueChange | ProviderChange) -> bool:
        """Apply a change and return True; return False and change nothing if it is not allowed."""
        if not self.allows(change):
            return False
        if isinstance(change, ProviderChange):
            version = change.before.version + 1
            self.provider = change.after.model_copy(update={"version": version})
            return True
        shard = self.read(change.target)
        updated = {"in_flight": shard.in_flight + change.in_flight_delta}
        if change.after is not None:
            updated["version"] = shard.version + 1
            shard = change.after
        self.shards[change.target] = shard.model_copy(update=updated)
        return True


@dataclass
class InMemoryClaims:
    """The port Claims."""

    owners: dict[str, str] = field(default_factory=dict)

    def owner(self, prediction_id: str) -> str | None:
        return self.owners.get(prediction_id)


@dataclass
class InMemoryBudgets:
    """The port Budgets."""

    amounts: dict[tuple[date, str], int] = field(default_factory=dict)
    warned: set[tuple[date, str]] = field(default_factory=set)
    stored_caps: dict[str, int] = field(default_factory=dict)

    def reserved(self, day: date, scope: str) -> Reserved:
        return Reserved(self.amounts.get((day, scope), 0), (day, scope) in self.warned)

    def warn(self, day: date, scope: str) -> None:
        self.warned.add((day, scope))

    def cap(self, caller: str) -> int | None:
        return self.stored_caps.get(caller)

    def caps(self) -> dict[str, int]:
        return dict(self.stored_caps)

    def set_cap(self, caller: str, micro_usd: int | None) -> None:
        self.stored_caps.pop(caller, None)
        if micro_usd is not None:
            self.stored_caps[caller] = micro_usd

    def add(self, reservation: Reservation, amount: int) -> None:
        budget = (reservation.day, reservation.scope)
        self.amounts[budget] = self.amounts.get(budget, 0) + amount


@dataclass
class InMemoryFlags:
    """The port FlagStore."""

    flags: RuntimeFlags = field(default_factory=RuntimeFlags)
    clock: StoppedClock = field(default_factory=StoppedClock)

    def read(self) -> RuntimeFlags:
        return self.flags

    def set_submits(self, by: Caller, *, submits: bool) -> None:
        self.flags = replace(
            self.flags,
            submits=submits,
            paused_at=None if submits else self.clock(),
            paused_by=None if submits else Creator.of(by),
        )

    def set(self, *, submits: bool = True, webhook_url: str | None = None) -> None:
        self.flags = RuntimeFlags(submits=submits, webhook_url=webhook_url)
