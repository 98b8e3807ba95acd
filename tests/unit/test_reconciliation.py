"""A day's bills beside its jobs: every movement in one bucket, and sums that add up."""

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
    """A job that was sent at noon, completed and expected to cost six cents."""
    known = SentJob(job, prediction, MODEL, at(12), 60_000, Charged.YES)
    return replace(known, **changes)


def report(
    sent_jobs: list[SentJob], entries: list[LedgerEntry], *, until: datetime = UNTIL, **owners: str
) -> Report:
    known = {each.prediction_id: each.job_id for each in sent_jobs if each.prediction_id}
    return reconcile(DAY, until, sent_jobs, entries, known | owners)


def quiet(found: Report) -> bool:
    lists = (found.drift, found.orphans, found.double, found.uncharged, found.unrefunded)
    return not any(each.count for each in lists)


def test_a_day_without_jobs_and_charges_is_all_zeros() -> None:
    found = report([], [])

    assert quiet(found)
    assert found.charges.count == found.sent_jobs.count == 0


def test_a_day_on_which_all_agrees_finds_nothing() -> None:
    found = report(
        [sent_job("a", "p"), sent_job("b", "q", charge=Charged.NO)],
        [deduct("p"), deduct("q"), refund("q")],
    )

    assert quiet(found)
    assert (found.sent_jobs.count, found.sent_jobs.micro_usd) == (2, 120_000)
    assert (found.charges.micro_usd, found.refunds.micro_usd) == (120_000, 60_000)
    assert (found.net_micro_usd, found.matched.count) == (60_000, 2)


def test_a_charge_of_nobody_is_an_orphan_with_its_refund() -> None:
    found = report([sent_job("a", "p")], [deduct("p"), deduct("lost", 70_000), refund("lost", 7)])

    assert (found.orphans.count, found.orphans.micro_usd) == (1, 70_000)
    assert found.orphans.worst == (Finding(70_000, None, ("lost",), MODEL, None, 70_000, 7),)


def test_a_charge_of_a_job_of_another_day_is_no_orphan() -> None:
    found = report([], [deduct("p")], p="old-job")

    assert quiet(found)
    assert (found.unpriced.count, found.unpriced.micro_usd) == (1, 60_000)


def test_a_job_said_to_be_charged_that_no_bill_has_is_told() -> None:
    found = report([sent_job("a", "p"), sent_job("b", "q", charge=Charged.MAYBE)], [])

    assert found.uncharged.worst == (Finding(60_000, "a", ("p",), MODEL, 60_000, 0, 0),)


def test_a_charge_just_beside_the_day_is_a_charge_all_the_same() -> None:
    late = sent_job("a", "p", sent_at=at(23.999))
    early = sent_job("b", "q", sent_at=at(0))

    found = report([late, early], [deduct("p", hours=24.001), deduct("q", hours=-0.01)])

    assert found.uncharged.count == 0
    assert (found.charges.count, found.elsewhere.count) == (0, 2)


def test_what_was_to_cost_nothing_is_due_back_after_six_hours() -> None:
    free = [sent_job("a", "p", charge=Charged.NO)]

    assert report(free, [deduct("p")], until=at(17.9)).unrefunded.count == 0
    assert report(free, [deduct("p")], until=at(18)).unrefunded.worst[0].micro_usd == 60_000
    assert report(free, [deduct("p"), refund("p", 50_000)]).unrefunded.micro_usd == 10_000
    assert report(free, [deduct("p"), refund("p", hours=29.9)]).unrefunded.count == 0
    assert report([sent_job("a", "p", charge=Charged.MAYBE)], [deduct("p")]).unrefunded.count == 0


def test_drift_is_the_charge_less_the_estimate() -> None:
    found = report(
        [sent_job("a", "p"), sent_job("b", "q"), sent_job("c", "r"),
         sent_job("d", "s", estimated_micro_usd=None)],
        [deduct("p", 90_000), deduct("q", 20_000), deduct("r"), deduct("s", 5)],
    )  # fmt: skip

    assert (found.drift.count, found.drift.micro_usd) == (2, -10_000)
    assert [(f.job_id, f.micro_usd) for f in found.drift.worst] == [("b", -40_000), ("a", 30_000)]
    assert (found.compared.count, found.unpriced.micro_usd) == (3, 5)


def test_two_charges_for_one_prediction_or_one_job_are_double() -> None:
    found = report(
        [sent_job("a", "p"), sent_job("b", "q")],
        [deduct("p"), deduct("p"), deduct("q"), deduct("q2", 70_000), deduct("x"), deduct("x")],
        q2="b",
    )

    assert [(f.job_id, f.prediction_ids, f.micro_usd) for f in found.double.worst] == [
        ("b", ("q", "q2"), 60_000),
        ("a", ("p",), 60_000),
        (None, ("x",), 60_000),
    ]


