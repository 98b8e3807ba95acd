"""The HTTP door on the deployed stack: asked for, waited for, listed, canceled, refused."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from darkroom.domain.identity import job_id
from tests.e2e.desk import Desk, picture, sha256
from tests.e2e.shop import SMALL, Shop


def test_a_posted_job_becomes_a_picture_behind_a_presigned_url(desk: Desk, shop: Shop) -> None:
    answer = shop.ask(prompt="A tin robot")

    assert answer.status_code == 202
    assert int(answer.headers["retry-after"]) >= 1
    location = answer.url.join(answer.headers["location"])
    job = shop.until(answer.json()["job_id"])
    assert shop.client.get(location).json()["job_id"] == job["job_id"]
    assert (job["status"], job["charged"], job["caller"]) == ("completed", "yes", "key:shop")
    (asset,) = job["assets"]
    data = httpx.get(asset["url"], trust_env=False).content
    assert (len(data), sha256(data)) == (asset["size"], asset["sha256"])
    assert desk.outcome_of_job(job["job_id"])["detail-type"] == "JobCompleted"


def test_a_get_with_wait_is_held_until_the_job_changes(shop: Shop) -> None:
    job = shop.accepted(prompt="A slow boat [[fault submit.http status=429 retry_after=4]]")
    start = time.monotonic()

    answer = shop.client.get(f"/v1/jobs/{job['job_id']}", params={"wait": 25})

    assert answer.json() != job
    assert time.monotonic() - start < 25


def test_what_is_known_is_not_sent_again(shop: Shop) -> None:
    job = shop.done(prompt="A known picture")
    answer = shop.client.get(f"/v1/jobs/{job['job_id']}")

    again = shop.client.get(
        f"/v1/jobs/{job['job_id']}", headers={"If-None-Match": answer.headers["etag"]}
    )

    assert (again.status_code, again.text) == (304, "")
    assert again.headers["etag"] == answer.headers["etag"]


def test_twenty_identical_posts_at_once_are_one_job_and_one_charge(desk: Desk, shop: Shop) -> None:
    once = {"Idempotency-Key": "twenty"}

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: shop.ask(prompt="Twenty times one", headers=once), range(20))
        )

    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["job_id"] for answer in answers} == {job_id("key:shop", "twenty")}
    done = shop.until(job_id("key:shop", "twenty"))
    assert done["status"] == "completed"
    assert len(desk.posts("Twenty times one")) == 1
    assert desk.charges(done["prediction_id"]) == 1


def test_the_same_key_with_another_request_is_a_conflict(desk: Desk, shop: Shop) -> None:
    once = {"Idempotency-Key": "conflict"}
    shop.accepted(prompt="First at the API", headers=once)

    answer = shop.ask(prompt="Second at the API", headers=once)

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:darkroom:problem:conflict"
    assert desk.posts("Second at the API") == []


def test_pages_go_from_the_newest_to_the_oldest_and_survive_inserts(shop: Shop) -> None:
    asked = [shop.accepted(prompt=f"Page {n}")["job_id"] for n in range(5)]
    first = shop.client.get("/v1/jobs", params={"limit": 2}).json()
    shop.accepted(prompt="Inserted meanwhile")

    rest = shop.client.get("/v1/jobs", params={"limit": 3, "cursor": first["cursor"]}).json()

    listed = [job["job_id"] for job in first["jobs"] + rest["jobs"]]
    assert listed == asked[::-1]


def test_a_job_that_waits_is_canceled_for_free(desk: Desk, shop: Shop) -> None:
    job = shop.accepted(
        prompt="Not yet sent [[fault submit.http status=429 retry_after=8 times=0]]"
    )
    time_out = time.monotonic() + 30
    while not desk.posts("Not yet sent") or shop.get(job["job_id"])["status"] != "queued":
        assert time.monotonic() < time_out

    answer = shop.client.delete(f"/v1/jobs/{job['job_id']}")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["charged"]) == ("failed", "no")
    assert answer.json()["failure"]["code"] == "canceled"
    assert desk.outcome_of_job(job["job_id"])["detail"]["charged"] == "no"
    assert shop.client.delete(f"/v1/jobs/{job['job_id']}").status_code == 200


def test_a_job_that_was_sent_is_filed_as_canceled_when_its_picture_comes(
    desk: Desk, shop: Shop
) -> None:
    job = shop.until(shop.accepted(prompt="Too late to stop")["job_id"], "submitted")

    answer = shop.client.delete(f"/v1/jobs/{job['job_id']}")

    assert answer.status_code == 202
    assert (answer.json()["charged"], bool(answer.json()["canceled_at"])) == ("yes", True)
    event = desk.outcome_of_job(job["job_id"])
    assert (event["detail-type"], event["detail"]["code"]) == ("JobFailed", "canceled")
    assert desk.body(event["detail"]["assets"][0])
    ended = shop.get(job["job_id"])
    assert (ended["status"], ended["failure"]["code"]) == ("failed", "canceled")
    assert [asset["key"] for asset in ended["assets"]] == [
        asset["key"] for asset in event["detail"]["assets"]
    ]


@pytest.mark.parametrize("form", ["reference", "uri"])
def test_an_upload_can_be_edited(desk: Desk, shop: Shop, form: str) -> None:
    ticket = shop.upload(picture())

    job = shop.done(operation="edit", prompt="Bluer", images=[ticket[form]])

    assert job["status"] == "completed", job
    assert job["references"] == [ticket["uri"]]


def test_an_output_can_be_edited_by_its_presigned_url(shop: Shop) -> None:
    (asset,) = shop.done(prompt="A yellow door")["assets"]

    job = shop.done(operation="edit", prompt="A green one", images=[asset["url"]])

    assert job["status"] == "completed", job
    assert job["references"] == [f"s3://{asset['bucket']}/{asset['key']}"]


def test_a_ticket_takes_only_what_was_announced_and_only_once(shop: Shop) -> None:
    data = picture()
    body = {"content_type": "image/png", "size": len(data)}
    ticket = shop.client.post("/v1/uploads", json=body).json()

    def put(content: bytes, **headers: str) -> int:
        sent = ticket["headers"] | {name.replace("_", "-"): v for name, v in headers.items()}
        return httpx.put(ticket["url"], content=content, headers=sent, trust_env=False).status_code

    assert put(data + b"!") == 403
    assert put(data, Content_Type="text/html") == 403
    assert put(data, x_amz_meta_darkroom_caller="key:else") == 403
    assert put(data) == 200
    assert put(data) == 412


def test_an_estimate_starts_nothing(desk: Desk, shop: Shop) -> None:
    asked = SMALL | {"prompt": "Only the price", "quality": "high"}

    answer = shop.client.post("/v1/estimates", json=asked)

    assert answer.json()["estimated_cost_micro_usd"] == 220_000
    assert desk.posts("Only the price") == []


WORDS = "None of these is sent"
BAD = {
    "quality": (SMALL | {"prompt": WORDS, "quality": "ultra"}, "quality"),
    "no prompt": (SMALL, "prompt"),
    "long prompt": (SMALL | {"prompt": WORDS * 2_000}, "prompt"),
    "no image": (
        SMALL | {"operation": "edit", "prompt": WORDS, "images": ["s3://nobody/a.png"]},
        "images.0",
    ),
    "a list": ([WORDS], ""),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_problem_that_names_the_field(desk: Desk, shop: Shop, name: str) -> None:
    body, field = BAD[name]

    answer = shop.client.post("/v1/jobs", json=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problems = {each["field"]: each for each in answer.json()["errors"]}
    assert problems[field]["message"]
    assert problems[field]["allowed"]
    assert desk.posts(WORDS) == []


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{" + b" " * 5_000_001 + b"}", "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 400),
        (b'{"prompt": "\xff"}', "application/json", 400),
    ],
)
def test_a_body_that_cannot_be_taken_says_why(
    shop: Shop, content: bytes, content_type: str, status: int
) -> None:
    answer = shop.client.post("/v1/jobs", content=content, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_too_many_requests_a_second_are_a_problem_with_retry_after(desk: Desk, shop: Shop) -> None:
    gateway = desk.stack.client("apigateway")
    api_id = desk.stack.api_url.split("/")[-2]
    before = gateway.get_stage(restApiId=api_id, stageName="live")["methodSettings"]["*/*"]

    def limit(rate: float, burst: int) -> None:
        named = {"rateLimit": rate, "burstLimit": burst}
        gateway.update_stage(
            restApiId=api_id,
            stageName="live",
            patchOperations=[
                {"op": "replace", "path": f"/*/*/throttling/{name}", "value": str(value)}
                for name, value in named.items()
            ],
        )

    assert (before["throttlingRateLimit"], before["throttlingBurstLimit"]) == (50, 100)
    limit(0.5, 1)
    try:
        answers = [shop.client.get("/v1/presets") for _ in range(3)]
    finally:
        limit(before["throttlingRateLimit"], before["throttlingBurstLimit"])

    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["type"] == "urn:darkroom:problem:too-many-requests"
