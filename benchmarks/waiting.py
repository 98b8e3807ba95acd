"""Lag between completion and its detection, and its cost: Darkroom and other polling policies."""

from typing import Any
from unittest.mock import patch

from benchmarks import bill
from benchmarks.plots import frontier
from benchmarks.policies import (
    JOBS,
    LOOP_MB,
    LOST_WEBHOOKS,
    OUTLIERS,
    POLICIES,
    POLLING_MB,
    SEED,
    WEBHOOK_MB,
    darkroom,
    measure_policy,
    memory_of,
    policy_row,
)
from benchmarks.report import Section, dollars, table
from benchmarks.speed_changes import speed_changes
from benchmarks.wait_simulation import POLL_SECONDS, STATE_SECONDS, WEBHOOK_SECONDS
from darkroom.domain import polling
from darkroom.domain.durations import ENOUGH_JOBS, ExpectedDuration, published
from darkroom.domain.pricing import estimate_cost
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL, Quality, Resolution


def run() -> Section:
    """Return the tables. They pass if every target is met."""
    other_usd, webhook_usd = bill.one_job().total, bill.one_job(webhook=True).total
    has_passed, targets = _targets(other_usd, webhook_usd)
    kind = published({"quality": "medium", "resolution": "1k"})
    results = {
        name: measure_policy(policy, kind, memory_of(name)) for name, policy in POLICIES.items()
    }
    points = {name.replace("*", ""): (r.usd * 1e6, r.p50) for name, r in results.items()}
    frontier("waiting-frontier.svg", _settings(kind), points)
    head = (
        "policy", "lag p50", "lag p95", "polls", "transitions p50 / mean", "AWS cost of waiting",
    )  # fmt: skip
    body = f"""`lag` is the time from the provider's completion until Darkroom detects it. Policies for a medium 1k image (median
{kind.median:.0f} s):

{table(head, [policy_row(name, result) for name, result in results.items()])}

![Lag against cost: Darkroom's default, its other settings, and the other policies](images/waiting-frontier.svg)

Darkroom for every kind of image. The AWS bill includes {dollars(other_usd)} per job for everything except waiting, with webhooks
{dollars(webhook_usd)} (below), and is given as a share of the image's price. Targets for medium and high: without webhooks a lag of 1 s (p50) and 4 s
(p95), 12 transitions and 0.5 %; with webhooks a lag of 0.5 s (p50) and 6 transitions. {"All are met." if has_passed else "**Not all are met.**"}

{targets}

The next table changes the provider's speed: durations are 1.6 times the published ones from day 3, and half of them from
day 5, with {ENOUGH_JOBS} jobs a day. Expected durations are learned from the deployment's jobs, or stay as published:

{speed_changes(kind)}"""
    inputs = (
        f"{JOBS} jobs per row, seed {SEED}. Durations are log-normal, with the published figures as 5th and 95th "
        f"percentile; one in {1 / OUTLIERS:.0f} is five times as long. One webhook in {1 / LOST_WEBHOOKS:.0f} is lost. A poll takes "
        f"{POLL_SECONDS} s, entering a state {STATE_SECONDS} s, a webhook {WEBHOOK_SECONDS} s (assumed). Check polls with {POLLING_MB:.0f} MB; after a webhook, "
        f"Finalize polls with {WEBHOOK_MB:.0f} MB; other functions have {LOOP_MB:.0f} MB. A script is costed as a function that runs all the "
        "time. The waits, Check and Finalize are the shipped code."
    )
    return Section("Waiting", inputs, body, has_passed)


def _targets(other_usd: float, webhook_usd: float) -> tuple[bool, str]:
    """Return whether every target is met, and the table of all kinds of image."""
    rows, has_passed = [], True
    for quality in Quality:
        for resolution in Resolution:
            model_input = {"quality": quality, "resolution": resolution}
            kind, price = published(model_input), estimate_cost(TEXT_TO_IMAGE_MODEL, model_input, 0)
            assert price is not None
            price_usd = price / 1e6
            polled = measure_policy(darkroom(), kind, POLLING_MB)
            webhook = measure_policy(darkroom(webhook=True), kind, WEBHOOK_MB)
            median_share = (polled.median_usd + other_usd) / price_usd * 100
            mean_share = (polled.usd + other_usd) / price_usd * 100
            if quality is not Quality.LOW:
                has_passed &= polled.p50 <= 1 and polled.p95 <= 4 and polled.transitions <= 12
                has_passed &= median_share <= 0.5
                has_passed &= round(webhook.p50, 3) <= 0.5 and webhook.transitions <= 6
            rows.append((
                f"{quality} {resolution}", f"{polled.p50:.2f} / {polled.p95:.2f} s",
                f"{polled.polls:.0f}", f"{polled.transitions:.0f}",
                f"{median_share:.2f} / {mean_share:.2f} %", f"{webhook.p50:.2f} / {webhook.p95:.2f} s",
                f"{webhook.polls:.1f}", f"{webhook.transitions:.0f}",
                f"{(webhook.usd + webhook_usd) / price_usd * 100:.2f} %",
            ))  # fmt: skip
    head = (
        "image", "lag p50 / p95", "polls", "transitions p50", "bill p50 / mean",
        "webhooks: lag p50 / p95", "polls", "transitions p50", "bill mean",
    )  # fmt: skip
    return has_passed, table(head, rows)


def _settings(kind: ExpectedDuration) -> list[tuple[float, float]]:
    """Return the cost in micro-USD and the median lag in seconds of many settings."""
    points = []
    for early in (-1.88, -1.3, -0.67, 0):
        for pause in (0.5, 1.25, 2.5, 5, 10):
            for check_poll_seconds in (0, 15, 60, 300):
                settings: dict[str, Any] = {"_FIRST_POLL_Z": early, "_MAX_INTERVAL": pause}
                if check_poll_seconds == 0 and pause != 1.25:
                    continue
                with patch.multiple(polling, **settings):
                    policy = darkroom(check_poll_seconds)
                    result = measure_policy(policy, kind, POLLING_MB, jobs=300)
                points.append((result.usd * 1e6, result.p50))
    return points
