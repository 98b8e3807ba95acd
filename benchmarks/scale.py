"""Ten thousand and a million jobs at each account tier: total time, efficiency, cost and quotas."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from statistics import fmean
from typing import NamedTuple

from benchmarks import bill, prices
from benchmarks.contention import attempts_per_write
from benchmarks.policies import durations
from benchmarks.report import Section, table
from benchmarks.template import memory
from benchmarks.traffic import (
    BATCH_ROWS,
    CREATORS,
    READ_SECONDS,
    ROW_SECONDS,
    STARTS_PER_SECOND,
    WRITE_SECONDS,
    Traffic,
    TrafficResult,
    earliest_end,
)
from benchmarks.wait_simulation import WaitResult, simulate_darkroom
from darkroom.domain.durations import published
from darkroom.domain.pricing import estimate_cost
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL
from darkroom.domain.submit_queue import RateLimit
from darkroom.usecases.jobs.acquire_slot import HEAD_POLL_SECONDS

TIERS = {
    "Bronze": RateLimit(2, 2), "Silver": RateLimit(500, 300), "Gold": RateLimit(3000, 3000),
    "Ultra": RateLimit(5000, 10_000),
}  # fmt: skip
JOBS = tuple(int(count) for count in os.environ.get("JOBS", "10000 1000000").split())
KIND = {"quality": "medium", "resolution": "1k"}
_SAMPLES, _SEED = 2000, 7
# Up to ten thousand jobs, one run depends on chance: its last few jobs may be slow ones.
SMALL_LOAD, SEEDS = 10_000, 5
# us-east-1: transitions a second, concurrent functions, write units a second of one partition key.
TRANSITION_QUOTA, CONCURRENCY_QUOTA, KEY_QUOTA = 5000, 1000, 1000
MIN_EFFICIENCY = 0.95


class _Trial(NamedTuple):
    rate_limit: RateLimit
    result: TrafficResult
    earliest_end: float  # seconds
    usd: float  # mean per job

    @property
    def efficiency(self) -> float:
        """The earliest possible end as a share of the actual end."""
        return self.earliest_end / self.result.ended_at


def run() -> Section:
    """Return the tables. They pass if every efficiency is 95 % or more and no submit is refused."""
    arguments = [
        (tier, jobs, _SEED + number)
        for jobs in JOBS
        for tier in TIERS
        for number in range(SEEDS if jobs <= SMALL_LOAD else 1)
    ]
    trials_by_load: dict[tuple[str, int], list[_Trial]] = {}
    with ProcessPoolExecutor(2) as pool:
        for (tier, jobs, _), trial in zip(arguments, pool.map(_run_trial, arguments), strict=True):
            trials_by_load.setdefault((tier, jobs), []).append(trial)
    is_efficient = all(
        fmean(trial.efficiency for trial in trials) >= MIN_EFFICIENCY
        for trials in trials_by_load.values()
    )
    refused = sum(trial.result.refused for trials in trials_by_load.values() for trial in trials)
    price = (estimate_cost(TEXT_TO_IMAGE_MODEL, KIND, 0) or 0) / 1e6
    times = [tuple(_times(tier, jobs, trials)) for (tier, jobs), trials in trials_by_load.items()]
    loads = [
        tuple(_load(tier, jobs, trials[0], price))
        for (tier, jobs), trials in trials_by_load.items()
    ]
    times_head = (
        "tier", "jobs", "queue shards", "last job ended", "earliest possible", "efficiency (worst)",
        "deferrals per job", "room checks per job",
    )  # fmt: skip
    loads_head = (
        "tier", "jobs", f"transitions/s (quota {TRANSITION_QUOTA:,})",
        f"concurrent functions (quota {CONCURRENCY_QUOTA:,}): webhooks", "no webhooks",
        f"queue write units/s ({KEY_QUOTA:,} per shard)", "attempts per write",
        "write units per job", "AWS cost per job", "share of the price",
    )  # fmt: skip
    contention = [
        (rate, *(f"{attempts_per_write(rate, shards):.1f}" for shards in (1, 2, 5, 9)))
        for rate in (5, 10, 20, 40, 60, 80)
    ]
    highest_rate = max(tier.images_per_minute for tier in TIERS.values()) / 60
    body = f"""Batches of medium 1k images, all posted at the same time. The provider limits the images a minute and the jobs in
flight. `earliest possible` is the end of the last job if each job was sent as soon as these limits allow. `efficiency` is
its ratio to the actual end. The target is {MIN_EFFICIENCY:.0%}. {"All tiers meet it." if is_efficient else "**Not all tiers meet it.**"} Submits that the provider would have refused: {refused}.

{table(times_head, times)}

The load on AWS in its busiest second, with the quotas of an account in us-east-1:

{table(loads_head, loads)}

**The first bottleneck** is a queue shard: one item that is written with optimistic locking. The table shows the attempts
per write, by writes a second in total and number of shards. Each job makes three writes.

{table(("writes/s in total", "1 shard", "2 shards", "5 shards", "9 shards"), contention)}

