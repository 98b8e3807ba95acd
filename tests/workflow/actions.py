"""Actions of tests on a running job: crashes, stops, webhooks and sweeps at given points."""

from collections.abc import Callable
from typing import Any

from tests.workflow.cloud import Cloud
from tests.workflow.invariants import Run
from tests.workflow.lambdas import KilledError

type CrashPoint = tuple[int, str]


def run_at_wait(cloud: Cloud, number: int, act: Callable[[], object]) -> None:
    """Call `act` once, at the end of the state machine wait with this number."""

    def on_wait() -> None:
        if len(cloud.clock.waits) == number:
            cloud.clock.on_wait = lambda: None
            act()

    cloud.clock.on_wait = on_wait


def run_once_at(cloud: Cloud, point: str, act: Callable[[], object], nth: int = 1) -> None:
    """Call `act` once, at the n-th occurrence of an effect such as `Submit: before POST`."""
    remaining = nth

    def on_effect(effect: str) -> None:
        nonlocal remaining
        remaining -= effect == point
        if effect == point and remaining == 0:
            cloud.lambdas.on_effect = lambda _: None
            act()

    cloud.lambdas.on_effect = on_effect


def crash_points(changes: list[str]) -> list[CrashPoint]:
    """Return the crash points before and after each change."""
    return [(index, when) for index in range(len(changes)) for when in ("before", "after")]


def run_at_change(cloud: Cloud, point: CrashPoint, act: Callable[[], object]) -> None:
    """Call `act` once, before or after the change with this index, counted from now."""
    index, when = point
    number = len(cloud.lambdas.effects) + 2 * index + (when == "after") + 1

    def on_effect(_: str) -> None:
        if len(cloud.lambdas.effects) == number:
            cloud.lambdas.on_effect = lambda _: None
            act()

    cloud.lambdas.on_effect = on_effect


def kill_at(cloud: Cloud, point: CrashPoint) -> None:
    """Crash the sandbox once, before or after the change with this index, counted from now."""

    def crash() -> None:
        raise KilledError

    run_at_change(cloud, point, crash)


def changes(cloud: Cloud, since: int = 0) -> list[str]:
    """Return the recorded writes of handlers, in order."""
    effects = cloud.lambdas.effects[since:]
    return [effect.replace(" before", "") for effect in effects if " before " in effect]


def finish(cloud: Cloud, job_id: str) -> Run:
    """Run the job's execution and OnExecutionEnded; return the result."""
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)
    return cloud.inspect(job_id)


def sweep_for(cloud: Cloud, minutes: int) -> dict[str, set[str]]:
    """Run Sweep each minute for so many minutes; return the job ids by action."""
    report: dict[str, set[str]] = {}

    def sweep() -> None:
        for action, job_ids in (cloud.sweep() or {}).items():
            report.setdefault(action, set()).update(job_ids)

    for minute in range(1, minutes + 1):
        cloud.clock.schedule(60 * minute, sweep)
    cloud.machine.run_pending()
    return report


def stop_at(cloud: Cloud, seconds: float, job_id: str) -> None:
    """Schedule a stop of the job's execution without an OnExecutionEnded event."""
    cloud.clock.schedule(seconds, lambda: cloud.stop(job_id))


def deliver_webhook_at(cloud: Cloud, seconds: float, **fields: Any) -> list[int]:
    """Schedule a webhook; return the list that will contain its status code."""
    statuses: list[int] = []
    cloud.clock.schedule(seconds, lambda: statuses.append(cloud.deliver_webhook(**fields)))
    return statuses
