"""Ways to wait for a picture, and what each comes to over many of them."""

import random
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks import bill, prices
from benchmarks.replay import LOOK, Waited, loop, wait
from benchmarks.report import dollars
from darkroom.domain.durations import Expected

JOBS, SEED, TAIL, LOST = 1500, 7, 0.01, 0.01
POLLED_MB, CALLED_MB = (bill.memory("CheckFunction", webhook=on) for on in (False, True))
LOOP_MB = 256.0

type Policy = Callable[[float, Expected, random.Random], Waited]


def darkroom(hold: float = 300, *, webhook: bool = False) -> Policy:
    """Return Darkroom's own policy; one webhook in a hundred is lost."""

    def one(duration: float, kind: Expected, rng: random.Random) -> Waited:
        lost = webhook and rng.random() < LOST
        return wait(duration, kind, hold=hold, webhook=webhook, lost=lost)

    return one


def _loop(pause: Callable[[int], float], states: int = 3) -> Policy:
    return lambda duration, _kind, _rng: loop(duration, pause, states=states, start=0)


def _oracle(duration: float, _kind: Expected, _rng: random.Random) -> Waited:
    return Waited(LOOK / 2, 1, 8, LOOK, duration)


POLICIES: dict[str, Policy] = {
    "**Darkroom, webhooks** (default)": darkroom(webhook=True),
    "**Darkroom, no webhooks**": darkroom(),
    "Darkroom, one look a check": darkroom(0),
    "script, every 1 s (official SDK)": _loop(lambda _: 1, 0),
    "Step Functions loop, every 2 s": _loop(lambda _: 2),
    "Step Functions loop, every 5 s": _loop(lambda _: 5),
    "Step Functions loop, 1, 2, 4 … 30 s": _loop(lambda looks: min(30, 2**looks)),
    "oracle: looks once, when it is done": _oracle,
}


class StoredObject(NamedTuple):
    """What a policy came to for one kind of picture."""

    p50: float
    p95: float
    looks: float
    transitions: float  # of the median job
    mean_transitions: float
    usd: float  # of the mean job, its transitions and looks
    median_usd: float


def durations(kind: Expected, jobs: int, rng: random.Random) -> Iterator[float]:
    """Draw log-normal durations of which one in a hundred is five times as long."""
    for _ in range(jobs):
        yield kind.at(rng.gauss()) * (5 if rng.random() < TAIL else 1)


def measure(policy: Policy, kind: Expected, megabytes: float, jobs: int = JOBS) -> StoredObject:
    """Run jobs of a kind through a policy; the same jobs whatever the policy."""
    rng, luck = random.Random(SEED), random.Random(SEED)  # noqa: S311 - no secret
    return summed([policy(each, kind, luck) for each in durations(kind, jobs, rng)], megabytes)


def summed(waits: list[Waited], megabytes: float) -> StoredObject:
    """Return the quantiles and means."""
    lags = statistics.quantiles([each.lag for each in waits], n=20)
    costs = [_cost(each, megabytes) for each in waits]
    transitions = [each.transitions for each in waits]
    return StoredObject(
        lags[9], lags[18], statistics.mean(each.looks for each in waits),
        statistics.median(transitions), statistics.mean(transitions),
        statistics.mean(costs), statistics.median(costs),
    )  # fmt: skip


def _cost(waited: Waited, megabytes: float) -> float:
    runs = max(1, (waited.transitions - 5) // 3)
    return waited.transitions * prices.TRANSITION + prices.function(megabytes, waited.held, runs)


def megabytes_of(name: str) -> float:
    """Return the memory of what waits."""
    if "Darkroom" not in name:
        return LOOP_MB
    return CALLED_MB if ", webhooks" in name else POLLED_MB


def row(name: str, found: StoredObject) -> tuple[str, ...]:
    """Return the cells of a policy."""
    return (
        name, f"{found.p50:.2f} s", f"{found.p95:.2f} s", f"{found.looks:.1f}",
        f"{found.transitions:.0f} / {found.mean_transitions:.1f}", dollars(found.usd),
    )  # fmt: skip
