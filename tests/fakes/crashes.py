"""Simulated crashes: the process ends just before or just after a chosen call of a port."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

type CrashTiming = Literal["before", "after"]


class SimulatedCrashError(BaseException):
    """The process ended. `except Exception` does not catch this error."""


@dataclass
class CrashAt:
    """Count the calls of all ports that share this object, and crash at the planned calls.

    `plan` is by number of the call; `methods` is by name of a port's method, which crashes once.
    """

    plan: dict[int, CrashTiming]
    calls: int = 0
    methods: dict[str, CrashTiming] = field(default_factory=dict)

    def intercept[T](self, method: str, call: Callable[[], T]) -> T:
        timing = self.methods.pop(method, self.plan.get(self.calls))
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

    def intercept[T](self, method: str, call: Callable[[], T]) -> T:
        if self.action and self.calls >= self.at:
            action, self.action = self.action, None
            action()
        return super().intercept(method, call)


class CrashWrapper:
    """A port whose every call goes through a CrashAt."""

    def __init__(self, port: object, crash_at: CrashAt) -> None:
        self._port = port
        self._crash_at = crash_at

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._crash_at.intercept(name, lambda: attribute(*args, **kwargs))

        return call
