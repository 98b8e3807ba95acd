"""The nightly report: which jobs and bills it reads, whose the charges are, what it leaves."""

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any

import pytest

from darkroom.domain.bills import EntryType, LedgerEntry, Report
from darkroom.domain.errors import Code
from darkroom.domain.job import Asset, Job, Status
from darkroom.ports import Cursor, Download
from darkroom.usecases import reconcile_billing
from darkroom.usecases.reconcile_billing import ReconcileBilling
from tests.fakes.signals import InMemoryMetrics, StoppedClock

DAY = date(2026, 11, 25)
START = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODEL = "openai/gpt-image-2/edit"


@dataclass
class Lists:
    """The port JobLists, and how many pages were read."""

    jobs: list[Job] = field(default_factory=list)
    pages: int = 0

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        assert after is not None
        self.pages += 1
        newest = sorted(self.jobs, key=lambda j: (j.accepted_at, j.job_id), reverse=True)
        left = [j for j in newest if (j.accepted_at, j.job_id) < (after.accepted_at, after.job_id)]
        last = Cursor(left[:limit][-1].accepted_at, left[:limit][-1].job_id) if left else None
        return left[:limit], last if len(left) > limit else None

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        raise NotImplementedError


@dataclass
class Claimed:
    """The port Claims, and what was asked for."""

    owners: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def owner(self, prediction_id: str) -> str | None:
        self.asked.append(prediction_id)
        return self.owners.get(prediction_id)


@dataclass
class Bills:
    """The port Billing; None: it cannot be read."""

    entries: list[LedgerEntry] | None = field(default_factory=list)
    windows: list[tuple[datetime, datetime]] = field(default_factory=list)

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        self.windows.append((start, end))
        found = self.entries
        return None if found is None else [each for each in found if start <= each.at < end]


@dataclass
class Documents:
    """The port Assets, of which documents are all that is needed."""

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
class Night:
    """The use case over its fakes, at nine in the morning after."""

    lists: Lists = field(default_factory=Lists)
    claims: Claimed = field(default_factory=Claimed)
    billing: Bills = field(default_factory=Bills)
    assets: Documents = field(default_factory=Documents)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    clock: StoppedClock = field(default_factory=lambda: StoppedClock(START + 33 * HOUR))

    def run(self, day: date = DAY) -> Report:
        return ReconcileBilling(
            self.lists, self.claims, self.billing, self.assets, self.metrics, self.clock
        )(day)

    def job(self, name: str, prediction: str | None, hours: float = 12, **changes: Any) -> None:
        moment = START + timedelta(hours=hours)
        known: dict[str, Any] = {
            "job_id": name, "caller": "tests", "request_id": "r", "idempotency_key": name,
            "fingerprint": "f", "operation": "edit", "model": MODEL, "input": {"prompt": "x"},
            "prefix": f"jobs/{name}", "deadline_seconds": 900, "estimated_cost_micro_usd": 60_000,
            "accepted_at": moment, "submitting_at": moment, "submitted_at": moment,
            "status": Status.SUBMITTED, "prediction_id": prediction, "expires_at": 1_900_000_000,
        }  # fmt: skip
        self.lists.jobs.append(Job.model_validate(known | changes))

    def paid(self, prediction: str, hours: float = 12, kind: EntryType = EntryType.DEDUCT) -> None:
        assert self.billing.entries is not None
        at = START + timedelta(hours=hours)
        self.billing.entries.append(LedgerEntry(kind, prediction, 60_000, at, MODEL))


@pytest.fixture
def night() -> Night:
    return Night()


def test_a_report_is_stored_under_its_day_and_measured(night: Night) -> None:
    night.job("a", "p", estimated_cost_micro_usd=50_000)
    night.paid("p")
    night.paid("p")
    night.paid("lost")

    report = night.run()

    assert night.assets.written == {"reports/2026-11-25.json": report.model_dump(mode="json")}
    assert (report.charges.count, report.matched.count, report.sent_jobs.count) == (3, 2, 1)
    assert night.metrics.total("OrphanCharges") == report.orphans.count == 1
    assert night.metrics.total("DoubleCharges") == report.double.count == 1
    assert night.metrics.total("CostDrift") == pytest.approx(0.07)
    assert [each.unit for each in night.metrics.counted if each.name == "CostDrift"] == ["None"]


