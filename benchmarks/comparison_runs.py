"""Runs of the alternatives on one local stack and simulator."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx

from benchmarks.alternatives import ALTERNATIVES, Result
from local import stack as local_stack
from local.options import Options
from local.stack import Stack, running

# The simulated account's limits, between Bronze and Silver.
IMAGES_PER_MINUTE, MAX_IN_FLIGHT = 120, 60
LIMITS: dict[str, object] = {
    "mode": "429", "per_minute": IMAGES_PER_MINUTE, "concurrent": MAX_IN_FLIGHT,
}  # fmt: skip
NO_LIMITS: dict[str, object] = {"mode": "off"}
_PARAMETERS = {"ImagesPerMinute": str(IMAGES_PER_MINUTE), "JobsInFlight": str(MAX_IN_FLIGHT)}


class Measurement(NamedTuple):
    """The measurement of one alternative in one run."""

    stored: int
    lag50: float  # seconds
    lag95: float  # seconds
    polls: float  # per stored image
    requests: float  # per stored image
    throttled: int  # 429 responses
    cpu: float  # seconds per stored image
    peak: float  # MB
    charged: float  # USD, less refunds
    wasted: float  # USD


@contextmanager
def comparison_stack() -> Iterator[tuple[Stack, httpx.Client]]:
    """Start a stack in real time, configured with the limits. Yield it and the admin API."""
    with (
        patch.dict(local_stack.SIMULATOR_LIMITS, _PARAMETERS),
        running(Options(time_scale=1)) as local,
        httpx.Client(base_url=str(local.stack.provider_admin_url), trust_env=False) as admin,
    ):
        yield local.stack, admin


def run_alternative(
    environment: tuple[Stack, httpx.Client],
    name: str,
    prompts: list[str],
    limits: dict[str, object],
) -> Measurement:
    """Reset the simulator, apply the limits, and create these images with one alternative."""
    stack, admin = environment
    admin.post("/reset").raise_for_status()
    options = {"limits": limits, "opening_balance": 1000}
    admin.patch("/options", json=options).raise_for_status()
    own_prompts = [f"{prompt} by {name.strip('*')}" for prompt in prompts]
    measurement = _measure(admin, ALTERNATIVES[name](stack, own_prompts))
    print(name, len(prompts), measurement, flush=True)
    return measurement


def _measure(admin: httpx.Client, result: Result) -> Measurement:
    predictions = _get_list(admin, "/predictions")
    ended_at = {
        prediction["inputs"]["prompt"]: datetime.fromisoformat(prediction["ends_at"]).timestamp()
        for prediction in predictions
        if prediction["ends_at"]
    }
    lags = [
        stored_at - ended_at[prompt]
        for prompt, stored_at in result.stored_at.items()
        if stored_at is not None
    ]
    stored = len(lags)
    divisor = max(1, stored)
    requests = _get_list(admin, "/requests?origin=api")
    polls = sum(request["path"].endswith("/result") for request in requests)
    quantiles = statistics.quantiles(lags, n=20) if len(lags) > 1 else lags * 19
    entries = admin.get("/ledger").raise_for_status().json()["entries"]
    charged = abs(sum(entry["amount_micro_usd"] for entry in entries)) / 1e6
    price = max(prediction["price_micro_usd"] for prediction in predictions) / 1e6
    return Measurement(
        stored, quantiles[9], quantiles[18], polls / divisor, len(requests) / divisor,
        sum(request["status"] == 429 for request in requests), result.cpu / divisor, result.peak,
        charged, charged - stored * price,
    )  # fmt: skip


def _get_list(admin: httpx.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = admin.get(path, timeout=60).raise_for_status().json()
    return items
