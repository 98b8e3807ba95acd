"""The handler Reconcile: the day that its event selects, and its result."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.domain.bills import Report
from darkroom.domain.reconciliation import reconcile
from darkroom.handlers import reconcile as handler_module
from darkroom.observability import CrashError

CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    days: list[date] = []

    def use_case(day: date) -> Report:
        days.append(day)
        return reconcile(day, datetime(2026, 11, 26, 6, tzinfo=UTC), [], [], {})

    app = SimpleNamespace(reconcile_billing=SimpleNamespace(run=use_case))
    monkeypatch.setattr(handler_module, "app", lambda: app)
    return days


def call_handler(event: dict[str, Any]) -> dict[str, Any]:
    return handler_module.handler(event, CONTEXT)


def test_scheduled_event_reconciles_the_day_before_its_time(
    days: list[date],
) -> None:
    result = call_handler({"id": "e", "source": "aws.events", "time": "2026-11-26T09:00:00Z"})

    assert days == [date(2026, 11, 25)]
    assert (result["day"], result["charges"]) == ("2026-11-25", {"count": 0, "micro_usd": 0})


def test_manual_event_reconciles_the_named_day(days: list[date]) -> None:
    call_handler({"day": "2026-11-01"})

    assert days == [date(2026, 11, 1)]


def test_event_without_a_day_or_time_returns_an_empty_result(days: list[date]) -> None:
    assert call_handler({"id": "warm-up"}) == {}
    assert days == []


def test_invalid_day_raises(days: list[date]) -> None:
    with pytest.raises(CrashError):
        call_handler({"day": "yesterday"})


def test_log_has_the_sums_without_the_findings(
    days: list[date], caplog: pytest.LogCaptureFixture
) -> None:
    call_handler({"day": "2026-11-25"})

    [record] = caplog.records
    fields = vars(record)
    assert (fields["msg"], fields["day"]) == ("reconcile", "2026-11-25")
    assert fields["orphans"] == {"count": 0, "micro_usd": 0, "worst": None}
