"""A port that dies at a chosen call, just before or just after the call took effect."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

type When = Literal["before", "after"]


class DeadError(BaseException):
    """The function died: no code after this runs, and none that catches what goes wrong."""


@dataclass
class CrashAt:
    """Counts calls over all ports that share it, and blows at the planned ones."""

    plan: dict[int, When]
    calls: int = 0

    def around[T](self, call: Callable[[], T]) -> T:
        when = self.plan.get(self.calls)
        self.calls += 1
        if when == "before":
            raise DeadError
        result = call()
        if when == "after":
            raise DeadError
        return result


@dataclass
class Interruption(CrashAt):
    """A fuse that has something else happen just before a chosen call, once."""

    at: int = 0
    act: Callable[[], object] | None = None

    def around[T](self, call: Callable[[], T]) -> T:
        if self.act and self.calls >= self.at:
            act, self.act = self.act, None
            act()
        return super().around(call)


class CrashWrapper:
    """Any port, with every call on the fuse."""

    def __init__(self, port: object, crash_at: CrashAt) -> None:
        self._port = port
        self._fuse = crash_at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._fuse.around(lambda: found(*args, **kwargs))
