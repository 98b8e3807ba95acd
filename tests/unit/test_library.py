"""Labels and links of jobs over HTTP, and the filters that find them."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom.api import studio
from darkroom.domain.audit import Act
from darkroom.domain.job import Job, Status
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import STAGE, Client, Response, capture_logs, complete_job
from tests.unit.test_http_lists import list_job_ids


def label(client: Client, job: Job, **labels: object) -> Response:
    return client.patch(f"/v1/jobs/{job.job_id}", labels)


def completed(client: Client) -> Job:
    job = client.accept_job()
    complete_job(client.world, job.job_id)
    return client.world.job(job.job_id)


def share(client: Client, job: Job, hours: int = 24) -> str:
    """Create a link and return it."""
    response = client.post(f"/v1/jobs/{job.job_id}/share", {"expires_in_hours": hours})
    assert response.status == 201, response.text
    url: str = response.json["url"]
    return url


def open_link(client: Client, url: str) -> Response:
    """Open a link as a browser without a key."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    event = client.event("GET", parts.path.removeprefix(STAGE), query=query)
    del event["requestContext"]["authorizer"]
    return client.resolve(event)


def test_labels_are_stored_in_one_form_and_change_the_etag() -> None:
    ada = Client()
    job = ada.accept_job()
    etag = ada.get(f"/v1/jobs/{job.job_id}").headers["ETag"]

    first = label(ada, job, favorite=True, tags=[" Blue  Kites", "a", "BLUE kites"])
    second = label(ada, job, favorite=False)
    third = label(ada, job, tags=[])

    assert (first.status, first.json["favorite"]) == (200, True)
    assert first.json["tags"] == second.json["tags"] == ["a", "blue kites"]
    assert (second.json["favorite"], third.json["tags"]) == (False, [])
    assert len({etag, first.headers["ETag"], second.headers["ETag"]}) == 3


@pytest.mark.parametrize(
    ("labels", "field"),
    [
        ({}, ""),
        ({"favorite": "yes"}, "favorite"),
        ({"tags": ["a,b"]}, "tags.0"),
        ({"tags": ["a", " "]}, "tags.1"),
        ({"tags": ["x" * 41]}, "tags.0"),
        ({"tags": [str(number) for number in range(21)]}, "tags"),
        ({"tags": ["a\u202eb"]}, "tags.0"),
        ({"color": "red"}, "color"),
    ],
)
def test_invalid_labels_are_refused(labels: dict[str, object], field: str) -> None:
    ada = Client()
    job = ada.accept_job()

    response = label(ada, job, **labels)

    assert (response.status, response.fields) == (400, [field])


def test_labels_need_the_owner_or_an_admin_and_a_role_that_submits() -> None:
    ada = Client()
    job = completed(ada)

    assert label(ada.as_("bob"), job, favorite=True).status == 404
    assert label(ada.as_("ada", "read"), job, favorite=True).status == 403
    assert label(ada.as_("root", "admin"), job, favorite=True).status == 200
    for client, status in ((ada.as_("bob"), 404), (ada.as_("ada", "read"), 403)):
        path = f"/v1/jobs/{job.job_id}/share"
        assert client.post(path, {"expires_in_hours": 1}).status == status
        assert client.delete(path).status == status


def test_list_is_filtered_by_labels_model_and_key() -> None:
    ada = Client()
    kite = ada.accept_job()
    ada.world.clock.advance(1)
    model = Client(ada.world, key_id="ffffffffffff").accept_job(
        {"model": "any/model", "input": {"text": "x"}}
    )
    label(ada, kite, favorite=True, tags=["Sky"])

    assert list_job_ids(ada, tag="SKY") == [kite.job_id]
    assert list_job_ids(ada, tag="sk") == []
    assert list_job_ids(ada, favorite="true") == [kite.job_id]
    assert list_job_ids(ada, favorite="false") == [model.job_id]
    assert list_job_ids(ada, model="any/model") == [model.job_id]
    assert list_job_ids(ada, key="ffffffffffff") == [model.job_id]
    assert list_job_ids(ada, tag="sky", model="any/model") == []


def test_list_is_filtered_by_preset_of_any_or_of_one_version() -> None:
    ada = Client()
    job = ada.accept_job()
    ada.world.jobs.update(job.job_id, when=list(Status), preset="scan@3")
    ada.accept_job()

    assert list_job_ids(ada, preset="scan") == list_job_ids(ada, preset="scan@3") == [job.job_id]
    assert list_job_ids(ada, preset="scan@2") == list_job_ids(ada, preset="sca") == []


def test_list_is_filtered_by_days_and_reads_no_record_outside_of_them() -> None:
    ada = Client()
    days = []
    jobs = []
    for _ in range(4):
        jobs.append(ada.accept_job().job_id)
        days.append(ada.world.clock().date().isoformat())
        ada.world.clock.advance(86_400)

    assert list_job_ids(ada, since=days[1], until=days[2]) == [jobs[2], jobs[1]]
    assert list_job_ids(ada, since=days[1], until=days[2], limit=1) == [jobs[2], jobs[1]]
    assert list_job_ids(ada, until=days[0]) == [jobs[0]]
    assert list_job_ids(ada, since=days[3]) == [jobs[3]]
    assert list_job_ids(ada, since=days[2], until=days[1]) == []


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"}, {"until": "2026-02-30"}, {"since": "2026-W01-1"},
        {"favorite": "yes"}, {"tag": ""}, {"model": "x" * 201},
    ],
)  # fmt: skip
def test_invalid_filter_is_refused(query: dict[str, str]) -> None:
    response = Client().send("GET", "/v1/jobs", query=query)

    assert (response.status, response.fields) == (400, list(query))


