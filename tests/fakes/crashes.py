"""Simulated crashes: the process ends just before or just after a chosen call of a port."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

type CrashTiming = Literal["before", "after"]


class SimulatedCrashError(BaseException):
    """The process ended. `except Exception` does not catch this error."""


@dataclass
class CrashAt:
    """Count the calls of all ports that share this object, and crash at the planned calls."""

    plan: dict[int, CrashTiming]
    calls: int = 0

    def intercept[T](self, call: Callable[[], T]) -> T:
        timing = self.plan.get(self.calls)
        self.calls += 1
        if timing == "before":
            raise SimulatedCrashError
        result = call()
        if timing == "after":
            raise SimulatedCrashError
        return result


@dataclass
class Interruption(CrashAt):
    """Run `action` once, just before call number `at`."""

    at: int = 0
    action: Callable[[], object] | None = None

    def intercept[T](self, call: Callable[[], T]) -> T:
        if self.action and self.calls >= self.at:
            action, self.action = self.action, None
            action()
        return super().intercept(call)


class CrashWrapper:
    """A port whose every call goes through a CrashAt."""

    def __init__(self, port: object, crash_at: CrashAt) -> None:
        self._port = port
        self._crash_at = crash_at

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: self._crash_at.intercept(lambda: attribute(*args, **kwargs))
