"""Statistics: each ended job is recorded once; durations are accurate to 5 %."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import Code
from darkroom.domain.histogram import RATIO, bucket_of, middle_of, quantile
from darkroom.domain.stats import ImageKind, JobStats
from tests.fakes.crashes import CrashAt, SimulatedCrashError
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import Client, complete_job

PATH = "/v1/stats"


@given(st.floats(0.1, 10_000))
def test_bucket_midpoint_is_within_5_percent_of_the_duration(seconds: float) -> None:
    middle = middle_of(bucket_of(seconds))

    assert abs(middle - seconds) / seconds <= (RATIO - 1) / 2 + 1e-9


@given(st.lists(st.floats(0.1, 5000), min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_is_within_5_percent_of_the_exact_quantile(
    durations: list[float], share: float
) -> None:
    counts: dict[int, int] = {}
    for seconds in durations:
        counts[bucket_of(seconds)] = counts.get(bucket_of(seconds), 0) + 1

    approximate = quantile(counts, share)

    rank = max(1, -(-share * len(durations) // 1))
    exact = sorted(durations)[min(len(durations), int(rank)) - 1]
    assert approximate is not None
    assert abs(approximate - exact) / exact <= (RATIO - 1) / 2 + 1e-9


def test_quantile_of_an_empty_histogram_is_none() -> None:
    assert quantile({}, 0.5) is None


def test_open_or_missing_job_is_not_recorded() -> None:
    world = World()

    assert not world.app.record_stats.run(world.accept_job().job_id)
    assert not world.app.record_stats.run("none")


@pytest.mark.parametrize("timing", ["before", "after"])
def test_job_is_recorded_once_despite_a_crash(timing: str) -> None:
    for call in range(2):
        world = World()
        job = world.accept_job()
        complete_job(world, job.job_id)
        world.crash_at = CrashAt({call: "before" if timing == "before" else "after"})
        with suppress(SimulatedCrashError):
            world.app.record_stats.run(job.job_id)
        world = world.without_crashes()
        world.app.record_stats.run(job.job_id)
        assert len(world.stats.added) == 1


def end_and_record_job(ada: Client, *, code: Code | None = None, **request: object) -> None:
    """Create a job, end it and record its statistics."""
    job = ada.accept_job(TEXT_TO_IMAGE | request)
    if code is None:
        complete_job(ada.world, job.job_id)
    else:
        ada.world.app.end_job.fail(job.job_id, code)
    ada.world.app.record_stats.run(job.job_id)


def test_days_have_counts_spending_and_failures() -> None:
    ada = Client()
    end_and_record_job(ada, quality="low")
    end_and_record_job(ada, quality="high", code=Code.MODERATED)
    end_and_record_job(ada, quality="high", code=Code.MODERATED)

    response = ada.get(PATH).json

    assert response["days"] == [
        {
            "day": "2026-11-22", "caller": "key:ada", "completed": 1, "failed": 2,
            "spent_micro_usd": 10_000, "reused": 0, "saved_micro_usd": 0,
            "by_quality": {
                "high": {"jobs": 2, "micro_usd": 0}, "low": {"jobs": 1, "micro_usd": 10_000},
            },
            "failures": {"moderated": 2},
        }
    ]  # fmt: skip
    assert (response["since"], response["until"]) == ("2026-10-24", "2026-11-22")


def test_caller_gets_its_own_days_and_admin_gets_all() -> None:
    ada = Client()
    bob = ada.as_("bob")
    end_and_record_job(ada)
    before = ada.get(PATH).json["days"]
    bob_job = bob.accept_job(TEXT_TO_IMAGE)
    ada.world.app.end_job.fail(bob_job.job_id, Code.REJECTED)
    ada.world.app.record_stats.run(bob_job.job_id)

    assert ada.get(PATH).json["days"] == before
    assert [day["caller"] for day in bob.get(PATH).json["days"]] == ["key:bob"]
    assert len(ada.as_("root", "admin").get(PATH).json["days"]) == 2


def test_days_parameter_limits_the_period() -> None:
    ada = Client()
    end_and_record_job(ada)
    ada.world.clock.advance(3 * 86_400)

    assert ada.get(PATH, days=3).json["days"] == []
    assert len(ada.get(PATH, days=4).json["days"]) == 1


def test_durations_are_grouped_by_operation_quality_and_resolution() -> None:
    ada = Client()
    kind = ImageKind("edit", "low", "1k")
    for n in range(200):
        bucket = bucket_of(10 + n / 20)
        job_stats = JobStats(START.date(), "key:bob", kind.quality, 0, None, kind, bucket)
        ada.world.stats.added.append(job_stats)

    (durations,) = ada.get(PATH).json["durations"]

    assert (
        durations["operation"],
        durations["quality"],
        durations["resolution"],
        durations["jobs"],
    ) == (*kind, 200)
    assert 14 < durations["p50_seconds"] < 16
    assert 18 < durations["p95_seconds"] < 20.5


def test_response_has_the_queue_state() -> None:
    ada = Client()

    assert ada.get(PATH).json["queue"] == {
        "waiting_normal": 0, "waiting_low": 0, "in_flight": 0, "paused_seconds": 0.0,
        "breaker": "closed", "reason": None, "message": None,
        "paused": False, "paused_at": None, "paused_by": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (
            Code.INSUFFICIENT_CREDITS,
            "insufficient_credits",
            "(out of credit). Jobs resume after a top-up.",
        ),
        (Code.UNAUTHORIZED, "unauthorized", "(invalid API key)"),
        (Code.PROVIDER_UNAVAILABLE, "unreachable", "does not answer"),
    ],
)
def test_open_breaker_is_explained(code: Code, reason: str, message: str) -> None:
    ada = Client()
    ada.world.jobs.queue.provider = ProviderState(trips=1, open_until=2e9, reason=code)

    queue = ada.get(PATH).json["queue"]

    assert (queue["breaker"], queue["reason"]) == ("open", reason)
    assert message in queue["message"]


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_days_parameter_must_be_1_to_90(days: str) -> None:
    assert Client().get(PATH, days=days).fields == ["days"]
