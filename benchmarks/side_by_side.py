"""Darkroom and the alternatives, one after another, on one local stack and simulator."""

import os

from benchmarks.alternatives import ALTERNATIVES, INPUT
from benchmarks.comparison_runs import (
    IMAGES_PER_MINUTE,
    LIMITS,
    MAX_IN_FLIGHT,
    Measurement,
    comparison_stack,
    run_alternative,
)
from benchmarks.report import Section, table

COUNTS = tuple(int(count) for count in os.environ.get("COUNTS", "1 20 200").split())
# Images of the first run, in which every function starts cold.
COLD = 20


def run() -> Section:
    """Return the table and the ratios."""
    counts = [(f"{COLD}, cold", COLD), *((f"{count}", count) for count in COUNTS)]
    with comparison_stack() as environment:
        measured = {
            (label, name): run_alternative(environment, name, _prompts(count, label), LIMITS)
            for label, count in counts
            for name in ALTERNATIVES
        }
    head = (
        "concurrent", "alternative", "stored", "lag p50 / p95", "polls per image",
        "requests per image", "429s", "CPU per image", "peak memory",
    )  # fmt: skip
    rows = [_cells(label, name, measurement) for (label, name), measurement in measured.items()]
    body = f"""`lag` is the time from the provider's completion until the image is in the bucket. Polls and requests are those that the
provider receives. Peak memory is that of the script's process, or of the function with the highest peak.

{table(head, rows)}

Compared with Darkroom: {_ratios(measured)}"""
    inputs = (
        f"{INPUT['quality']} {INPUT['resolution']} images, the simulator in real time (--time-scale 1). It allows "
        f"{IMAGES_PER_MINUTE} images a minute and {MAX_IN_FLIGHT} in flight, and answers 429 above. Darkroom is called over "
        "HTTP, with webhooks, and is configured with the same limits. The script: `Client.run` in one thread per image, a "
        "download, `put_object`. The loop: a 2 s wait, one function, the whole image in memory. Functions share two "
        "processors, and at most 16 run concurrently; a throttled invocation is retried. On AWS neither cold starts nor the "
        "loop's last images would take as long. Functions are warm except in the first rows. Polls, requests and CPU of "
        "images that are not stored count as well."
    )
    return Section("Side by side", inputs, body)


def _prompts(count: int, label: str) -> list[str]:
    return [f"A lighthouse, {label}, number {n}" for n in range(count)]


def _cells(label: str, name: str, measured: Measurement) -> tuple[object, ...]:
    return (
        label, name, measured.stored, f"{measured.lag50:.2f} / {measured.lag95:.2f} s",
        f"{measured.polls:.1f}", f"{measured.requests:.1f}", measured.throttled,
        f"{measured.cpu:.2f} s", f"{measured.peak:.0f} MB",
    )  # fmt: skip


def _ratios(measured: dict[tuple[str, str], Measurement]) -> str:
    largest = f"{max(COUNTS)}"
    (_, darkroom), *others = ((name, measured[largest, name]) for name in ALTERNATIVES)
    sentences = []
    for name, other in others:
        lag, polls = other.lag50 / darkroom.lag50, other.polls / max(darkroom.polls, 0.1)
        cpu, peak = other.cpu / darkroom.cpu, other.peak / darkroom.peak
        sentences.append(
            f"with {largest} concurrent images the {name} has {lag:.1f} times the lag (p50), "
            f"{polls:.1f} times the polls, {cpu:.2f} times the CPU and {peak:.1f} times the memory"
        )
    return "; ".join(sentences) + "."
