"""Ten thousand and a million jobs at each tier of the provider: how long, how much, what gives way."""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from statistics import fmean
from typing import NamedTuple

from benchmarks import bill, prices
from benchmarks.contention import attempts
from benchmarks.policies import durations
from benchmarks.replay import Waited, wait
from benchmarks.report import Section, table
from benchmarks.traffic import CREATE, CREATORS, READ, ROWS, STARTS, WRITE, Flow, Traffic, soonest
from darkroom.domain.durations import published
from darkroom.domain.pricing import estimate
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL
from darkroom.domain.submit_queue import RateLimit
from darkroom.usecases.acquire_slot import HEAD_POLL_SECONDS

TIERS = {
    "Bronze": RateLimit(2, 2), "Silver": RateLimit(500, 300), "Gold": RateLimit(3000, 3000),
    "Ultra": RateLimit(5000, 10_000),
}  # fmt: skip
JOBS = tuple(int(each) for each in os.environ.get("JOBS", "10000 1000000").split())
KIND = {"quality": "medium", "resolution": "1k"}
_SAMPLES, _SEED = 2000, 7
# One run of ten thousand is as good as chance: its last few jobs may be slow ones.
SHORT, RUNS = 10_000, 5
# Quotas of us-east-1: transitions a second, functions at once, write units a second of one key.
TRANSITIONS, FUNCTIONS, KEY = 5000, 1000, 1000
PART = 0.95


class _Ran(NamedTuple):
    rate_limit: RateLimit
    flow: Flow
    soonest: float
    usd: float  # of the mean job

    @property
    def part(self) -> float:
        """Of what the provider allows."""
        return self.soonest / self.flow.ended_at


def run() -> Section:
    """Return the tables; kept if each run takes no longer than 95 % of the limit allow."""
    runs = [
        (name, jobs, _SEED + run)
        for jobs in JOBS
        for name in TIERS
        for run in range(RUNS if jobs <= SHORT else 1)
    ]
    found: dict[tuple[str, int], list[_Ran]] = {}
    with ProcessPoolExecutor(2) as pool:
        for (name, jobs, _), ran in zip(runs, pool.map(_run, runs), strict=True):
            found.setdefault((name, jobs), []).append(ran)
    kept = all(fmean(ran.part for ran in several) >= PART for several in found.values())
    refused = sum(ran.flow.refused for several in found.values() for ran in several)
    price = (estimate(TEXT_TO_IMAGE_MODEL, KIND, 0) or 0) / 1e6
    rows = [tuple(_row(name, jobs, several)) for (name, jobs), several in found.items()]
    load = [tuple(_load(name, jobs, first, price)) for (name, jobs), (first, *_) in found.items()]
    rates = (5, 10, 20, 40, 60, 80)
    crowd = [(rate, *(f"{attempts(rate, lines):.1f}" for lines in (1, 2, 5, 9))) for rate in rates]
    body = f"""Batches of medium 1k pictures, posted all at once. The provider's limit is its rate of images and what it
has in flight: the last of as many jobs, each sent as soon as that allows, would end at "at the soonest". To
be reached is {PART:.0%} of it. {"All reach it." if kept else "**Not all do.**"} Sends that the provider would have refused: {refused}.

{table(("tier", "jobs", "lines", "last one ended", "at the soonest", "part of the limit (worst)", "deferrals a job", "looks for room a job"), rows)}

What that asks of AWS, at its busiest second, against the quotas of an account in us-east-1:

{table(("tier", "jobs", f"transitions/s of {TRANSITIONS:,}", f"functions at once of {FUNCTIONS:,}: webhooks", "without", f"write units/s of the lines, of {KEY:,}", "tries a change", "write units a job", "AWS a job", "of the price"), load)}

**The first ceiling** was the line: one item, read, and changed if nobody has changed it meanwhile. Tries for each
change, by changes a second that each of so many lines has to take (every job makes three):

{table(("changes/s of all", "1 line", "2 lines", "5 lines", "9 lines"), crowd)}

So an account that may send more than 600 images a minute has several lines, each with its part of the limits,
and a newcomer stands in the shorter of two. What is next: without webhooks, functions at once (Check holds a
job for some {_held():.0f} s on average): above Silver, use webhooks, lower `CheckPollSeconds`, or ask for a higher quota. Where one
item is to take more than {KEY:,} units, it is in the first seconds, when all parts of a batch, or of a hundred (a million jobs),
begin at once; DynamoDB refuses what is too much, and it is tried again. A hundred batches at Bronze would take a year, and each
looks for room again and again: post them there one after another. A caller's counts of a day are one item as well, changed once a job: at most
{max(tier.images_per_minute for tier in TIERS.values()) / 60:.0f} times a second, two units each."""
    inputs = (
        f"Durations as above, seeds from {_SEED}: up to {SHORT:,} jobs {RUNS} runs, of which the first is shown, and the mean part of the limit; rows become jobs in {CREATE} s each by {CREATORS} creators a batch of {ROWS:,}, at most "
        f"{STARTS} a second (StartExecution); a read of the table takes {READ * 1000:.0f} ms, a transaction "
        f"{WRITE * 1000:.0f} ms (assumed, both with noise). Limiter, turns, polling and prices are the shipped code."
    )
    return Section("Scale", inputs, body, kept and not refused)


