"""One stack and simulator for Darkroom and what people write, and rounds of pictures on them."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx

from benchmarks.rivals import RIVALS, Made
from local import stack as local_stack
from local.options import Options
from local.stack import Stack, running

# What the provider allows here: an account between Bronze and Silver.
IMAGES_A_MINUTE, IN_FLIGHT = 120, 60
LIMITS: dict[str, object] = {
    "mode": "429", "per_minute": IMAGES_A_MINUTE, "concurrent": IN_FLIGHT,
}  # fmt: skip
NO_LIMITS: dict[str, object] = {"mode": "off"}
_TIER = {"ImagesPerMinute": str(IMAGES_A_MINUTE), "JobsInFlight": str(IN_FLIGHT)}


class Row(NamedTuple):
    """What one way came to in one round."""

    jobs: int
    stored: int
    lag50: float  # seconds
    lag95: float
    polls: float  # a picture
    requests: float
    refused: int  # 429
    cpu: float  # seconds a picture
    peak: float  # MB
    charged: float  # USD, less what was given back
    wasted: float  # USD


@contextmanager
def stand() -> Iterator[tuple[Stack, httpx.Client]]:
    """Start the stack, in real time and told the limits; yield it, and the simulator's admin API."""
    with (
        patch.dict(local_stack.SIMULATORS_TIER, _TIER),
        running(Options(time_scale=1)) as local,
        httpx.Client(base_url=str(local.stack.provider_admin_url), trust_env=False) as admin,
    ):
        yield local.stack, admin


def play(
    on: tuple[Stack, httpx.Client], name: str, prompts: list[str], limits: dict[str, object]
) -> Row:
    """Let one way make these pictures, of a provider with these limits that knows of nothing yet."""
    stack, admin = on
    admin.post("/reset").raise_for_status()
    options = {"limits": limits, "opening_balance": 1000}
    admin.patch("/options", json=options).raise_for_status()
    marked = [f"{prompt} by {name.strip('*')}" for prompt in prompts]
    made = RIVALS[name](stack, marked)
    row = _row(admin, made)
    print(name, len(prompts), row, flush=True)
    return row


def _row(admin: httpx.Client, made: Made) -> Row:
    ended: dict[str, float] = {}
    for each in _list(admin, "/predictions"):
        if each["ends_at"]:
            ended[each["inputs"]["prompt"]] = datetime.fromisoformat(each["ends_at"]).timestamp()
    lags = [at - ended[prompt] for prompt, at in made.stored.items() if at is not None]
    pictures = len(lags)
    each_one = max(1, pictures)
    asked = _list(admin, "/requests?origin=api")
    polls = sum(each["path"].endswith("/result") for each in asked)
    parts = statistics.quantiles(lags, n=20) if len(lags) > 1 else lags * 19
    entries = admin.get("/ledger").raise_for_status().json()["entries"]
    charged = sum(each["amount_micro_usd"] for each in entries) / 1e6
    price = max(each["price_micro_usd"] for each in _list(admin, "/predictions")) / 1e6
    return Row(
        len(made.stored), pictures, parts[9], parts[18], polls / each_one, len(asked) / each_one,
        sum(each["status"] == 429 for each in asked), made.cpu / each_one, made.peak,
        abs(charged), abs(charged) - pictures * price,
    )  # fmt: skip


def _list(admin: httpx.Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(path, timeout=60).raise_for_status().json()
    return found
