"""Durations of predictions: seeded log-normal times per quality and resolution."""

import random
from math import exp, log
from typing import Any

from simulator.catalog import Kind, Model
from simulator.clock import SECOND

# Seconds: nine in ten predictions fall between these bounds. The published evidence is thin (fact
# sheet, section 10). Cells without a report are interpolated between their neighbours.
_GPT_IMAGE = {
    ("low", "1k"): (8, 25),
    ("low", "2k"): (10, 35),
    ("low", "4k"): (20, 60),
    ("medium", "1k"): (20, 60),
    ("medium", "2k"): (25, 80),
    ("medium", "4k"): (40, 150),
    ("high", "1k"): (25, 80),
    ("high", "2k"): (30, 120),
    ("high", "4k"): (60, 300),
}
_OTHERS: dict[Kind, tuple[int, int]] = {
    "image": (5, 20),
    "video": (40, 120),
    "audio": (3, 10),
    "shape": (30, 90),
}
_QUEUE = (0.3, 12.0)
_QUEUE_CAP = 30.0
_Z90 = 1.645  # a normal variable stays within this many deviations nine times in ten
_TAIL_SHARE, _TAIL_FACTOR = 0.01, 5


def queue_time(rng: random.Random, scale: float) -> int:
    """Return the nanoseconds before a prediction starts."""
    return round(min(_log_normal(rng, _QUEUE), _QUEUE_CAP) * scale * SECOND)


def run_time(rng: random.Random, model: Model, inputs: dict[str, Any], scale: float) -> int:
    """Return the nanoseconds from the start of a prediction to its end."""
    cell = (str(inputs.get("quality", "medium")), str(inputs.get("resolution", "1k")))
    bounds = _GPT_IMAGE[cell] if "quality" in model.properties else _OTHERS[model.kind]
    seconds = _log_normal(rng, bounds)
    if rng.random() < _TAIL_SHARE:
        seconds *= _TAIL_FACTOR
    return round(seconds * scale * SECOND)


def _log_normal(rng: random.Random, bounds: tuple[float, float]) -> float:
    low, high = log(bounds[0]), log(bounds[1])
    return exp(rng.gauss((low + high) / 2, (high - low) / (2 * _Z90)))