def test_a_day_without_anything_is_measured_too(night: Night) -> None:
    night.run()

    assert [(each.name, each.value) for each in night.metrics.counted] == [
        ("OrphanCharges", 0), ("DoubleCharges", 0), ("CostDrift", 0),
    ]  # fmt: skip


def test_a_prediction_that_only_a_claim_knows_is_owned(night: Night) -> None:
    night.job("a", None, status=Status.FAILED, code=Code.SUBMISSION_UNKNOWN)
    night.claims.owners = {"p": "a", "older": "gone"}
    night.paid("p")
    night.paid("older")
    night.paid("lost")

    report = night.run()
    assert [each.prediction_ids for each in report.orphans.worst] == [("lost",)]
    assert (report.compared.count, report.unpriced.count) == (1, 1)


def test_only_what_no_job_of_these_days_has_is_looked_up(night: Night) -> None:
    night.job("a", "p")
    night.job("yesterday", "q", hours=-20)
    for prediction in ("p", "q", "lost", "lost", ""):
        night.paid(prediction)
    night.paid("tomorrow", hours=25)

    night.run()

    assert night.claims.asked == ["lost"]


def test_very_many_charges_of_nobody_are_not_all_looked_up(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_billing, "_MAX_LOOKUPS", 3)
    for number in range(5):
        night.paid(f"p{number}")

    assert night.run().orphans.count == 5
    assert len(night.claims.asked) == 3


def test_the_bills_are_read_to_six_hours_after_the_day(night: Night) -> None:
    night.job("a", "p", status=Status.FAILED, code=Code.PROVIDER_FAILED)
    night.paid("p", hours=23)
    night.paid("p", hours=29, kind=EntryType.REFUND)

    report = night.run()

    [(start, end)] = night.billing.windows
    assert START - HOUR < start < START
    assert end == report.until == START + 30 * HOUR
    assert (report.refunds.count, report.net_micro_usd, report.unrefunded.count) == (1, 0, 0)


def test_by_hand_soon_after_midnight_it_sees_what_there_is(night: Night) -> None:
    night.clock.time = START + 25 * HOUR

    assert night.run().until == START + 25 * HOUR


def test_a_day_that_is_not_over_has_no_report(night: Night) -> None:
    night.clock.time = START + 24 * HOUR - timedelta(seconds=1)

    with pytest.raises(ValueError, match="not over"):
        night.run()

    assert night.assets.written == {}


def test_bills_that_cannot_be_read_are_a_crash_and_leave_the_last_report(night: Night) -> None:
    night.billing.entries = None

    with pytest.raises(RuntimeError, match="bills"):
        night.run()

    assert night.assets.written == {}
    assert night.metrics.counted == []


def test_a_job_that_was_never_sent_counts_for_nothing(night: Night) -> None:
    night.job("a", None, status=Status.QUEUED, submitting_at=None, submitted_at=None)

    assert night.run().sent_jobs.count == 0


def test_a_job_that_waited_over_midnight_is_the_days_that_sent_it(night: Night) -> None:
    night.job("a", "p", hours=-3, submitting_at=START, submitted_at=START)
    night.job("b", "q", hours=23, submitting_at=START + 24 * HOUR)
    night.job("clock", "r", hours=24.1, submitting_at=START + 24.1 * HOUR)
    night.paid("p", hours=0)
    night.paid("r", hours=23.99)

    report = night.run()

    assert (report.sent_jobs.count, report.uncharged.count, report.compared.count) == (1, 0, 2)


def test_of_many_jobs_only_the_pages_around_the_day_are_read(night: Night) -> None:
    for number in range(1_000):
        night.job(f"j{number:03}", f"p{number:03}", hours=36 - number / 10)
        night.paid(f"p{number:03}", hours=36 - number / 10)

    report = night.run()

    assert (report.sent_jobs.count, report.charges.count) == (240, 240)
    assert report.orphans.count == report.uncharged.count == 0
    assert night.lists.pages == 5  # two days' jobs, and the start of the one before
