"""Reconciliation of a day: every ledger entry is in one bucket, and the sums add up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.bills import (
    Bucket,
    EntryType,
    Finding,
    LedgerEntry,
    Report,
    SentJob,
    bounds,
    buckets,
    charged,
)
from darkroom.domain.errors import Charged
from darkroom.domain.reconciliation import SHOWN, reconcile

DAY = date(2026, 11, 25)
START = datetime(2026, 11, 25, tzinfo=UTC)
UNTIL = START + timedelta(hours=30)
MODEL = "openai/gpt-image-2/edit"


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def deduct(prediction: str, micro_usd: int = 60_000, hours: float = 12) -> LedgerEntry:
    return LedgerEntry(EntryType.DEDUCT, prediction, micro_usd, at(hours), MODEL)


def refund(prediction: str, micro_usd: int = 60_000, hours: float = 13) -> LedgerEntry:
    return LedgerEntry(EntryType.REFUND, prediction, micro_usd, at(hours), MODEL)


def sent_job(job: str, prediction: str | None = None, **changes: Any) -> SentJob:
    """Return a completed job that was sent at noon, with an estimate of 0.06 USD."""
    default = SentJob(job, prediction, MODEL, at(12), 60_000, Charged.YES)
    return replace(default, **changes)


def report(
    sent_jobs: list[SentJob], entries: list[LedgerEntry], *, until: datetime = UNTIL, **owners: str
) -> Report:
    job_ids = {job.prediction_id: job.job_id for job in sent_jobs if job.prediction_id}
    return reconcile(DAY, until, sent_jobs, entries, job_ids | owners)


def has_no_findings(result: Report) -> bool:
    findings = (result.drift, result.orphans, result.double, result.uncharged, result.unrefunded)
    return not any(item.count for item in findings)


def test_matching_day_has_no_findings() -> None:
    result = report(
        [sent_job("a", "p"), sent_job("b", "q", charge=Charged.NO)],
        [deduct("p"), deduct("q"), refund("q")],
    )

    assert has_no_findings(result)
    assert (result.sent_jobs.count, result.sent_jobs.micro_usd) == (2, 120_000)
    assert (result.charges.micro_usd, result.refunds.micro_usd) == (120_000, 60_000)
    assert (result.net_micro_usd, result.matched.count) == (60_000, 2)


def test_charge_without_a_job_is_an_orphan_with_its_refund() -> None:
    result = report([sent_job("a", "p")], [deduct("p"), deduct("lost", 70_000), refund("lost", 7)])

    assert (result.orphans.count, result.orphans.micro_usd) == (1, 70_000)
    assert result.orphans.worst == (Finding(70_000, None, ("lost",), MODEL, None, 70_000, 7),)


def test_charge_for_a_job_of_another_day_is_not_an_orphan() -> None:
    result = report([], [deduct("p")], p="old-job")

    assert has_no_findings(result)
    assert (result.unpriced.count, result.unpriced.micro_usd) == (1, 60_000)


def test_charged_job_without_a_ledger_entry_is_uncharged() -> None:
    result = report([sent_job("a", "p"), sent_job("b", "q", charge=Charged.MAYBE)], [])

    assert result.uncharged.worst == (Finding(60_000, "a", ("p",), MODEL, 60_000, 0, 0),)


def test_charge_just_outside_the_day_matches_its_job() -> None:
    late = sent_job("a", "p", sent_at=at(23.999))
    early = sent_job("b", "q", sent_at=at(0))

    result = report([late, early], [deduct("p", hours=24.001), deduct("q", hours=-0.01)])

    assert result.uncharged.count == 0
    assert (result.charges.count, result.elsewhere.count) == (0, 2)


def test_uncharged_job_is_unrefunded_after_six_hours() -> None:
    free = [sent_job("a", "p", charge=Charged.NO)]

    assert report(free, [deduct("p")], until=at(17.9)).unrefunded.count == 0
    assert report(free, [deduct("p")], until=at(18)).unrefunded.worst[0].micro_usd == 60_000
    assert report(free, [deduct("p"), refund("p", 50_000)]).unrefunded.micro_usd == 10_000
    assert report(free, [deduct("p"), refund("p", hours=29.9)]).unrefunded.count == 0
    assert report([sent_job("a", "p", charge=Charged.MAYBE)], [deduct("p")]).unrefunded.count == 0


def test_drift_is_the_charge_minus_the_estimate() -> None:
    result = report(
        [sent_job("a", "p"), sent_job("b", "q"), sent_job("c", "r"),
         sent_job("d", "s", estimated_micro_usd=None)],
        [deduct("p", 90_000), deduct("q", 20_000), deduct("r"), deduct("s", 5)],
    )  # fmt: skip

    assert (result.drift.count, result.drift.micro_usd) == (2, -10_000)
    assert [(f.job_id, f.micro_usd) for f in result.drift.worst] == [("b", -40_000), ("a", 30_000)]
    assert (result.compared.count, result.unpriced.micro_usd) == (3, 5)


def test_two_charges_for_one_prediction_or_job_are_double() -> None:
    result = report(
        [sent_job("a", "p"), sent_job("b", "q")],
        [deduct("p"), deduct("p"), deduct("q"), deduct("q2", 70_000), deduct("x"), deduct("x")],
        q2="b",
    )

    assert [(f.job_id, f.prediction_ids, f.micro_usd) for f in result.double.worst] == [
        ("b", ("q", "q2"), 60_000),
        ("a", ("p",), 60_000),
        (None, ("x",), 60_000),
    ]


def test_refunded_second_charge_is_not_double() -> None:
    result = report([sent_job("a", "p")], [deduct("p"), deduct("p2"), refund("p2")], p2="a")

    assert result.double.count == 0


def test_second_charge_after_midnight_is_double_on_the_first_day() -> None:
    result = report([sent_job("a", "p")], [deduct("p", hours=23.9), deduct("p", hours=24.1)])

    assert result.double.micro_usd == 60_000
    assert (result.charges.count, result.elsewhere.count) == (1, 1)


def test_entries_without_a_prediction_id_are_orphans_and_not_double() -> None:
    result = report([], [deduct(""), deduct("")])

    assert (result.orphans.micro_usd, result.orphans.worst[0].prediction_ids) == (120_000, ())
    assert result.double.count == 0


def test_refund_belongs_to_the_day_of_its_charge() -> None:
    entries = [
        deduct("p", hours=23),
        refund("p", hours=26),
        refund("older", hours=1),
        deduct("next", hours=25),
        refund("next", hours=26),
    ]

    result = [bucket for bucket, _ in buckets(DAY, entries, {"p": "a"})]

    assert result == [
        Bucket.MATCHED, Bucket.REFUND, Bucket.EARLIER, Bucket.ELSEWHERE, Bucket.ELSEWHERE,
    ]  # fmt: skip


def test_findings_list_is_limited_to_the_worst_but_counts_all() -> None:
    entries = [deduct(f"p{number:04}", 1_000 + number) for number in range(1_000)]

    result = report([], entries).orphans

    assert (result.count, len(result.worst)) == (1_000, SHOWN)
    assert result.micro_usd == sum(entry.micro_usd for entry in entries)
    assert [f.micro_usd for f in result.worst] == list(range(1_999, 1_999 - SHOWN, -1))


PREDICTIONS = st.sampled_from(["", "p", "q", "r", "s", "lost"])
ENTRIES = st.lists(
    st.builds(
        LedgerEntry, st.sampled_from(EntryType), PREDICTIONS, st.integers(0, 900_000),
        st.floats(-1, 30).map(at), st.just(MODEL),
    ),
    max_size=20,
)  # fmt: skip
SENT_JOBS = st.lists(
    st.builds(
        SentJob, st.sampled_from("abcd"), st.sampled_from(["p", "q", "r", None]), st.just(MODEL),
        st.floats(-24, 25).map(at), st.none() | st.integers(0, 900_000), st.sampled_from(Charged),
    ),
    max_size=4,
    unique_by=lambda each: each.job_id,
)  # fmt: skip


@given(ENTRIES)
def test_every_entry_is_in_exactly_one_bucket(entries: list[LedgerEntry]) -> None:
    result = list(buckets(DAY, entries, {"p": "a"}))

    assert [entry for _, entry in result] == entries
    start, end = bounds(DAY)
    for bucket, entry in result:
        in_day = start <= entry.at < end
        assert in_day or bucket in (Bucket.REFUND, Bucket.ELSEWHERE)
        is_charge = bucket in (Bucket.MATCHED, Bucket.ORPHAN)
        assert is_charge == (entry.kind is EntryType.DEDUCT and in_day)
        assert (bucket is Bucket.MATCHED) == (is_charge and entry.prediction_id == "p")


@given(SENT_JOBS, ENTRIES)
def test_sums_of_the_buckets_add_up(sent_jobs: list[SentJob], entries: list[LedgerEntry]) -> None:
    result = report(sent_jobs, entries, s="another")

    parts = (result.charges, result.refunds, result.earlier_refunds, result.elsewhere)
    assert sum(part.count for part in parts) == len(entries)
    assert sum(part.micro_usd for part in parts) == sum(entry.micro_usd for entry in entries)
    assert result.charges.micro_usd == result.matched.micro_usd + result.orphans.micro_usd
    assert result.net_micro_usd == result.charges.micro_usd - result.refunds.micro_usd
    compared = result.compared.micro_usd + result.drift.micro_usd + result.unpriced.micro_usd
    assert result.matched.micro_usd == compared


@given(SENT_JOBS, ENTRIES)
def test_findings_match_their_totals(sent_jobs: list[SentJob], entries: list[LedgerEntry]) -> None:
    result = report(sent_jobs, entries, s="another")

    for item in (result.drift, result.orphans, result.double, result.uncharged, result.unrefunded):
        assert item.count == len(item.worst)
        assert item.micro_usd == sum(finding.micro_usd for finding in item.worst)
    known_ids = {item.prediction_id for item in sent_jobs} | {"s"}
    lost = {
        (prediction_id,) if prediction_id else ()
        for prediction_id in charged(DAY, entries)
        if prediction_id not in known_ids
    }
    assert {item.prediction_ids for item in result.orphans.worst} == lost
    assert all(finding.job_id is None for finding in result.orphans.worst)
    assert Report.model_validate_json(result.model_dump_json()) == result
