"""Ids, fingerprints, failure codes and events: what others rely on to stay the same."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import events, job_events
from darkroom.domain.errors import Charged, Code, failure
from darkroom.domain.identity import fingerprint, job_id
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import Url
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE

ASSET = Asset(
    bucket="assets", key="jobs/j/0.png", content_type="image/png", size=9, sha256="ab" * 32
)


def job(**changes: Any) -> Job:
    plain: dict[str, Any] = {
        "job_id": "j",
        "caller": "tests",
        "request_id": "r",
        "idempotency_key": "k",
        "fingerprint": "f",
        "operation": "edit",
        "model": "openai/gpt-image-2/edit",
        "input": {"prompt": "the prompt"},
        "references": [Url(url="https://example.com/a.png?sig=secret")],
        "prefix": "jobs/j",
        "deadline_seconds": 900,
        "estimated_cost_micro_usd": 70_000,
        "accepted_at": START,
        "expires_at": 1_800_000_000,
    }
    return Job.model_validate(plain | changes)


@given(st.text(), st.text())
def test_a_job_id_names_an_execution_and_a_folder(caller: str, key: str) -> None:
    identity = job_id(caller, key)

    assert re.fullmatch(r"[a-z2-7]{26}", identity)
    assert identity == job_id(caller, key)


@given(st.text(), st.text(), st.text(), st.text())
def test_callers_do_not_share_job_ids(one: str, key: str, other: str, second: str) -> None:
    assert (job_id(one, key) == job_id(other, second)) == ((one, key) == (other, second))


def test_a_job_id_stays_the_same_over_releases() -> None:
    assert job_id("events", "key") == "76fpvnd776x4n3dkjmiwenwety"


@pytest.mark.parametrize(
    "change", [{"prompt": "other"}, {"quality": "low"}, {"deadline_seconds": 60}]
)
def test_a_fingerprint_tells_requests_apart(change: dict[str, Any]) -> None:
    asked = parse_request(TEXT_TO_IMAGE, max_deadline_seconds=3600)
    other = parse_request(TEXT_TO_IMAGE | change, max_deadline_seconds=3600)

    assert fingerprint(asked, []) == fingerprint(asked, [])
    assert fingerprint(asked, []) != fingerprint(other, [])
    assert fingerprint(asked, ["a"]) != fingerprint(asked, [])
    assert fingerprint(asked, ["a", "b"]) != fingerprint(asked, ["b", "a"])


def test_a_fingerprint_does_not_see_the_order_of_fields_or_spelled_out_defaults() -> None:
    spelled = {"quality": "medium", **dict(reversed(TEXT_TO_IMAGE.items()))}
    by_id = {
        "model": "openai/gpt-image-2/text-to-image",
        "input": {"prompt": TEXT_TO_IMAGE["prompt"]},
    }

    prints = {
        fingerprint(parse_request(body, max_deadline_seconds=3600), [])
        for body in (TEXT_TO_IMAGE, spelled, by_id)
    }

    assert len(prints) == 1


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_meaning_and_costs_nothing_unsent(code: Code) -> None:
    meaning = failure(code, sent=True)

    assert re.fullmatch(r"[A-Z].*\.", meaning.message)
    assert isinstance(meaning.retryable, bool)
    assert failure(code, sent=False) == meaning._replace(charged=Charged.NO)


def test_what_may_be_paid_for_is_never_called_free() -> None:
    doubtful = {Code.SUBMISSION_UNKNOWN, Code.DEADLINE_EXCEEDED, Code.CANCELED, Code.MODERATED}
    paid = {Code.ASSET_UNAVAILABLE, Code.ASSET_INVALID}

    assert {failure(code, sent=True).charged for code in doubtful} == {Charged.MAYBE}
    assert {failure(code, sent=True).charged for code in paid} == {Charged.YES}


def test_an_unknown_submit_must_not_be_repeated_by_the_caller_either() -> None:
    assert not failure(Code.SUBMISSION_UNKNOWN, sent=True).retryable


def test_events_have_stable_ids_one_for_each_fact() -> None:
    ended = job(status=Status.FAILED, code=Code.MODERATED)

    ids = [
        job_events.submitted(ended, "p").id,
        job_events.completed(ended, "assets").id,
        job_events.failed(ended).id,
        job_events.recovered(ended, "assets").id,
        events.BudgetThresholdReached.of(START.date(), "key:ada", 10, 8, "r").id,
    ]

    assert ids == [
        "j.submitted", "j.completed", "j.failed", "j.recovered", "budget.2026-11-22.key:ada",
    ]  # fmt: skip


def test_no_event_holds_a_url_or_the_prompt() -> None:
    ended = job(status=Status.FAILED, prediction_id="p", assets=[ASSET], submitting_at=START)

    told = [
        job_events.submitted(ended, "p"),
        job_events.completed(ended, "assets"),
        job_events.failed(ended),
        job_events.recovered(ended, "assets"),
    ]

    for event in told:
        text = event.model_dump_json()
        assert "http" not in text
        assert "prompt" not in text
        assert '"version":"1"' in text


def test_a_completed_job_says_where_its_files_are() -> None:
    event = job_events.completed(job(assets=[ASSET], prediction_id="p", checks=3), "assets")

    assert event.assets == (ASSET,)
    assert event.manifest == events.S3Location(bucket="assets", key="jobs/j/manifest.json")
    assert (event.prediction_id, event.checks, event.estimated_cost_micro_usd) == ("p", 3, 70_000)


def test_a_failed_job_that_was_never_sent_was_not_charged() -> None:
    unsent = job_events.failed(job(status=Status.FAILED, code=Code.INTERNAL_ERROR))
    sent = job_events.failed(
        job(status=Status.FAILED, code=Code.INTERNAL_ERROR, submitting_at=START)
    )

    assert (unsent.charged, sent.charged) == (Charged.NO, Charged.MAYBE)


def test_a_job_that_failed_without_a_code_failed_by_us() -> None:
    assert job_events.failed(job(status=Status.FAILED)).code is Code.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("facts", "charged"),
    [
        ({"submitting_at": None}, Charged.NO),
        ({"code": Code.UNAUTHORIZED}, Charged.NO),
        ({"code": Code.UNAUTHORIZED, "prediction_id": "p"}, Charged.MAYBE),
        ({"code": Code.PROVIDER_FAILED, "prediction_id": "p"}, Charged.NO),
        ({"code": Code.PROVIDER_FAILED, "charged": Charged.MAYBE}, Charged.MAYBE),
        ({"code": Code.PROVIDER_FAILED, "charged": Charged.YES}, Charged.YES),
        ({"code": Code.UNAUTHORIZED, "provider_completed_at": START}, Charged.YES),
        ({"code": Code.CANCELED}, Charged.MAYBE),
    ],
)
def test_what_was_charged_goes_by_the_facts_before_the_code(
    facts: dict[str, Any], charged: Charged
) -> None:
    ended = {"status": "failed", "code": Code.CANCELED, "submitting_at": START}
    told = job_events.failed(job(**{"prediction_id": None} | ended | facts))

    assert told.charged is charged


@pytest.mark.parametrize(
    ("facts", "waits", "flies"),
    [
        ({}, False, False),
        ({"queue_position": 3}, True, False),
        ({"status": "submitting", "queue_position": 3}, False, True),
        ({"status": "submitted"}, False, True),
        ({"status": "submitted", "provider_completed_at": START}, False, False),
        ({"status": "completed", "queue_position": 3}, False, False),
        ({"status": "failed", "queue_position": 3}, False, False),
    ],
)
def test_a_job_waits_in_the_line_or_is_in_flight_or_neither(
    facts: dict[str, Any], waits: bool, flies: bool
) -> None:
    assert (job(**facts).is_waiting, job(**facts).is_in_flight) == (waits, flies)


@pytest.mark.parametrize(
    "unseen",
    [
        {"queue_position": 7},
        {"sweep_after": START},
        {"recovery_polls": 2},
        {"submit_token": "t"},
        {"wake_token": "t"},
        {"woken_at": START},
        {"sent_images": ("digest",)},
        {"submitting_at": START},
        {"published_at": START},
        {"reservations": ({"day": START.date(), "scope": "s", "micro_usd": 1},)},
    ],
)
def test_what_no_caller_sees_is_no_change_to_anybody_who_waits(unseen: dict[str, Any]) -> None:
    assert job(**unseen).revision == job().revision


def test_whoever_waits_sees_where_a_job_stands() -> None:
    assert job(status="submitted").revision != job().revision
    assert job(canceled_at=START).revision != job().revision
