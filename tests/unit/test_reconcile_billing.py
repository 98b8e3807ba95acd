"""ReconcileBilling: the jobs and ledger entries it reads, its report, and its handler."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom.domain.bills import EntryType, LedgerEntry, Report
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.reconciliation import reconcile
from darkroom.handlers import reconcile as handler_module
from darkroom.observability import CrashError
from darkroom.usecases.maintenance import reconcile_billing
from darkroom.usecases.maintenance.reconcile_billing import ReconcileBilling
from tests.fakes.signals import InMemoryMetrics, StoppedClock
from tests.fakes.storage import InMemoryAssets, InMemoryJobs
from tests.unit.http import CONTEXT

DAY = date(2026, 11, 25)
START = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODEL = "openai/gpt-image-2/edit"


@dataclass
class RecordingClaims:
    """The port Claims, with the prediction ids that were looked up."""

    owners: dict[str, str] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)

    def owner(self, prediction_id: str) -> str | None:
        self.looked_up.append(prediction_id)
        return self.owners.get(prediction_id)


@dataclass
class FakeBilling:
    """The port Billing. `entries` is None if the ledger cannot be read."""

    entries: list[LedgerEntry] | None = field(default_factory=list)
    windows: list[tuple[datetime, datetime]] = field(default_factory=list)

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        self.windows.append((start, end))
        entries = self.entries
        return None if entries is None else [entry for entry in entries if start <= entry.at < end]


@dataclass
class NightlyRun:
    """ReconcileBilling on its fakes, at 09:00 UTC on the day after."""

    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    claims: RecordingClaims = field(default_factory=RecordingClaims)
    billing: FakeBilling = field(default_factory=FakeBilling)
    assets: InMemoryAssets = field(default_factory=InMemoryAssets)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    clock: StoppedClock = field(default_factory=lambda: StoppedClock(START + 33 * HOUR))

    def run(self, day: date = DAY) -> Report:
        return ReconcileBilling(
            self.jobs, self.claims, self.billing, self.assets, self.metrics, self.clock
        ).run(day)

    def add_job(
        self, job_id: str, prediction_id: str | None, hours: float = 12, **changes: Any
    ) -> None:
        time = START + timedelta(hours=hours)
        fields: dict[str, Any] = {
            "job_id": job_id, "caller": "tests", "request_id": "r", "idempotency_key": job_id,
            "fingerprint": "f", "operation": "edit", "model": MODEL, "input": {"prompt": "x"},
            "prefix": f"jobs/{job_id}", "deadline_seconds": 900, "estimated_cost_micro_usd": 60_000,
            "accepted_at": time, "submitting_at": time, "submitted_at": time,
            "status": Status.SUBMITTED, "prediction_id": prediction_id, "expires_at": 1_900_000_000,
        }  # fmt: skip
        job = Job.model_validate(fields | changes)
        self.jobs.records[job.job_id] = job

    def charge(
        self, prediction_id: str, hours: float = 12, kind: EntryType = EntryType.DEDUCT
    ) -> None:
        assert self.billing.entries is not None
        at = START + timedelta(hours=hours)
        self.billing.entries.append(LedgerEntry(kind, prediction_id, 60_000, at, MODEL))


@pytest.fixture
def run() -> NightlyRun:
    return NightlyRun()


def test_report_is_stored_by_day_and_emitted_as_metrics(run: NightlyRun) -> None:
    run.add_job("a", "p", estimated_cost_micro_usd=50_000)
    run.charge("p")
    run.charge("p")
    run.charge("lost")

    report = run.run()

    assert run.assets.documents == {"reports/2026-11-25.json": report.model_dump(mode="json")}
    assert (report.charges.count, report.matched.count, report.sent_jobs.count) == (3, 2, 1)
    assert run.metrics.total("OrphanCharges") == report.orphans.count == 1
    assert run.metrics.total("DoubleCharges") == report.double.count == 1
    assert run.metrics.total("CostDrift") == pytest.approx(0.07)
    assert [record.unit for record in run.metrics.recorded if record.name == "CostDrift"] == [
        "None"
    ]


def test_charge_with_a_claim_only_is_not_an_orphan(run: NightlyRun) -> None:
    run.add_job("a", None, status=Status.FAILED, code=Code.SUBMISSION_UNKNOWN)
    run.claims.owners = {"p": "a", "older": "gone"}
    run.charge("p")
    run.charge("older")
    run.charge("lost")

    report = run.run()
    assert [finding.prediction_ids for finding in report.orphans.worst] == [("lost",)]
    assert (report.compared.count, report.unpriced.count) == (1, 1)


def test_only_predictions_without_a_job_are_looked_up_in_the_claims(run: NightlyRun) -> None:
    run.add_job("a", "p")
    run.add_job("yesterday", "q", hours=-20)
    for prediction in ("p", "q", "lost", "lost", ""):
        run.charge(prediction)
    run.charge("tomorrow", hours=25)

    run.run()

    assert run.claims.looked_up == ["lost"]


def test_claim_lookups_are_limited(run: NightlyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_billing, "_MAX_LOOKUPS", 3)
    for number in range(5):
        run.charge(f"p{number}")

    assert run.run().orphans.count == 5
    assert len(run.claims.looked_up) == 3


def test_ledger_is_read_until_six_hours_after_the_day(run: NightlyRun) -> None:
    run.add_job("a", "p", status=Status.FAILED, code=Code.PROVIDER_FAILED)
    run.charge("p", hours=23)
    run.charge("p", hours=29, kind=EntryType.REFUND)

    report = run.run()

    [(start, end)] = run.billing.windows
    assert START - HOUR < start < START
    assert end == report.until == START + 30 * HOUR
    assert (report.refunds.count, report.net_micro_usd, report.unrefunded.count) == (1, 0, 0)


def test_day_that_is_not_over_raises(run: NightlyRun) -> None:
    run.clock.time = START + 24 * HOUR - timedelta(seconds=1)

    with pytest.raises(ValueError, match="not over"):
        run.run()

    assert run.assets.documents == {}


def test_unreadable_ledger_raises_and_keeps_the_last_report(run: NightlyRun) -> None:
    run.billing.entries = None

    with pytest.raises(RuntimeError, match="bills"):
        run.run()

    assert run.assets.documents == {}
    assert run.metrics.recorded == []


def test_unsent_job_is_not_counted(run: NightlyRun) -> None:
    run.add_job("a", None, status=Status.QUEUED, submitting_at=None, submitted_at=None)

    assert run.run().sent_jobs.count == 0


def test_job_belongs_to_the_day_of_its_submit(run: NightlyRun) -> None:
    run.add_job("a", "p", hours=-3, submitting_at=START, submitted_at=START)
    run.add_job("b", "q", hours=23, submitting_at=START + 24 * HOUR)
    run.add_job("clock", "r", hours=24.1, submitting_at=START + 24.1 * HOUR)
    run.charge("p", hours=0)
    run.charge("r", hours=23.99)

    report = run.run()

    assert (report.sent_jobs.count, report.uncharged.count, report.compared.count) == (1, 0, 2)


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
