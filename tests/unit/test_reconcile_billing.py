"""ReconcileBilling: the jobs and ledger entries it reads, and the report it stores."""

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any

import pytest

from darkroom.domain.bills import EntryType, LedgerEntry, Report
from darkroom.domain.errors import Code
from darkroom.domain.job import Asset, Job, Status
from darkroom.ports import Cursor, Download
from darkroom.usecases.maintenance import reconcile_billing
from darkroom.usecases.maintenance.reconcile_billing import ReconcileBilling
from tests.fakes.signals import InMemoryMetrics, StoppedClock

DAY = date(2026, 11, 25)
START = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODEL = "openai/gpt-image-2/edit"


@dataclass
class FakeJobLists:
    """The port JobLists, with the number of pages that were read."""

    jobs: list[Job] = field(default_factory=list)
    pages: int = 0

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        assert after is not None
        self.pages += 1
        newest = sorted(self.jobs, key=lambda job: (job.accepted_at, job.job_id), reverse=True)
        matching = [
            job
            for job in newest
            if (job.accepted_at, job.job_id) < (after.accepted_at, after.job_id)
        ]
        last = (
            Cursor(matching[:limit][-1].accepted_at, matching[:limit][-1].job_id)
            if matching
            else None
        )
        return matching[:limit], last if len(matching) > limit else None

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        raise NotImplementedError


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
class FakeAssets:
    """The port Assets, with JSON documents only."""

    written: dict[str, dict[str, Any]] = field(default_factory=dict)

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        raise NotImplementedError

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        self.written[key] = json.loads(json.dumps(document))

    def remove(self, key: str) -> None:
        raise NotImplementedError


@dataclass
class NightlyRun:
    """ReconcileBilling on its fakes, at 09:00 UTC on the day after."""

    lists: FakeJobLists = field(default_factory=FakeJobLists)
    claims: RecordingClaims = field(default_factory=RecordingClaims)
    billing: FakeBilling = field(default_factory=FakeBilling)
    assets: FakeAssets = field(default_factory=FakeAssets)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    clock: StoppedClock = field(default_factory=lambda: StoppedClock(START + 33 * HOUR))

    def run(self, day: date = DAY) -> Report:
        return ReconcileBilling(
            self.lists, self.claims, self.billing, self.assets, self.metrics, self.clock
        )(day)

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
        self.lists.jobs.append(Job.model_validate(fields | changes))

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

    assert run.assets.written == {"reports/2026-11-25.json": report.model_dump(mode="json")}
    assert (report.charges.count, report.matched.count, report.sent_jobs.count) == (3, 2, 1)
    assert run.metrics.total("OrphanCharges") == report.orphans.count == 1
    assert run.metrics.total("DoubleCharges") == report.double.count == 1
    assert run.metrics.total("CostDrift") == pytest.approx(0.07)
    assert [record.unit for record in run.metrics.recorded if record.name == "CostDrift"] == [
        "None"
    ]


def test_empty_day_emits_zero_metrics(run: NightlyRun) -> None:
    run.run()

    assert [(record.name, record.value) for record in run.metrics.recorded] == [
        ("OrphanCharges", 0), ("DoubleCharges", 0), ("CostDrift", 0),
    ]  # fmt: skip


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


def test_early_run_reads_the_ledger_until_now(run: NightlyRun) -> None:
    run.clock.time = START + 25 * HOUR

    assert run.run().until == START + 25 * HOUR


def test_day_that_is_not_over_raises(run: NightlyRun) -> None:
    run.clock.time = START + 24 * HOUR - timedelta(seconds=1)

    with pytest.raises(ValueError, match="not over"):
        run.run()

    assert run.assets.written == {}


def test_unreadable_ledger_raises_and_keeps_the_last_report(run: NightlyRun) -> None:
    run.billing.entries = None

    with pytest.raises(RuntimeError, match="bills"):
        run.run()

    assert run.assets.written == {}
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


def test_only_the_job_pages_around_the_day_are_read(run: NightlyRun) -> None:
    for number in range(1_000):
        run.add_job(f"j{number:03}", f"p{number:03}", hours=36 - number / 10)
        run.charge(f"p{number:03}", hours=36 - number / 10)

    report = run.run()

    assert (report.sent_jobs.count, report.charges.count) == (240, 240)
    assert report.orphans.count == report.uncharged.count == 0
    assert run.lists.pages == 5  # the jobs of two days, and the first page of the day before
