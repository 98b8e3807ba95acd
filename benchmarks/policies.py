"""Polling policies, and their lag and cost over many jobs."""

import random
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks import prices
from benchmarks.report import dollars
from benchmarks.template import memory
from benchmarks.wait_simulation import POLL_SECONDS, WaitResult, simulate_darkroom, simulate_loop
from darkroom.domain.durations import ExpectedDuration

# The share of jobs that take five times as long, and the share of lost webhooks.
JOBS, SEED, OUTLIERS, LOST_WEBHOOKS = 1500, 7, 0.01, 0.01
POLLING_MB, WEBHOOK_MB = memory("CheckFunction"), memory("FinalizeFunction")
LOOP_MB = 256.0

type Policy = Callable[[float, ExpectedDuration, random.Random], WaitResult]


def darkroom(check_poll_seconds: float = 300, *, webhook: bool = False) -> Policy:
    """Return Darkroom's policy, with or without webhooks."""

    def simulate(duration: float, kind: ExpectedDuration, rng: random.Random) -> WaitResult:
        is_lost = webhook and rng.random() < LOST_WEBHOOKS
        return simulate_darkroom(
            duration,
            kind,
            check_poll_seconds=check_poll_seconds,
            webhook=webhook,
            is_webhook_lost=is_lost,
        )

    return simulate


def _loop(pause: Callable[[int], float], states: int = 3) -> Policy:
    return lambda duration, _kind, _rng: simulate_loop(duration, pause, states=states)


def _oracle(duration: float, _kind: ExpectedDuration, _rng: random.Random) -> WaitResult:
    return WaitResult(POLL_SECONDS / 2, 1, 6, POLL_SECONDS, duration)  # one wait, no Check


POLICIES: dict[str, Policy] = {
    "**Darkroom, webhooks** (default)": darkroom(webhook=True),
    "**Darkroom, no webhooks**": darkroom(),
    "Darkroom, one poll per check": darkroom(0),
    "script, every 1 s (official SDK)": _loop(lambda _: 1, 0),
    "Step Functions loop, every 2 s": _loop(lambda _: 2),
    "Step Functions loop, every 5 s": _loop(lambda _: 5),
    "Step Functions loop, 1, 2, 4 … 30 s": _loop(lambda polls: min(30, 2**polls)),
    "oracle: one poll at completion": _oracle,
}


class PolicyResult(NamedTuple):
    """The result of a policy for one kind of image."""

    p50: float  # lag in seconds
    p95: float  # lag in seconds
    polls: float  # mean
    transitions: float  # median
    mean_transitions: float
    usd: float  # mean cost of transitions and of the function that polls
    median_usd: float


def durations(kind: ExpectedDuration, jobs: int, rng: random.Random) -> Iterator[float]:
    """Yield log-normal durations in seconds. One in a hundred is five times as long."""
    for _ in range(jobs):
        yield kind.at(rng.gauss()) * (5 if rng.random() < OUTLIERS else 1)


def measure_policy(
    policy: Policy, kind: ExpectedDuration, megabytes: float, jobs: int = JOBS
) -> PolicyResult:
    """Run jobs of a kind through a policy. Every policy gets the same jobs."""
    rng, policy_rng = random.Random(SEED), random.Random(SEED)  # noqa: S311 - no secret
    waits = [policy(duration, kind, policy_rng) for duration in durations(kind, jobs, rng)]
    return summarize(waits, megabytes)


def summarize(waits: list[WaitResult], megabytes: float) -> PolicyResult:
    """Return the quantiles and means of waits in a function with this memory."""
    lags = statistics.quantiles([wait.lag for wait in waits], n=20)
    costs = [_cost(wait, megabytes) for wait in waits]
    transitions = [wait.transitions for wait in waits]
    return PolicyResult(
        lags[9], lags[18], statistics.mean(wait.polls for wait in waits),
        statistics.median(transitions), statistics.mean(transitions),
        statistics.mean(costs), statistics.median(costs),
    )  # fmt: skip


def _cost(wait: WaitResult, megabytes: float) -> float:
    invocations = max(1, (wait.transitions - 5) // 3)
    return wait.transitions * prices.TRANSITION + prices.function(
        megabytes, wait.seconds, invocations
    )


def memory_of(policy_name: str) -> float:
    """Return the memory of the polling function of a policy, in MB."""
    if "Darkroom" not in policy_name:
        return LOOP_MB
    return WEBHOOK_MB if ", webhooks" in policy_name else POLLING_MB


def policy_row(name: str, result: PolicyResult) -> tuple[str, ...]:
    """Return the table cells of a policy."""
    return (
        name, f"{result.p50:.2f} s", f"{result.p95:.2f} s", f"{result.polls:.1f}",
        f"{result.transitions:.0f} / {result.mean_transitions:.1f}", dollars(result.usd),
    )  # fmt: skip