def _waits() -> list[tuple[float, Waited]]:
    kind, rng = published(KIND), random.Random(_SEED)  # noqa: S311 - no secret
    return [(seconds, wait(seconds, kind)) for seconds in durations(kind, _SAMPLES, rng)]


def _held() -> float:
    return sum(waited.held for _, waited in _waits()) / _SAMPLES


def _run(which: tuple[str, int, int]) -> _Ran:
    name, jobs, seed = which
    waits = _waits()
    takes = [seconds + waited.lag for seconds, waited in waits]
    traffic = Traffic(TIERS[name], published(KIND), jobs, takes, [w.held for _, w in waits], seed)
    flow = traffic.run()
    best = soonest(TIERS[name], [waits[sample][0] for sample in flow.seen])
    return _Ran(TIERS[name], flow, best, _usd(flow, waits))


def _usd(flow: Flow, waits: list[tuple[float, Waited]]) -> float:
    megabytes = bill.memory("CheckFunction")
    held = sum(w.held for _, w in waits) / len(waits)
    deferrals = flow.deferrals / flow.jobs
    transitions = sum(flow.transitions.values()) / flow.jobs
    units = _units(flow) * prices.WRITE_UNIT
    looks = flow.looks / flow.jobs * prices.function(bill.memory("CreateRowsFunction"), 0.1)
    head_polls = flow.head_polls / flow.jobs * prices.function(256, HEAD_POLL_SECONDS)
    functions = prices.function(megabytes, held) + deferrals * prices.function(256, 0.1)
    return (
        bill.one_job().total
        + units
        + functions
        + looks
        + head_polls
        + transitions * prices.TRANSITION
    )


def _units(flow: Flow) -> float:
    """Write units a job beyond those of one that is sent at once: more changes, and tries in vain."""
    beyond = flow.attempts / flow.jobs - 2
    return beyond * 2 * (2 + flow.line_bytes // 1024)  # the line's and the job's, in a transaction


def _row(name: str, jobs: int, several: list[_Ran]) -> Iterator[object]:
    ran, flow, parts = several[0], several[0].flow, [each.part for each in several]
    yield from (name, f"{jobs:,}", ran.rate_limit.shards, _time(flow.ended_at), _time(ran.soonest))
    yield f"{fmean(parts):.1%} ({min(parts):.1%})"
    yield f"{flow.deferrals / flow.jobs:.1f}"
    yield f"{flow.looks / flow.jobs:.1f}"


def _load(name: str, jobs: int, ran: _Ran, price: float) -> Iterator[object]:
    flow = ran.flow
    by_second: dict[int, int] = {}
    for (_, second), changed in flow.changed.items():
        by_second[second] = by_second.get(second, 0) + changed
    yield from (name, f"{jobs:,}", f"{max(flow.transitions.values()):,}")
    yield f"{max(flow.called.values()):,.0f}"
    yield f"{max(flow.polled.values()):,.0f}"
    yield f"{max(by_second.values()) * 2:,}"
    yield f"{flow.attempts / flow.changes:.1f}"
    yield f"{bill.one_job().write_units + _units(flow):.0f}"
    yield from (f"{ran.usd * 1e6:.0f} µ$", f"{ran.usd / price:.2%}")


def _time(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