An account with more than 600 images a minute therefore has several shards, each with a part of the limits. A new job
enters the shorter of two random shards.

- **Concurrent functions** are the next bottleneck without webhooks: Check runs {_mean_check_seconds():.0f} s per job on average. Above Silver,
  use webhooks, lower `CheckPollSeconds`, or request a higher quota.
- **Write units** exceed {KEY_QUOTA:,} for one item only in the first seconds, when all tasks of a batch, or of a hundred batches (a
  million jobs), start together. DynamoDB throttles the excess, and it is retried.
- **A hundred batches at Bronze** take a year, and each checks repeatedly whether the queue has room. Post them one after
  another.
- **A caller's daily counts** are one item as well, written once per job: at most {highest_rate:.0f} times a second, two units each."""
    inputs = (
        f"Durations as above, seeds from {_SEED}. Up to {SMALL_LOAD:,} jobs there are {SEEDS} runs: the tables show the first run, and the "
        f"mean efficiency. Rows become jobs in {ROW_SECONDS} s each, by {CREATORS} CreateRows tasks per batch of {BATCH_ROWS:,}, at most {STARTS_PER_SECOND} a "
        f"second (StartExecution). A read of the table takes {READ_SECONDS * 1000:.0f} ms and a transaction {WRITE_SECONDS * 1000:.0f} ms (assumed, both with random "
        "variation). The rate limiter, slots, polling and prices are the shipped code."
    )
    return Section("Scale", inputs, body, is_efficient and not refused)


def _waits() -> list[tuple[float, WaitResult]]:
    """Return samples of durations in seconds, and their waits."""
    kind, rng = published(KIND), random.Random(_SEED)  # noqa: S311 - no secret
    return [
        (duration, simulate_darkroom(duration, kind)) for duration in durations(kind, _SAMPLES, rng)
    ]


def _mean_check_seconds() -> float:
    return sum(wait.seconds for _, wait in _waits()) / _SAMPLES


def _run_trial(arguments: tuple[str, int, int]) -> _Trial:
    tier, jobs, seed = arguments
    waits = _waits()
    flight_seconds = [duration + wait.lag for duration, wait in waits]
    check_seconds = [wait.seconds for _, wait in waits]
    traffic = Traffic(TIERS[tier], published(KIND), jobs, flight_seconds, check_seconds, seed)
    result = traffic.run()
    earliest = earliest_end(TIERS[tier], [waits[sample][0] for sample in result.samples])
    return _Trial(TIERS[tier], result, earliest, _usd_per_job(result, fmean(check_seconds)))


def _usd_per_job(result: TrafficResult, check_seconds: float) -> float:
    deferrals = result.deferrals / result.jobs
    room_checks = result.room_checks / result.jobs
    head_polls = result.head_polls / result.jobs
    return (
        bill.one_job().total
        + _extra_write_units(result) * prices.WRITE_UNIT
        + prices.function(memory("CheckFunction"), check_seconds)
        + deferrals * prices.function(256, 0.1)
        + room_checks * prices.function(memory("CreateRowsFunction"), 0.1)
        + head_polls * prices.function(256, HEAD_POLL_SECONDS)
        + sum(result.transitions.values()) / result.jobs * prices.TRANSITION
    )


def _extra_write_units(result: TrafficResult) -> float:
    """Return the write units per job beyond a job that is sent at once: deferrals and conflicts."""
    extra_attempts = result.attempts / result.jobs - 2
    # The shard's item and the job's item, in a transaction, which doubles the units.
    return extra_attempts * 2 * (2 + result.shard_bytes // 1024)


def _times(tier: str, jobs: int, trials: list[_Trial]) -> Iterator[object]:
    first, result = trials[0], trials[0].result
    efficiencies = [trial.efficiency for trial in trials]
    yield from (tier, f"{jobs:,}", first.rate_limit.shards)
    yield from (_format_time(result.ended_at), _format_time(first.earliest_end))
    yield f"{fmean(efficiencies):.1%} ({min(efficiencies):.1%})"
    yield f"{result.deferrals / result.jobs:.1f}"
    yield f"{result.room_checks / result.jobs:.1f}"


def _load(tier: str, jobs: int, first: _Trial, price: float) -> Iterator[object]:
    result = first.result
    attempts_by_second: Counter[int] = Counter()
    for (_, second), attempts in result.attempts_at.items():
        attempts_by_second[second] += attempts
    yield from (tier, f"{jobs:,}", f"{max(result.transitions.values()):,}")
    yield f"{max(result.concurrency_webhooks.values()):,.0f}"
    yield f"{max(result.concurrency_polling.values()):,.0f}"
    yield f"{max(attempts_by_second.values()) * 2:,}"
    yield f"{result.attempts / result.writes:.1f}"
    yield f"{bill.one_job().write_units + _extra_write_units(result):.0f}"
    yield from (f"{first.usd * 1e6:.0f} µ$", f"{first.usd / price:.2%}")


def _format_time(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
