"""Limit requests: count the requests of a key in each minute."""

from dataclasses import dataclass

from darkroom.ports import Clock, RequestCounter

_MINUTE = 60  # seconds


@dataclass(frozen=True)
class LimitRequests:
    """Refuse the requests of a key above its limit, until the next minute."""

    counter: RequestCounter
    now: Clock
    per_minute: int  # 0 for no limit

    def run(self, key_id: str) -> int:
        """Count a request. Returns 0, or the seconds until the key may send the next one."""
        if not self.per_minute:
            return 0
        minute, second = divmod(int(self.now().timestamp()), _MINUTE)
        is_allowed = self.counter.add(key_id, minute) <= self.per_minute
        return 0 if is_allowed else _MINUTE - second