def test_what_was_given_back_is_not_paid_twice() -> None:
    found = report([sent_job("a", "p")], [deduct("p"), deduct("p2"), refund("p2")], p2="a")

    assert found.double.count == 0


def test_a_second_charge_after_midnight_is_double_on_the_first_day() -> None:
    found = report([sent_job("a", "p")], [deduct("p", hours=23.9), deduct("p", hours=24.1)])

    assert found.double.micro_usd == 60_000
    assert (found.charges.count, found.elsewhere.count) == (1, 1)


def test_lines_that_name_no_prediction_are_orphans_and_not_double() -> None:
    found = report([], [deduct(""), deduct("")])

    assert (found.orphans.micro_usd, found.orphans.worst[0].prediction_ids) == (120_000, ())
    assert found.double.count == 0


def test_a_refund_belongs_to_the_day_of_its_charge() -> None:
    entries = [
        deduct("p", hours=23),
        refund("p", hours=26),
        refund("older", hours=1),
        deduct("next", hours=25),
        refund("next", hours=26),
    ]

    found = [bucket for bucket, _ in buckets(DAY, entries, {"p": "a"})]

    assert found == [
        Bucket.MATCHED, Bucket.REFUND, Bucket.EARLIER, Bucket.ELSEWHERE, Bucket.ELSEWHERE,
    ]  # fmt: skip


def test_a_list_shows_the_worst_and_counts_them_all() -> None:
    entries = [deduct(f"p{number:04}", 1_000 + number) for number in range(1_000)]

    found = report([], entries).orphans

    assert (found.count, len(found.worst)) == (1_000, SHOWN)
    assert found.micro_usd == sum(each.micro_usd for each in entries)
    assert [f.micro_usd for f in found.worst] == list(range(1_999, 1_999 - SHOWN, -1))


PREDICTIONS = st.sampled_from(["", "p", "q", "r", "s", "lost"])
MOVEMENTS = st.lists(
    st.builds(
        LedgerEntry, st.sampled_from(EntryType), PREDICTIONS, st.integers(0, 900_000),
        st.floats(-1, 30).map(at), st.just(MODEL),
    ),
    max_size=20,
)  # fmt: skip
INTENTS = st.lists(
    st.builds(
        SentJob, st.sampled_from("abcd"), st.sampled_from(["p", "q", "r", None]), st.just(MODEL),
        st.floats(-24, 25).map(at), st.none() | st.integers(0, 900_000), st.sampled_from(Charged),
    ),
    max_size=4,
    unique_by=lambda each: each.job_id,
)  # fmt: skip


@given(MOVEMENTS)
def test_every_movement_is_in_exactly_one_bucket(entries: list[LedgerEntry]) -> None:
    found = list(buckets(DAY, entries, {"p": "a"}))

    assert [entry for _, entry in found] == entries
    start, end = bounds(DAY)
    for bucket, entry in found:
        in_day = start <= entry.at < end
        assert in_day or bucket in (Bucket.REFUND, Bucket.ELSEWHERE)
        is_charge = bucket in (Bucket.MATCHED, Bucket.ORPHAN)
        assert is_charge == (entry.kind is EntryType.DEDUCT and in_day)
        assert (bucket is Bucket.MATCHED) == (is_charge and entry.prediction_id == "p")


@given(INTENTS, MOVEMENTS)
def test_the_sums_add_up(sent_jobs: list[SentJob], entries: list[LedgerEntry]) -> None:
    found = report(sent_jobs, entries, s="another")

    parts = (found.charges, found.refunds, found.earlier_refunds, found.elsewhere)
    assert sum(part.count for part in parts) == len(entries)
    assert sum(part.micro_usd for part in parts) == sum(each.micro_usd for each in entries)
    assert found.charges.micro_usd == found.matched.micro_usd + found.orphans.micro_usd
    assert found.net_micro_usd == found.charges.micro_usd - found.refunds.micro_usd
    compared = found.compared.micro_usd + found.drift.micro_usd + found.unpriced.micro_usd
    assert found.matched.micro_usd == compared


@given(INTENTS, MOVEMENTS)
def test_what_is_shown_is_what_is_counted(
    sent_jobs: list[SentJob], entries: list[LedgerEntry]
) -> None:
    found = report(sent_jobs, entries, s="another")

    for each in (found.drift, found.orphans, found.double, found.uncharged, found.unrefunded):
        assert each.count == len(each.worst)
        assert each.micro_usd == sum(finding.micro_usd for finding in each.worst)
    known = {each.prediction_id for each in sent_jobs} | {"s"}
    lost = {(name,) if name else () for name in charged(DAY, entries) if name not in known}
    assert {each.prediction_ids for each in found.orphans.worst} == lost
    assert all(finding.job_id is None for finding in found.orphans.worst)
    assert Report.model_validate_json(found.model_dump_json()) == found
