"""What tests do to a job while it is on its way."""

from collections.abc import Callable
from typing import Any

from tests.workflow.cloud import Cloud
from tests.workflow.invariants import Run
from tests.workflow.lambdas import KilledError

type Moment = tuple[int, str]


def at_wait(cloud: Cloud, number: int, act: Callable[[], object]) -> None:
    """Do something once, at the end of the number-th time that a machine waits."""

    def waited() -> None:
        if len(cloud.clock.waits) == number:
            cloud.clock.on_wait = lambda: None
            act()

    cloud.clock.on_wait = waited


def once(cloud: Cloud, moment: str, act: Callable[[], object], nth: int = 1) -> None:
    """Do something once, the n-th time that it comes to this moment in the life of a job."""
    left = nth

    def seen(effect: str) -> None:
        nonlocal left
        left -= effect == moment
        if effect == moment and left == 0:
            cloud.lambdas.on_effect = lambda _: None
            act()

    cloud.lambdas.on_effect = seen


def moments(changes: list[str]) -> list[Moment]:
    """Return each moment around each of the changes that handlers make."""
    return [(index, when) for index in range(len(changes)) for when in ("before", "after")]


def at_change(cloud: Cloud, moment: Moment, act: Callable[[], object]) -> None:
    """Do something once, before or after the index-th change from now on."""
    index, when = moment
    number = len(cloud.lambdas.effects) + 2 * index + (when == "after") + 1

    def seen(_: str) -> None:
        if len(cloud.lambdas.effects) == number:
            cloud.lambdas.on_effect = lambda _: None
            act()

    cloud.lambdas.on_effect = seen


def kill_at(cloud: Cloud, moment: Moment) -> None:
    """Make the sandbox die before or after the index-th change from now on, and never again."""

    def die() -> None:
        raise KilledError

    at_change(cloud, moment, die)


def changes(cloud: Cloud, since: int = 0) -> list[str]:
    """Return what handlers have changed, in order."""
    seen = cloud.lambdas.effects[since:]
    return [effect.replace(" before", "") for effect in seen if " before " in effect]


def finish(cloud: Cloud, job_id: str) -> Run:
    """Run the job's execution, and the rule on its end, to the last; return what came of it."""
    cloud.machine.run_pending()
    cloud.end(job_id)
    return cloud.look(job_id)


def sweep_for(cloud: Cloud, minutes: int) -> dict[str, set[str]]:
    """Let Sweep come each minute, as long; return what it did with which jobs."""
    told: dict[str, set[str]] = {}

    def sweep() -> None:
        for done, job_ids in (cloud.sweep() or {}).items():
            told.setdefault(done, set()).update(job_ids)

    for minute in range(1, minutes + 1):
        cloud.clock.at(60 * minute, sweep)
    cloud.machine.run_pending()
    return told


def stop_at(cloud: Cloud, seconds: float, job_id: str) -> None:
    """Plan to stop a job's execution, with nobody who is told."""
    cloud.clock.at(seconds, lambda: cloud.stop(job_id))


def call_at(cloud: Cloud, seconds: float, **said: Any) -> list[int]:
    """Plan a webhook; return the list that its answer's status will be in."""
    told: list[int] = []
    cloud.clock.at(seconds, lambda: told.append(cloud.call_back(**said)))
    return told
