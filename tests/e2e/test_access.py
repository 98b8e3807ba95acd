"""Nobody reads another caller's job, asset or upload: tested by trying."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from darkroom.adapters.key_table import KeyTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from local.waiting import until
from tests.e2e.desk import Desk, picture
from tests.e2e.shop import SMALL, Shop


class Theirs(NamedTuple):
    """What another caller has."""

    job: dict[str, Any]
    upload: dict[str, Any]


@pytest.fixture(scope="module")
def theirs(shop: Shop) -> Theirs:
    return Theirs(shop.done(prompt="A private picture"), shop.upload(picture()))


@pytest.fixture(scope="module")
def thief(desk: Desk) -> Iterator[Shop]:
    with desk.http(desk.key("thief")) as client:
        yield Shop(client)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs/{}"),
        ("GET", "/v1/jobs/{}?wait=1"),
        ("DELETE", "/v1/jobs/{}"),
        ("GET", "/api/v3/predictions/{}/result"),
        ("GET", "/api/v3/predictions/{}"),
    ],
)
def test_another_callers_job_is_not_there(
    thief: Shop, theirs: Theirs, method: str, path: str
) -> None:
    there = thief.client.request(method, path.format(theirs.job["job_id"]))
    nowhere = thief.client.request(method, path.format("a" * 26))

    assert there.status_code == nowhere.status_code == 404
    assert there.text == nowhere.text


def test_a_list_has_only_ones_own(thief: Shop, theirs: Theirs) -> None:
    mine = thief.accepted(prompt="My own")

    listed = thief.client.get("/v1/jobs").json()["jobs"]

    assert [job["job_id"] for job in listed] == [mine["job_id"]]
    assert thief.client.get("/v1/jobs", params={"caller": "key:shop"}).status_code == 403


def _references(theirs: Theirs) -> dict[str, str]:
    (asset,) = theirs.job["assets"]
    return {
        "an asset by its URI": f"s3://{asset['bucket']}/{asset['key']}",
        "an asset by its URL": asset["url"],
        "an upload by its id": theirs.upload["reference"],
        "an upload by its URI": theirs.upload["uri"],
        "a manifest": f"s3://{asset['bucket']}/jobs/{theirs.job['job_id']}/manifest.json",
    }


@pytest.mark.parametrize("what", [
    "an asset by its URI", "an asset by its URL", "an upload by its id", "an upload by its URI",
    "a manifest",
])  # fmt: skip
def test_another_callers_picture_cannot_be_edited(
    desk: Desk, thief: Shop, theirs: Theirs, what: str
) -> None:
    prompt = f"Stolen: {what}"

    answer = thief.ask(operation="edit", prompt=prompt, images=[_references(theirs)[what]])

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"] == "does not exist, or may not be read"
    assert desk.posts(prompt) == []


def test_the_inbox_is_out_of_reach_of_a_key(desk: Desk, thief: Shop) -> None:
    desk.drop("references/secret.png", picture())

    image = f"s3://{desk.stack.inbox_bucket}/references/secret.png"
    answer = thief.ask(operation="edit", prompt="x", images=[image])

    assert answer.status_code == 400


def test_a_read_key_of_the_same_name_sees_and_does_nothing_else(desk: Desk, theirs: Theirs) -> None:
    with desk.http(desk.key("shop", Role.READ)) as client:
        job = theirs.job["job_id"]
        assert client.get(f"/v1/jobs/{job}").status_code == 200
        refused = [
            client.post("/v1/jobs", json=SMALL | {"prompt": "x"}),
            client.delete(f"/v1/jobs/{job}"),
            client.post("/v1/uploads", json={"content_type": "image/png", "size": 1}),
            client.post("/api/v3/openai/gpt-image-2/text-to-image", json={"prompt": "x"}),
            client.post("/api/v3/media/uploads", json={"filename": "a.png", "size": 1}),
        ]

    assert {answer.status_code for answer in refused} == {403}


def test_an_admin_key_sees_everybodys(desk: Desk, theirs: Theirs) -> None:
    with desk.http(desk.key("boss", Role.ADMIN)) as client:
        assert client.get(f"/v1/jobs/{theirs.job['job_id']}").status_code == 200
        listed = client.get("/v1/jobs", params={"caller": "key:shop", "limit": 100}).json()

    assert theirs.job["job_id"] in [job["job_id"] for job in listed["jobs"]]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer dk_wrong", "Basic dk_wrong"])
def test_without_a_key_nothing_opens(desk: Desk, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = httpx.get(f"{desk.stack.api_url}/v1/jobs", headers=headers, trust_env=False)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:darkroom:problem:unauthorized"
    assert answer.json()["code"] == 401


def test_an_expired_key_opens_nothing_and_a_used_one_is_dated(desk: Desk) -> None:
    table = KeyTable(desk.stack.client("dynamodb"), desk.stack.table)
    token = desk.key("late", days=1)
    digest = keys.digest(token)
    with desk.http(token) as client:
        assert client.get("/v1/presets").status_code == 200
    used = table.find(digest)
    assert used is not None
    assert used.last_used == used.created_at.date()
    other = desk.key("later")
    past = table.find(keys.digest(other))
    assert past is not None
    table.add(past.model_copy(update={"expires_at": int(time.time()) - 1}))

    with desk.http(other) as client:
        assert client.get("/v1/presets").status_code == 401


def test_a_revoked_key_stops_within_the_authorizers_cache_time(desk: Desk) -> None:
    token = desk.key("short")
    with desk.http(token) as client:
        assert client.get("/v1/presets").status_code == 200
        KeyTable(desk.stack.client("dynamodb"), desk.stack.table).remove(keys.digest(token))
        until(
            lambda: client.get("/v1/presets").status_code == 401 or None,
            seconds=35,
            every=1,
            what="the end of a revoked key",
        )


def test_no_key_is_kept_as_it_is(desk: Desk) -> None:
    token = desk.key("kept")

    items = desk.stack.client("dynamodb").scan(TableName=desk.stack.table)["Items"]

    assert token not in str(items)
    assert keys.digest(token) in str(items)
