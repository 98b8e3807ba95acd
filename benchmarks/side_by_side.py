"""Darkroom beside what people write, on one local stack, one simulator, in one run, in turn."""

import os

from benchmarks.report import Section, table
from benchmarks.rivals import INPUT, RIVALS
from benchmarks.rounds import IMAGES_A_MINUTE, IN_FLIGHT, LIMITS, Row, play, stand

COUNTS = tuple(int(each) for each in os.environ.get("COUNTS", "1 20 200").split())
# So many that each way makes first: what was never called starts cold, all at once.
COLD = 20


def run() -> Section:
    """Return the tables."""
    rounds = [(f"{COLD}, cold", COLD), *((f"{count}", count) for count in COUNTS)]
    with stand() as on:
        found = {
            (label, name): play(on, name, _prompts(count, label), LIMITS)
            for label, count in rounds
            for name in RIVALS
        }
    head = (
        "at once", "way", "stored", "done to stored, p50 / p95", "polls a picture", "requests",
        "429s", "CPU a picture", "peak memory",
    )  # fmt: skip
    body = f"""Time from when the provider is done to when the picture is in the bucket, what the provider is asked, and
what it takes, in one process of the script and in the function that takes the most.

{table(head, [_cells(label, name, row) for (label, name), row in found.items()])}

By Darkroom: {_ratios(found)}"""
    inputs = (
        f"{INPUT['quality']} {INPUT['resolution']} pictures, the simulator in real time (--time-scale 1), its limits "
        f"{IMAGES_A_MINUTE} images a minute and {IN_FLIGHT} in flight, answered by 429 beyond. Darkroom by its HTTP door, with "
        "webhooks, told the same limits. The script: `Client.run` in as many threads, a download, `put_object`. The loop: "
        "2 s, one function, the whole image in memory. Functions share two processors, at most 16 at once; who is "
        "refused for that tries again, so on AWS neither cold starts nor the loop's last pictures would take as long. All are "
        "warm but in the first rows. Polls, requests and CPU of what is not stored count as well."
    )
    return Section("Side by side", inputs, body)


def _prompts(count: int, label: str) -> list[str]:
    return [f"A lighthouse, {label}, number {n}" for n in range(count)]


def _cells(label: str, name: str, row: Row) -> tuple[object, ...]:
    return (
        label, name, row.stored, f"{row.lag50:.2f} / {row.lag95:.2f} s", f"{row.polls:.1f}",
        f"{row.requests:.1f}", row.refused, f"{row.cpu:.2f} s", f"{row.peak:.0f} MB",
    )  # fmt: skip


def _ratios(found: dict[tuple[str, str], Row]) -> str:
    most = f"{max(COUNTS)}"
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
