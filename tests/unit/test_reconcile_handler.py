"""The function Reconcile: which day its event means, and what it says."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import sweeps
from darkroom.domain.bills import Report
from darkroom.domain.reconciliation import reconcile
from darkroom.handlers.reconcile import handler
from darkroom.observability import CrashError

CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    days: list[date] = []

    def use_case(day: date) -> Report:
        days.append(day)
        return reconcile(day, datetime(2026, 11, 26, 6, tzinfo=UTC), [], [], {})

    monkeypatch.setattr(sweeps, "reconcile_billing", lambda: use_case)
    return days


def call(event: dict[str, Any]) -> dict[str, Any]:
    return handler(event, CONTEXT)


def test_a_schedule_means_the_day_before_its_own_time_however_late_it_comes(
    asked: list[date],
) -> None:
    found = call({"id": "e", "source": "aws.events", "time": "2026-11-26T09:00:00Z"})

    assert asked == [date(2026, 11, 25)]
    assert (found["day"], found["charges"]) == ("2026-11-25", {"count": 0, "micro_usd": 0})


def test_by_hand_it_is_the_day_that_is_named(asked: list[date]) -> None:
    call({"day": "2026-11-01"})

    assert asked == [date(2026, 11, 1)]


def test_an_event_of_no_time_asks_for_nothing(asked: list[date]) -> None:
    assert call({"id": "warm-up"}) == {}
    assert asked == []


def test_a_day_that_is_none_is_a_crash(asked: list[date]) -> None:
    with pytest.raises(CrashError):
        call({"day": "yesterday"})


def test_the_log_has_the_sums_and_not_the_lists(
    asked: list[date], caplog: pytest.LogCaptureFixture
) -> None:
    call({"day": "2026-11-25"})

    [record] = caplog.records
    logged = vars(record)
    assert (logged["msg"], logged["day"]) == ("reconcile", "2026-11-25")
    assert logged["orphans"] == {"count": 0, "micro_usd": 0, "worst": None}
