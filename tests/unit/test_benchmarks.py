"""Deterministic results of the benchmarks: cost, waiting, rate limiting and queue contention."""

import re
from importlib import import_module

import pytest

from benchmarks import bill, imports
from benchmarks.__main__ import NAMES
from benchmarks.contention import attempts_per_write
from benchmarks.policies import POLLING_MB, WEBHOOK_MB, darkroom, measure_policy
from benchmarks.report import PAGE
from benchmarks.traffic import Traffic, earliest_end
from darkroom.domain.durations import published
from darkroom.domain.submit_queue import RateLimit
from tests.infra.template import functions, properties

KINDS = [(q, r) for q in ("medium", "high") for r in ("1k", "2k", "4k")]


@pytest.mark.parametrize(("quality", "resolution"), KINDS)
def test_polling_meets_lag_and_transition_targets(quality: str, resolution: str) -> None:
    kind = published({"quality": quality, "resolution": resolution})

    result = measure_policy(darkroom(), kind, POLLING_MB, jobs=400)

    assert result.p50 <= 1
    assert result.p95 <= 4
    assert result.transitions <= 12


@pytest.mark.parametrize(("quality", "resolution"), KINDS)
def test_webhooks_meet_lag_and_transition_targets(quality: str, resolution: str) -> None:
    kind = published({"quality": quality, "resolution": resolution})

    result = measure_policy(darkroom(webhook=True), kind, WEBHOOK_MB, jobs=400)

    assert round(result.p50, 3) <= 0.5
    assert result.transitions == 6


@pytest.mark.parametrize("rate_limit", [RateLimit(500, 300), RateLimit(3000, 3000)])
def test_batch_reaches_90_percent_of_rate_limit_without_refused_submits(
    rate_limit: RateLimit,
) -> None:
    kind = published({"quality": "medium", "resolution": "1k"})
    flight_seconds = [kind.at(deviation / 10) for deviation in range(-20, 21)]
    check_seconds = [10.0] * len(flight_seconds)

    result = Traffic(rate_limit, kind, 3000, flight_seconds, check_seconds).run()

    assert result.jobs == 3000
    assert result.refused == 0
    earliest = earliest_end(rate_limit, [flight_seconds[sample] for sample in result.samples])
    assert earliest / result.ended_at > 0.9


def test_every_handler_of_the_template_is_measured() -> None:
    paths = [properties(name)["Handler"].split(".") for name in functions()]

    assert imports.USE_CASES.keys() == {path[2] for path in paths if path[0] == "darkroom"}


def test_more_shards_need_fewer_attempts_per_write() -> None:
    assert attempts_per_write(60, 1) > 2 * attempts_per_write(60, 5)
    assert attempts_per_write(10, 1) < 1.5


@pytest.mark.parametrize("item", ["write units", "read units", "events", "state transitions"])
def test_page_has_what_the_shipped_job_uses(item: str) -> None:
    rows = [row for row in bill.run().body.splitlines() if row.startswith(f"| {item} ")]

    assert len(rows) == 1
    assert rows[0] in PAGE.read_text().splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_has_a_section_on_the_page(name: str) -> None:
    page = PAGE.read_text()

    (section,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", page, re.S)
    assert callable(import_module(f"benchmarks.{name}").run)
    assert re.search(r"^Measured \d{4}-\d\d-\d\d on .+Python 3\.13", section, re.M)