def test_link_shows_the_outputs_without_a_key_and_not_the_prompt() -> None:
    ada = Client()
    job = completed(ada)

    url = share(ada, job)
    page = open_link(ada, url)

    assert url.startswith(f"https://{ada.event('GET', '/')['headers']['Host']}{STAGE}/share/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    (image,) = re.findall(r'<img src="([^"]+)"', page.text)
    assert job.assets[0].key in image
    host = f"https://{urlsplit(image).netloc}"
    policy = dict(
        rule.split(" ", 1) for rule in page.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["img-src"] == policy["media-src"] == f"'self' {host}"
    assert (policy["default-src"], policy["style-src"]) == ("'none'", "'self'")
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert page.headers["Cache-Control"] == "no-store"
    assert f'href="{STAGE}/studio/{studio.files_revision()}/share.css"' in page.text
    assert str(TEXT_TO_IMAGE["prompt"]) not in page.text
    assert "lighthouse" not in page.text  # nor in the name of the saved file
    assert ada.get(f"/v1/jobs/{job.job_id}").json["shared_until"] is not None


def test_link_ends_when_it_expires() -> None:
    ada = Client()
    url = share(ada, completed(ada), hours=1)

    ada.world.clock.advance(3599)
    assert open_link(ada, url).status == 200
    ada.world.clock.advance(1)
    closed = open_link(ada, url)

    assert (closed.status, "<img" in closed.text) == (404, False)


@pytest.mark.parametrize("end", ["withdraw", "replace", "erase", "hide"])
def test_link_ends_when_it_is_withdrawn_replaced_or_the_job_deleted(end: str) -> None:
    ada = Client()
    job = completed(ada)
    url = share(ada, job)

    match end:
        case "withdraw":
            assert ada.delete(f"/v1/jobs/{job.job_id}/share").json["shared_until"] is None
        case "replace":
            assert open_link(ada, share(ada, job)).status == 200
        case "erase":
            ada.delete(f"/v1/jobs/{job.job_id}/data")
        case "hide":
            ada.delete(f"/api/v3/predictions/{job.job_id}")

    assert open_link(ada, url).status == 404


def test_wrong_tokens_open_nothing() -> None:
    ada = Client()
    shared, other = completed(ada), ada.accept_job()
    url = share(ada, shared)

    for wrong in (
        url[:-1], url.partition("?")[0], url.replace(shared.job_id, other.job_id),
        url.replace(shared.job_id, "x"), f"{url.partition('=')[0]}=%ED%A0%80é",
    ):  # fmt: skip
        assert open_link(ada, wrong).status == 404


def test_id_with_other_characters_is_a_problem() -> None:
    response = Client().get("/share/\x02", token="x")

    assert (response.status, response.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("hours", [0, 169, "1", None, 1.5])
def test_invalid_duration_is_refused(hours: object) -> None:
    ada = Client()
    job = completed(ada)

    response = ada.post(f"/v1/jobs/{job.job_id}/share", {"expires_in_hours": hours})

    assert (response.status, response.fields) == (400, ["expires_in_hours"])


def test_job_without_outputs_cannot_be_shared() -> None:
    ada = Client()
    queued, erased = ada.accept_job(), completed(ada)
    ada.delete(f"/v1/jobs/{erased.job_id}/data")

    hours = {"expires_in_hours": 1}
    assert ada.post(f"/v1/jobs/{queued.job_id}/share", hours).status == 409
    assert ada.post(f"/v1/jobs/{erased.job_id}/share", hours).status == 404
    assert label(ada, erased, favorite=True).status == 404


def test_erasure_removes_tags_and_the_link() -> None:
    ada = Client()
    job = completed(ada)
    label(ada, job, tags=["walrus"])
    share(ada, job)

    ada.delete(f"/v1/jobs/{job.job_id}/data")

    stored = ada.world.job(job.job_id)
    assert (stored.tags, stored.shared_until, stored.share_digest) == ((), None, None)
    assert list_job_ids(ada, tag="walrus") == []


def test_token_is_neither_stored_nor_logged_nor_audited() -> None:
    ada = Client()
    job = completed(ada)
    ada.world.audit.entries.clear()

    with capture_logs() as logs:
        url = share(ada, job)
        open_link(ada, url)
        ada.delete(f"/v1/jobs/{job.job_id}/share")
        ada.delete(f"/v1/jobs/{job.job_id}/share")

    token = url.partition("token=")[2]
    assert len(token) >= 43
    entries = ada.world.audit.entries
    assert [entry.act for entry in entries] == [Act.JOB_SHARED, Act.JOB_UNSHARED]
    for text in (logs.getvalue(), str(entries), str(ada.world.jobs.records)):
        assert token not in text
