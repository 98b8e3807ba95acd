"""Jobs: ids, fingerprints, codes and events, which must stay stable, and the public view."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.api import schemas
from darkroom.domain import events, job_events
from darkroom.domain.errors import Charged, Code, failure
from darkroom.domain.identity import fingerprint, job_id
from darkroom.domain.job import INTERNAL_FIELDS, Asset, Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import S3Object, Url
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, complete_job

ASSET = Asset(
    bucket="assets", key="jobs/j/0.png", content_type="image/png", size=9, sha256="ab" * 32
)
SOURCE = S3Object(bucket="inbox", key="scan/a.png", version_id="v1")


def job(**changes: Any) -> Job:
    fields: dict[str, Any] = {
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
    return Job.model_validate(fields | changes)


@given(st.text(), st.text())
def test_job_id_is_valid_as_execution_name_and_key_prefix(caller: str, key: str) -> None:
    identity = job_id(caller, key)

    assert re.fullmatch(r"[a-z2-7]{26}", identity)
    assert identity == job_id(caller, key)


@given(st.text(), st.text(), st.text(), st.text())
def test_job_ids_differ_by_caller_and_key(
    first_caller: str, first_key: str, second_caller: str, second_key: str
) -> None:
    assert (job_id(first_caller, first_key) == job_id(second_caller, second_key)) == (
        (first_caller, first_key) == (second_caller, second_key)
    )


def test_job_id_algorithm_does_not_change() -> None:
    assert job_id("events", "key") == "76fpvnd776x4n3dkjmiwenwety"


def test_fingerprint_does_not_change_with_a_new_default() -> None:
    """Records have it: a repeated request of an older version is the same job."""
    request = parse_request({"operation": "text-to-image", "prompt": "A kite"})

    digest = "4385ec84d25be3f2814df4d5ab5e575b343328b17d33863797002795dfb9a7fc"
    assert fingerprint(request, []) == digest


@pytest.mark.parametrize(
    "change", [{"prompt": "other"}, {"quality": "low"}, {"deadline_seconds": 60}]
)
def test_fingerprints_of_different_requests_differ(change: dict[str, Any]) -> None:
    request = parse_request(TEXT_TO_IMAGE)
    other = parse_request(TEXT_TO_IMAGE | change)

    assert fingerprint(request, []) == fingerprint(request, [])
    assert fingerprint(request, []) != fingerprint(other, [])
    assert fingerprint(request, ["a"]) != fingerprint(request, [])
    assert fingerprint(request, ["a", "b"]) != fingerprint(request, ["b", "a"])


def test_fingerprint_ignores_field_order_and_explicit_defaults() -> None:
    explicit = {"quality": "medium", **dict(reversed(TEXT_TO_IMAGE.items()))}
    by_id = {
        "model": "openai/gpt-image-2/text-to-image",
        "input": {"prompt": TEXT_TO_IMAGE["prompt"]},
    }

    prints = {fingerprint(parse_request(body), []) for body in (TEXT_TO_IMAGE, explicit, by_id)}

    assert len(prints) == 1


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_message_and_is_uncharged_if_not_sent(code: Code) -> None:
    meaning = failure(code, sent=True)

    assert re.fullmatch(r"[A-Z].*\.", meaning.message)
    assert isinstance(meaning.retryable, bool)
    assert failure(code, sent=False) == meaning._replace(charged=Charged.NO)


def test_possibly_charged_codes_are_never_reported_as_uncharged() -> None:
    doubtful = {Code.SUBMISSION_UNKNOWN, Code.DEADLINE_EXCEEDED, Code.CANCELED, Code.MODERATED}
    paid = {Code.ASSET_UNAVAILABLE, Code.ASSET_INVALID}

    assert {failure(code, sent=True).charged for code in doubtful} == {Charged.MAYBE}
    assert {failure(code, sent=True).charged for code in paid} == {Charged.YES}


def test_submission_unknown_is_not_retryable() -> None:
    assert not failure(Code.SUBMISSION_UNKNOWN, sent=True).retryable


def test_event_ids_are_stable() -> None:
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


def test_events_contain_no_url_and_no_prompt() -> None:
    ended = job(status=Status.FAILED, prediction_id="p", assets=[ASSET], submitting_at=START)

    job_events_list = [
        job_events.submitted(ended, "p"),
        job_events.completed(ended, "assets"),
        job_events.failed(ended),
        job_events.recovered(ended, "assets"),
    ]

    for event in job_events_list:
        text = event.model_dump_json()
        assert "http" not in text
        assert "prompt" not in text
        assert '"version":"1"' in text


def test_completed_event_has_the_asset_and_manifest_locations() -> None:
    event = job_events.completed(job(assets=[ASSET], prediction_id="p", checks=3), "assets")

    assert event.assets == (ASSET,)
    assert event.manifest == events.S3Location(bucket="assets", key="jobs/j/manifest.json")
    assert (event.prediction_id, event.checks, event.estimated_cost_micro_usd) == ("p", 3, 70_000)


def test_failed_job_without_a_code_has_internal_error() -> None:
    assert job_events.failed(job(status=Status.FAILED)).code is Code.INTERNAL_ERROR


OPEN_CHARGES: list[tuple[dict[str, Any], Charged]] = [
    ({}, Charged.NO),
    ({"status": "submitting", "submitting_at": START}, Charged.MAYBE),
    ({"status": "submitted", "submitting_at": START, "prediction_id": "p"}, Charged.YES),
]
# Of a failed job; observed facts override the code.
FAILED_CHARGES: list[tuple[dict[str, Any], Charged]] = [
    ({"code": Code.CANCELED, "submitting_at": None}, Charged.NO),
    ({"code": Code.CANCELED}, Charged.MAYBE),
    ({"code": Code.CANCELED, "prediction_id": "p"}, Charged.MAYBE),
    ({"code": Code.CANCELED, "provider_completed_at": START}, Charged.YES),
    ({"code": Code.SUBMISSION_UNKNOWN}, Charged.MAYBE),
    ({"code": Code.UNAUTHORIZED}, Charged.NO),
    ({"code": Code.UNAUTHORIZED, "prediction_id": "p"}, Charged.MAYBE),
    ({"code": Code.UNAUTHORIZED, "provider_completed_at": START}, Charged.YES),
    ({"code": Code.PROVIDER_FAILED, "prediction_id": "p"}, Charged.NO),
    ({"code": Code.PROVIDER_FAILED, "charged": Charged.MAYBE}, Charged.MAYBE),
    ({"code": Code.PROVIDER_FAILED, "charged": Charged.YES}, Charged.YES),
    ({"code": Code.PROVIDER_FAILED, "unanswered_submits": 1}, Charged.MAYBE),
]
FAILED = {"status": "failed", "submitting_at": START}


@pytest.mark.parametrize(
    ("facts", "charge"),
    [*OPEN_CHARGES, *((FAILED | facts, charge) for facts, charge in FAILED_CHARGES)],
)
def test_charge_follows_from_status_code_and_facts(facts: dict[str, Any], charge: Charged) -> None:
    assert job(**facts).charge is charge
    assert job_events.failed(job(**facts)).charged is charge


@pytest.mark.parametrize(
    ("facts", "is_in_queue", "is_in_flight"),
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
def test_is_in_queue_and_is_in_flight_by_status(
    facts: dict[str, Any], is_in_queue: bool, is_in_flight: bool
) -> None:
    assert (job(**facts).is_in_queue, job(**facts).is_in_flight) == (is_in_queue, is_in_flight)


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.SUBMITTED},
        {"code": Code.CANCELED},
        {"detail": "words"},
        {"checks": 1},
        {"prediction_id": "p"},
        {"canceled_at": START},
        {"submitted_at": START},
        {"stored_at": START},
        {"assets": (ASSET,)},
    ],
)
def test_revision_changes_with_public_fields(change: dict[str, Any]) -> None:
    assert job(**change).revision != job().revision


@pytest.mark.parametrize(
    "change",
    [{"published_at": START}, {"submit_token": "t"}, {"submit_attempts": 2}, {"expires_at": 1}],
)
def test_revision_ignores_internal_fields(change: dict[str, Any]) -> None:
    assert job(**change).revision == job().revision


def test_every_job_field_is_internal_or_returned() -> None:
    returned = {
        *schemas.JobView.model_fields, *schemas.FailureView.model_fields,
        *events.Timings.model_fields, *events.JobEvent.model_fields,
        "prefix",  # of the keys of the assets
    }  # fmt: skip

    assert set(Job.model_fields) - INTERNAL_FIELDS <= returned
    # The view of a chain is built from several records.
    assert INTERNAL_FIELDS & schemas.JobView.model_fields.keys() <= {"chain"}


def test_revision_is_the_same_after_serialization() -> None:
    stored = job(assets=(ASSET,), source=SOURCE, detail="Ö")

    assert Job.model_validate_json(stored.model_dump_json()).revision == stored.revision
    assert stored.revision.isalnum()


def test_events_of_an_upload_job_have_the_source_location() -> None:
    upload_job = job(source=SOURCE, preset="scan@3", status=Status.FAILED)

    published = [job_events.submitted(upload_job, "p"), job_events.completed(upload_job, "assets")]

    location = events.S3Location(bucket="inbox", key="scan/a.png", version_id="v1")
    assert [event.source for event in [*published, job_events.failed(upload_job)]] == [location] * 3
    assert job_events.failed(job(status=Status.FAILED)).source is None


def test_job_has_its_last_event_and_listed_jobs_have_none() -> None:
    ada = Client()
    job_id = ada.accept_job(TEXT_TO_IMAGE).job_id
    assert ada.get(f"{V1_JOBS}/{job_id}").json["event"] is None

    complete_job(ada.world, job_id)

    job_event = ada.get(f"{V1_JOBS}/{job_id}").json["event"]
    (event,) = ada.world.events.of_type("JobCompleted")
    assert job_event == {"detail_type": "JobCompleted", "detail": event.model_dump(mode="json")}
    (listed,) = ada.get(V1_JOBS).json["jobs"]
    assert listed["event"] is None


def test_failed_job_has_its_failure_event() -> None:
    ada = Client()
    job_id = ada.accept_job(TEXT_TO_IMAGE).job_id
    ada.world.app.end_job.fail(job_id, Code.REJECTED)

    job_event = ada.get(f"{V1_JOBS}/{job_id}").json["event"]
    (event,) = ada.world.events.of_type("JobFailed")
    assert job_event == {"detail_type": "JobFailed", "detail": event.model_dump(mode="json")}
