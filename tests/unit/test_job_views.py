"""Public views of a job: its charge in each status, its revision and its events."""

from typing import Any

import pytest

from darkroom.api import schemas
from darkroom.domain import events, job_events
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import INTERNAL_FIELDS, Asset, Job, Status
from darkroom.domain.references import S3Object
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Client, complete_job

ASSET = Asset(bucket="assets", key="0.png", content_type="image/png", size=9, sha256="ab" * 32)
SOURCE = S3Object(bucket="inbox", key="scan/a.png", version_id="v1")


def make_job(**changes: Any) -> Job:
    return Job.model_validate(dict(World().accept_job()) | changes)


@pytest.mark.parametrize(
    ("facts", "charge"),
    [
        ({"status": Status.QUEUED}, Charged.NO),
        ({"status": Status.SUBMITTING, "submitting_at": START}, Charged.MAYBE),
        (
            {"status": Status.SUBMITTED, "submitting_at": START, "prediction_id": "p"},
            Charged.YES,
        ),
        (
            {"status": Status.SUBMITTED, "submitting_at": START, "canceled_at": START,
             "prediction_id": "p"},
            Charged.YES,
        ),
        (
            {"status": Status.COMPLETED, "submitting_at": START, "prediction_id": "p",
             "provider_completed_at": START},
            Charged.YES,
        ),
        ({"status": Status.FAILED, "code": Code.CANCELED}, Charged.NO),
        (
            {"status": Status.FAILED, "code": Code.CANCELED, "submitting_at": START,
             "prediction_id": "p"},
            Charged.MAYBE,
        ),
        (
            {"status": Status.FAILED, "code": Code.CANCELED, "submitting_at": START,
             "prediction_id": "p", "provider_completed_at": START},
            Charged.YES,
        ),
        (
            {"status": Status.FAILED, "code": Code.PROVIDER_FAILED, "submitting_at": START,
             "prediction_id": "p"},
            Charged.NO,
        ),
        (
            {"status": Status.FAILED, "code": Code.SUBMISSION_UNKNOWN, "submitting_at": START},
            Charged.MAYBE,
        ),
    ],
)  # fmt: skip
def test_charge_in_each_status(facts: dict[str, Any], charge: Charged) -> None:
    assert make_job(**facts).charge is charge


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
    assert make_job(**change).revision != make_job().revision


@pytest.mark.parametrize(
    "change",
    [{"published_at": START}, {"submit_token": "t"}, {"submit_attempts": 2}, {"expires_at": 1}],
)
def test_revision_ignores_internal_fields(change: dict[str, Any]) -> None:
    assert make_job(**change).revision == make_job().revision


def test_every_job_field_is_internal_or_returned() -> None:
    returned = {
        *schemas.JobView.model_fields, *schemas.FailureView.model_fields,
        *events.Timings.model_fields, *events.JobEvent.model_fields,
        "prefix",  # of the keys of the assets
    }  # fmt: skip

    assert set(Job.model_fields) - INTERNAL_FIELDS <= returned
    assert not INTERNAL_FIELDS & schemas.JobView.model_fields.keys()


def test_revision_is_the_same_after_serialization() -> None:
    job = make_job(assets=(ASSET,), source=SOURCE, detail="Ö")

    assert Job.model_validate_json(job.model_dump_json()).revision == job.revision
    assert job.revision.isalnum()


def test_events_of_an_upload_job_have_the_source_location() -> None:
    upload_job = make_job(source=SOURCE, preset="scan@3", status=Status.FAILED)

    published = [job_events.submitted(upload_job, "p"), job_events.completed(upload_job, "assets")]

    location = events.S3Location(bucket="inbox", key="scan/a.png", version_id="v1")
    assert [event.source for event in [*published, job_events.failed(upload_job)]] == [location] * 3
    assert job_events.failed(make_job(status=Status.FAILED)).source is None


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
