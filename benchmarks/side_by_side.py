"""Darkroom beside what people write, on one local stack, one simulator, in one run, in turn."""

import os
import statistics
from datetime import datetime
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx

from benchmarks.report import Section, table
from benchmarks.rivals import INPUT, RIVALS, Made
from local import stack as local_stack
from local.options import Options
from local.stack import Stack, running

COUNTS = tuple(int(each) for each in os.environ.get("COUNTS", "1 20 200").split())
# What the provider allows here: an account between Bronze and Silver.
IMAGES_A_MINUTE, IN_FLIGHT = 120, 60
TIER = {"ImagesPerMinute": str(IMAGES_A_MINUTE), "JobsInFlight": str(IN_FLIGHT)}
# Five in a hundred: an answer lost after the POST was paid, a busy provider, a CDN and a poll that fail.
FAULTS = {
    3: "[[fault submit.accept_then_close]]", 23: "[[fault submit.accept_then_close]]",
    43: "[[fault submit.http status=503]]", 63: "[[fault cdn.http status=503]]",
    83: "[[fault poll.http status=502]]",
}  # fmt: skip
FAULTY = 200


class Row(NamedTuple):
    """What one way came to in one round."""

    jobs: int
    stored: int
    lag50: float  # seconds
    lag95: float
    polls: float  # a job
    requests: float
    refused: int  # 429
    cpu: float  # seconds a job
    peak: float  # MB
    charged: float  # USD, less what was given back
    wasted: float  # USD


def run() -> Section:
    """Return the tables."""
    options = Options(time_scale=1)
    with (
        patch.dict(local_stack.SIMULATORS_TIER, TIER),
        running(options) as local,
        httpx.Client(base_url=str(local.stack.provider_admin_url), trust_env=False) as admin,
    ):
        found = {
            (count, name): _round(local.stack, admin, name, _prompts(count, faults=False))
            for count in COUNTS
            for name in RIVALS
        }
        faulty = {
            name: _round(local.stack, admin, name, _prompts(FAULTY, faults=True))
            for name in RIVALS
            if max(COUNTS) >= FAULTY
        }
    head = (
        "at once", "way", "stored", "done to stored, p50 / p95", "polls a job", "requests a job",
        "429s", "CPU a job", "peak memory",
    )  # fmt: skip
    body = f"""Time from when the provider is done to when the picture is in the bucket, what the provider is asked, and
what it takes, in one process of the script and in the function that takes the most.

{table(head, [_cells(count, name, row) for (count, name), row in found.items()])}

By Darkroom: {_ratios(found)}

The same with faults, {FAULTY} at once, five in a hundred: answers lost after the POST (2), a busy provider (1), a CDN
(1) and a poll (1) that fail once. Wasted is what was charged, and not given back, beyond the pictures that are stored.

{table(("way", "stored", "charged", "wasted", "429s"), [_faulty(name, row) for name, row in faulty.items()])}"""
    inputs = (
        f"{INPUT['quality']} {INPUT['resolution']} pictures, the simulator in real time (--time-scale 1), its limits "
        f"{IMAGES_A_MINUTE} images a minute and {IN_FLIGHT} in flight, answered by 429 beyond. Darkroom by its HTTP door, with "
        "webhooks, told the same limits. The script: `Client.run` in as many threads, a download, `put_object`. The loop: "
        "2 s, one function, the whole image in memory. Functions share two processors, at most 16 at once."
    )
    return Section("Side by side", inputs, body)


def _prompts(count: int, *, faults: bool) -> list[str]:
    return [
        f"A lighthouse, number {n} {FAULTS.get(n % 100, '') if faults else ''}".strip()
        for n in range(count)
    ]


def _round(stack: Stack, admin: httpx.Client, name: str, prompts: list[str]) -> Row:
    admin.post("/reset").raise_for_status()
    limits = {"mode": "429", "per_minute": IMAGES_A_MINUTE, "concurrent": IN_FLIGHT}
    options = {"limits": limits, "opening_balance": 1000}
    admin.patch("/options", json=options).raise_for_status()
    marked = [f"{prompt} by {name.strip('*')}" for prompt in prompts]
    made = RIVALS[name](stack, marked)
    row = _row(admin, made)
    print(name, len(prompts), row, flush=True)
    return row


def _row(admin: httpx.Client, made: Made) -> Row:
    jobs = len(made.stored)
    ended: dict[str, float] = {}
    for each in _list(admin, "/predictions"):
        if each["ends_at"]:
            ended[each["inputs"]["prompt"]] = datetime.fromisoformat(each["ends_at"]).timestamp()
    lags = [
        at - ended[prompt] for prompt, at in made.stored.items() if at is not None
    ]  # fmt: skip
    asked = _list(admin, "/requests?origin=api")
    polls = sum(each["path"].endswith("/result") for each in asked)
    parts = statistics.quantiles(lags, n=20) if len(lags) > 1 else lags * 19
    movements = admin.get("/ledger").raise_for_status().json()["entries"]
    charged = sum(each["amount_micro_usd"] for each in movements) / 1e6
    price = max(each["price_micro_usd"] for each in _list(admin, "/predictions")) / 1e6
    return Row(
        jobs, len(lags), parts[9], parts[18], polls / jobs, len(asked) / jobs,
        sum(each["status"] == 429 for each in asked), made.cpu / jobs, made.peak,
        abs(charged), abs(charged) - len(lags) * price,
    )  # fmt: skip


def _list(admin: httpx.Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(path, timeout=60).raise_for_status().json()
    return found


def _cells(count: int, name: str, row: Row) -> tuple[object, ...]:
    return (
        count, name, row.stored, f"{row.lag50:.2f} / {row.lag95:.2f} s", f"{row.polls:.1f}",
        f"{row.requests:.1f}", row.refused, f"{row.cpu:.2f} s", f"{row.peak:.0f} MB",
    )  # fmt: skip


def _ratios(found: dict[tuple[int, str], Row]) -> str:
    most = max(COUNTS)
    ours, *others = ((name, found[most, name]) for name in RIVALS)
    said = []
    for name, row in others:
        lag, polls = row.lag50 / ours[1].lag50, row.polls / max(ours[1].polls, 0.1)
        cpu, peak = row.cpu / ours[1].cpu, row.peak / ours[1].peak
        said.append(
            f"at {most} at once the {name} takes {lag:.1f} times as long from done to stored (p50), polls "
            f"{polls:.1f} times as often, takes {cpu:.2f} times the processor and {peak:.1f} times the memory"
        )
    return "; ".join(said) + "."


def _faulty(name: str, row: Row) -> tuple[object, ...]:
    return (
        name, f"{row.stored} of {row.jobs}", f"${row.charged:.2f}",
        f"${row.wasted:.2f}", row.refused,
    )  # fmt: skip
