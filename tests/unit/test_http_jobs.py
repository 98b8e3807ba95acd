"""Jobs over HTTP: create with an idempotency key, and read."""

import re

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.ports import Refused
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import DOCUMENT, STAGE, V1_JOBS, Client, complete_job, submit_job

KEY = {"Idempotency_Key": "order-4711"}
EDIT = {"operation": "edit", "prompt": "x", "images": ["https://a.test/b.png?signature=s"]}


def test_accepted_job_has_location_etag_and_retry_after() -> None:
    ada = Client()

    response = ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    payload = response.json
    assert response.status == 202
    assert response.headers["Location"] == f"{STAGE}{V1_JOBS}/{payload['job_id']}"
    assert re.fullmatch(r'"\w+"', response.headers["ETag"])
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["Cache-Control"] == "no-store"
    assert payload.keys() == DOCUMENT["components"]["schemas"]["JobView"]["properties"].keys()
    assert (payload["status"], payload["caller"], payload["idempotency_key"]) == (
        "queued", "key:ada", "order-4711",
    )  # fmt: skip
    assert (payload["charged"], payload["estimated_cost_micro_usd"]) == ("no", 60_000)
    assert ada.world.workflow.started == [payload["job_id"]]


def test_repeated_request_returns_the_same_job_in_any_status() -> None:
    ada = Client()
    first = ada.accept_job(**KEY)
    complete_job(ada.world, first.job_id)

    second = ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    assert (second.status, second.json["job_id"]) == (202, first.job_id)
    assert second.json["status"] == "completed"
    assert "Retry-After" not in second.headers
    assert len(ada.world.provider.posts) == 1


def test_same_idempotency_key_with_another_request_returns_409() -> None:
    ada = Client()
    first = ada.accept_job(**KEY)

    response = ada.post(V1_JOBS, TEXT_TO_IMAGE | {"prompt": "another"}, **KEY)

    assert (response.status, response.json["type"]) == (409, "urn:darkroom:problem:conflict")
    assert ada.world.workflow.started == [first.job_id]


def test_completed_job_has_presigned_asset_urls() -> None:
    ada = Client()
    job = ada.accept_job()
    complete_job(ada.world, job.job_id)

    payload = ada.get(f"{V1_JOBS}/{job.job_id}").json

    [asset] = payload["assets"]
    assert (payload["status"], payload["charged"], payload["failure"]) == ("completed", "yes", None)
    assert asset["key"] == f"jobs/{job.job_id}/0.png"
    assert "X-Amz-Expires=3600" in asset["url"]
    assert payload["timings"]["ended_at"] is not None


def test_failed_job_has_code_and_provider_detail() -> None:
    ada = Client()
    ada.world.provider.submissions = [Refused(Code.MODERATED, "flagged as sensitive")]
    job = ada.accept_job()
    step = submit_job(ada.world, job.job_id)
    ada.world.app.end_job.fail(job.job_id, step.code or Code.INTERNAL_ERROR)

    payload = ada.get(f"{V1_JOBS}/{job.job_id}").json

    assert payload["failure"]["code"] == "moderated"
    assert payload["failure"]["detail"] == "flagged as sensitive"
    assert payload["failure"]["retryable"] is False


def test_reference_urls_are_returned_without_their_query() -> None:
    ada = Client()
    job = ada.accept_job(EDIT)

    response = ada.get(f"{V1_JOBS}/{job.job_id}")

    assert response.json["references"] == ["https://a.test/b.png"]
    assert "signature" not in response.text


@pytest.mark.parametrize("prefix", ["", "W/"])
def test_matching_if_none_match_returns_304(prefix: str) -> None:
    ada = Client()
    path = f"{V1_JOBS}/{ada.accept_job().job_id}"
    etag = ada.get(path).headers["ETag"]

    response = ada.get(path, {"if-none-match": prefix + etag})

    assert (response.status, response.headers["ETag"], response.text) == (304, etag, "")
    headers = {"If-None-Match": f'"older", W/{etag}'}
    assert ada.get(path, headers).status == 304


def test_etag_changes_only_with_public_fields() -> None:
    ada = Client()
    job = ada.accept_job()
    path = f"{V1_JOBS}/{job.job_id}"
    etags = [ada.get(path).headers["ETag"]]
    submit_job(ada.world, job.job_id)
    etags.append(ada.get(path, {"If-None-Match": etags[0]}).headers["ETag"])
    ada.world.jobs.update(job.job_id, when=list(Status), published_at=START)
    etags.append(ada.get(path).headers["ETag"])

    assert etags[0] != etags[1] == etags[2]
