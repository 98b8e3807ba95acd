"""Statistics: each ended job is counted once, whatever dies; durations are true to 5 %."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import Code
from darkroom.domain.histogram import RATIO, bucket_of, middle_of, quantile
from darkroom.domain.stats import ImageKind, JobStats
from tests.fakes.crashes import CrashAt, DeadError
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import Client, finished

PATH = "/v1/stats"


@given(st.floats(0.1, 10_000))
def test_a_bucket_stands_for_its_durations_within_a_twentieth(seconds: float) -> None:
    middle = middle_of(bucket_of(seconds))

    assert abs(middle - seconds) / seconds <= (RATIO - 1) / 2 + 1e-9


@given(st.lists(st.floats(0.1, 5000), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_that_of_the_durations_themselves(found: list[float], share: float) -> None:
    counts: dict[int, int] = {}
    for seconds in found:
        counts[bucket_of(seconds)] = counts.get(bucket_of(seconds), 0) + 1

    told = quantile(counts, share)

    rank = max(1, -(-share * len(found) // 1))
    exact = sorted(found)[min(len(found), int(rank)) - 1]
    assert told is not None
    assert abs(told - exact) / exact <= (RATIO - 1) / 2 + 1e-9


def test_without_durations_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None


def test_an_ended_job_is_counted_once_however_often_its_end_is_told() -> None:
    world = World()
    job = world.accepted()
    finished(world, job.job_id)

    assert world.record_stats()(job.job_id)
    assert not world.record_stats()(job.job_id)
    assert len(world.stats.added) == 1


def test_what_is_open_or_gone_is_not_counted() -> None:
    world = World()

    assert not world.record_stats()(world.accepted().job_id)
    assert not world.record_stats()("none")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_counts_nothing_twice(moment: str) -> None:
    for call in range(2):
        world = World()
        job = world.accepted()
        finished(world, job.job_id)
        world.crash_at = CrashAt({call: "before" if moment == "before" else "after"})
        with suppress(DeadError):
            world.record_stats()(job.job_id)
        world = world.beside()
        world.record_stats()(job.job_id)
        assert len(world.stats.added) == 1


def test_being_counted_is_nothing_that_a_caller_sees() -> None:
    world = World()
    job = world.accepted()
    finished(world, job.job_id)
    before = world.job(job.job_id).revision
    world.record_stats()(job.job_id)

    assert world.job(job.job_id).revision == before


def ended(ada: Client, *, code: Code | None = None, **request: object) -> None:
    """A job that has ended, and was counted."""
    job = ada.accepted(TEXT_TO_IMAGE | request)
    if code is None:
        finished(ada.world, job.job_id)
    else:
        ada.world.end_job().fail(job.job_id, code)
    ada.world.record_stats()(job.job_id)


def test_days_say_what_was_made_spent_and_refused() -> None:
    ada = Client()
    ended(ada, quality="low")
    ended(ada, quality="high", code=Code.MODERATED)
    ended(ada, quality="high", code=Code.MODERATED)

    told = ada.get(PATH).json

    assert told["days"] == [
        {
            "day": "2026-11-22", "caller": "key:ada", "completed": 1, "failed": 2,
            "spent_micro_usd": 10_000,
            "by_quality": {
                "high": {"jobs": 2, "micro_usd": 0}, "low": {"jobs": 1, "micro_usd": 10_000},
            },
            "failures": {"moderated": 2},
        }
    ]  # fmt: skip
    assert (told["since"], told["until"]) == ("2026-10-24", "2026-11-22")


def test_each_caller_sees_its_own_and_an_admin_everybodys() -> None:
    ada = Client()
    bob = ada.as_("bob")
    ended(ada)
    finished_before = ada.get(PATH).json["days"]
    bob_job = bob.accepted(TEXT_TO_IMAGE)
    ada.world.end_job().fail(bob_job.job_id, Code.REJECTED)
    ada.world.record_stats()(bob_job.job_id)

    assert ada.get(PATH).json["days"] == finished_before
    assert [day["caller"] for day in bob.get(PATH).json["days"]] == ["key:bob"]
    assert len(ada.as_("root", "admin").get(PATH).json["days"]) == 2


def test_only_the_days_that_are_asked_for_are_told() -> None:
    ada = Client()
    ended(ada)
    ada.world.clock.advance(3 * 86_400)

    assert ada.get(PATH, days=3).json["days"] == []
    assert len(ada.get(PATH, days=4).json["days"]) == 1


def test_durations_are_told_by_kind() -> None:
    ada = Client()
    kind = ImageKind("edit", "low", "1k")
    for n in range(200):
        bucket = bucket_of(10 + n / 20)
        job_stats = JobStats(START.date(), "key:bob", kind.quality, 0, None, kind, bucket)
        ada.world.stats.added.append(job_stats)

    (told,) = ada.get(PATH).json["durations"]

    assert (told["operation"], told["quality"], told["resolution"], told["jobs"]) == (*kind, 200)
    assert 14 < told["p50_seconds"] < 16
    assert 18 < told["p95_seconds"] < 20.5


def test_the_line_is_told() -> None:
    ada = Client()

    assert ada.get(PATH).json["queue"] == {
        "waiting_normal": 0, "waiting_low": 0, "in_flight": 0, "paused_seconds": 0.0,
        "breaker": "closed",
    }  # fmt: skip


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_more_than_a_quarter_of_a_year_is_refused(days: str) -> None:
    assert Client().get(PATH, days=days).fields == ["days"]
