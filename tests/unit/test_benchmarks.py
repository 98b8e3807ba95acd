"""What the benchmarks promise without a clock: how well is waited, and how far the lines reach."""

import re
from importlib import import_module

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.contention import attempts
from benchmarks.policies import CALLED_MB, POLLED_MB, darkroom, measure
from benchmarks.report import PAGE
from benchmarks.traffic import Traffic, soonest
from darkroom.domain.durations import published
from darkroom.domain.submit_queue import RateLimit

KINDS = [(q, r) for q in ("medium", "high") for r in ("1k", "2k", "4k")]


@pytest.mark.parametrize(("quality", "resolution"), KINDS)
def test_without_webhooks_a_picture_is_noticed_soon_and_in_few_transitions(
    quality: str, resolution: str
) -> None:
    kind = published({"quality": quality, "resolution": resolution})

    found = measure(darkroom(), kind, POLLED_MB, jobs=400)

    assert found.p50 <= 1
    assert found.p95 <= 4
    assert found.transitions <= 12


@pytest.mark.parametrize(("quality", "resolution"), KINDS)
def test_with_webhooks_it_is_noticed_at_once_in_no_more(quality: str, resolution: str) -> None:
    kind = published({"quality": quality, "resolution": resolution})

    found = measure(darkroom(webhook=True), kind, CALLED_MB, jobs=400)

    assert round(found.p50, 3) <= 0.5
    assert found.transitions <= 8


@pytest.mark.parametrize("rate_limit", [RateLimit(500, 300), RateLimit(3000, 3000)])
def test_a_batch_takes_hardly_longer_than_the_provider_makes_it_and_is_never_refused(
    rate_limit: RateLimit,
) -> None:
    kind = published({"quality": "medium", "resolution": "1k"})
    takes = [kind.at(deviation / 10) for deviation in range(-20, 21)]

    flow = Traffic(rate_limit, kind, 3000, takes, [10.0] * len(takes)).run()

    assert flow.jobs == 3000
    assert flow.refused == 0
    assert soonest(rate_limit, [takes[each] for each in flow.seen]) / flow.ended_at > 0.9


def test_several_lines_take_many_changes_with_few_tries() -> None:
    assert attempts(60, 1) > 2 * attempts(60, 5)
    assert attempts(10, 1) < 1.5


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_has_its_place_on_the_page_and_is_made(name: str) -> None:
    page = PAGE.read_text()

    (section,) = re.findall(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", page, re.S)
    assert callable(import_module(f"benchmarks.{name}").run)
    assert re.search(r"^Made \d{4}-\d\d-\d\d; .+Python 3\.13", section, re.M)
