"""List the keys with the budgets of their callers."""

from dataclasses import dataclass
from functools import cache

from darkroom.domain.key_requests import KeyView
from darkroom.domain.keys import Key
from darkroom.ports import Budgets, Clock, Keys


@dataclass(frozen=True)
class ListKeys:
    """Show the stored keys."""

    keys: Keys
    budgets: Budgets
    now: Clock

    def run(self) -> tuple[KeyView, ...]:
        """Return all keys, the oldest first. Reads once per caller with a budget."""
        caps, day = self.budgets.caps(), self.now().date()
        used = cache(lambda caller: self.budgets.reserved(day, caller).micro_usd)

        def view(key: Key) -> KeyView:
            caller = key.caller.name
            cap = caps.get(caller)
            return KeyView.of(key, cap, 0 if cap is None else used(caller))

        return tuple(map(view, sorted(self.keys.all(), key=lambda key: key.created_at)))
