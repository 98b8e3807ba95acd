"""What a job tells of itself: the charge in each status, and a revision of what can be seen."""

from typing import Any

import pytest

from darkroom.domain import events, job_events
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.references import S3Object
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Client, finished

ASSET = Asset(bucket="assets", key="0.png", content_type="image/png", size=9, sha256="ab" * 32)
SOURCE = S3Object(bucket="inbox", key="scan/a.png", version_id="v1")


def job(**changes: Any) -> Job:
    return Job.model_validate(dict(World().accepted()) | changes)


@pytest.mark.parametrize(
    ("facts", "charged"),
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
def test_what_is_known_of_the_money_in_each_status(facts: dict[str, Any], charged: Charged) -> None:
    assert job(**facts).charge is charged


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
def test_a_revision_changes_with_what_can_be_seen(change: dict[str, Any]) -> None:
    assert job(**change).revision != job().revision


@pytest.mark.parametrize(
    "change",
    [{"published_at": START}, {"submit_token": "t"}, {"submit_attempts": 2}, {"expires_at": 1}],
)
def test_a_revision_stays_with_what_only_we_see(change: dict[str, Any]) -> None:
    assert job(**change).revision == job().revision


def test_a_revision_is_the_same_wherever_the_record_comes_from() -> None:
    kept = job(assets=(ASSET,), source=SOURCE, detail="Ö")

    assert Job.model_validate_json(kept.model_dump_json()).revision == kept.revision
    assert kept.revision.isalnum()


def test_every_event_of_an_upload_names_it_and_of_others_none() -> None:
    upload = job(source=SOURCE, preset="scan@3", status=Status.FAILED)

    told = [job_events.submitted(upload, "p"), job_events.completed(upload, "assets")]

    place = events.S3Location(bucket="inbox", key="scan/a.png", version_id="v1")
    assert [event.source for event in [*told, job_events.failed(upload)]] == [place] * 3
    assert job_events.failed(job(status=Status.FAILED)).source is None


def test_a_completed_job_can_be_handed_on_by_its_uris() -> None:
    assert job_events.completed(job(assets=(ASSET,)), "assets").uris == ("s3://assets/0.png",)


def test_a_job_has_the_very_event_that_told_of_it_last_and_a_list_none() -> None:
    ada = Client()
    job_id = ada.accepted(TEXT_TO_IMAGE).job_id
    assert ada.get(f"{V1_JOBS}/{job_id}").json["event"] is None

    finished(ada.world, job_id)

    told = ada.get(f"{V1_JOBS}/{job_id}").json["event"]
    (event,) = ada.world.events.named("JobCompleted")
    assert told == {"detail_type": "JobCompleted", "detail": event.model_dump(mode="json")}
    (listed,) = ada.get(V1_JOBS).json["jobs"]
    assert listed["event"] is None


def test_a_failed_job_has_the_event_of_its_failure() -> None:
    ada = Client()
    job_id = ada.accepted(TEXT_TO_IMAGE).job_id
    ada.world.end_job().fail(job_id, Code.REJECTED)

    told = ada.get(f"{V1_JOBS}/{job_id}").json["event"]
    (event,) = ada.world.events.named("JobFailed")
    assert told == {"detail_type": "JobFailed", "detail": event.model_dump(mode="json")}
