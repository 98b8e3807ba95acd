"""Reuse: an identical request gets the outputs of an earlier one, and is not charged."""

from collections.abc import Sequence
from typing import Any

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobCompleted
from darkroom.domain.job import Job, Status
from darkroom.domain.presets import parse
from darkroom.domain.reuse import CLAIM_GRACE
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Accepted, Refused
from tests.fakes.images import JPEG, PNG
from tests.fakes.provider import PREDICTION
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import Client, complete_job, submit_job

HOUR = 3600
KITE: dict[str, Any] = TEXT_TO_IMAGE | {"reuse_seconds": HOUR}
EDIT: dict[str, Any] = {"operation": "edit", "prompt": "Winter", "reuse_seconds": HOUR}


def complete(client: Client, job: Job) -> Job:
    """Run the job to its end, and return it."""
    complete_job(client.world, job.job_id)
    ended = client.world.job(job.job_id)
    for asset in ended.assets:
        client.world.references.objects[asset.bucket, asset.key] = [PNG]
        client.world.references.owners[asset.key] = job.caller
    return ended


def upload(client: Client, name: str, data: bytes = PNG) -> str:
    client.world.references.objects["assets", f"uploads/{name}"] = [data]
    client.world.references.owners[f"uploads/{name}"] = f"key:{client.name}"
    return f"upload:{name}"


def test_an_identical_request_completes_at_once_with_the_earlier_assets() -> None:
    client = Client()
    first = complete(client, client.accept_job(KITE))
    posts = len(client.world.provider.posts)

    response = client.post("/v1/jobs", KITE)

    (asset,) = response.json["assets"]
    assert asset["key"] == first.assets[0].key
    assert f"/thumbnails/{first.job_id}/0.webp" in asset["thumbnail_url"]
    second = client.world.job(response.json["job_id"])
    assert second.job_id != first.job_id
    assert (second.status, second.assets) == (Status.COMPLETED, first.assets)
    assert (second.reused_from, second.charge) == (first.job_id, Charged.NO)
    assert response.json["charged"] == "no"
    assert response.json["reused_from"] == first.job_id
    assert len(client.world.provider.posts) == posts
    assert second.job_id not in client.world.workflow.started
    assert [e.job_id for e in client.world.events.published if isinstance(e, JobCompleted)] == [
        first.job_id, second.job_id
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "Another lighthouse"},
        {"quality": "high"},
        {"reuse_seconds": 0},
        {"reuse_seconds": None},
    ],
)
def test_another_request_or_no_window_is_a_new_prediction(change: dict[str, Any]) -> None:
    client = Client()
    complete(client, client.accept_job(KITE))

    assert client.accept_job(KITE | change).reused_from is None


def test_another_caller_gets_a_new_prediction() -> None:
    client = Client()
    complete(client, client.accept_job(KITE))

    assert client.as_("bob").accept_job(KITE).reused_from is None


def test_a_job_outside_the_window_is_not_reused() -> None:
    client = Client()
    first = complete(client, client.accept_job(KITE))
    client.world.clock.advance(HOUR + 1)

    assert client.accept_job(KITE).reused_from is None
    assert first.job_id != client.accept_job(KITE).reused_from is not None


def test_references_with_equal_bytes_are_equal() -> None:
    client = Client()
    first = complete(client, client.accept_job(EDIT | {"images": [upload(client, "a.png")]}))

    same = client.accept_job(EDIT | {"images": [upload(client, "b.png")]})
    other = client.accept_job(EDIT | {"images": [upload(client, "c.jpg", JPEG)]})

    assert (same.reused_from, other.reused_from) == (first.job_id, None)


@pytest.mark.parametrize(("ignores_query", "is_reused"), [(False, False), (True, True)])
def test_urls_are_compared_without_query_on_request(ignores_query: bool, is_reused: bool) -> None:
    client = Client()
    body = EDIT | {"reuse_ignores_query": ignores_query}
    url = "https://images.example.com/a.png"
    complete(client, client.accept_job(body | {"images": [f"{url}?sig=1"]}))

    second = client.accept_job(body | {"images": [f"{url}?sig=2"]})

    assert (second.reused_from is not None) == is_reused


def test_two_requests_at_once_share_one_prediction() -> None:
    client = Client()
    first, second = client.accept_job(KITE), client.accept_job(KITE)
    world = client.world
    assert second.reused_from == first.job_id

    waiting = submit_job(world, second.job_id)
    assert waiting.outcome is Outcome.DEFERRED
    complete(client, first)
    done = world.app.submit_job.run(waiting)

    assert done.outcome is Outcome.STORED
    assert world.job(second.job_id).assets == world.job(first.job_id).assets
    assert len(world.provider.posts) == 1


def test_a_job_is_submitted_if_the_job_that_it_shares_fails() -> None:
    client = Client()
    world = client.world
    first, second = client.accept_job(KITE), client.accept_job(KITE)
    world.provider.submissions = [Refused(Code.MODERATED, "no")]
    failed = submit_job(world, first.job_id)
    assert failed.code is not None
    world.app.end_job.fail(first.job_id, failed.code)
    world.provider.submissions = [Accepted(PREDICTION)]

    complete(client, second)

    job = world.job(second.job_id)
    assert (job.status, job.reused_from, job.charge) == (Status.COMPLETED, None, Charged.YES)


def test_a_failed_canceled_or_deleted_job_is_not_reused() -> None:
    client = Client()
    failed = client.accept_job(KITE)
    client.world.app.end_job.fail(failed.job_id, Code.MODERATED)
    stored = complete(client, client.accept_job(KITE))
    assert stored.reused_from is None
    del client.world.references.objects["assets", stored.assets[0].key]

    assert client.accept_job(KITE).reused_from is None


def test_a_reused_job_fits_into_an_exhausted_budget() -> None:
    client = Client(daily_budget=70_000)
    complete(client, client.accept_job(KITE))
    assert client.post("/v1/jobs", TEXT_TO_IMAGE).status == 402

    assert client.post("/v1/jobs", KITE).status == 202


def test_a_job_without_a_reservation_is_not_submitted_if_its_origin_is_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Client(daily_budget=70_000)
    world = client.world
    first = complete(client, client.accept_job(KITE))
    posts, create = len(world.provider.posts), world.jobs.create

    def create_while_the_origin_is_erased(job: Job, caps: Sequence[int] = ()) -> bool:
        created = create(job, caps)
        assert client.delete(f"/v1/jobs/{first.job_id}/data").status == 200
        return created

    monkeypatch.setattr(world.jobs, "create", create_while_the_origin_is_erased)
    second = client.accept_job(KITE)

    world.app.submit_job.run(Step(job_id=second.job_id))
    assert (second.status, second.charge) == (Status.COMPLETED, Charged.NO)
    assert second.job_id not in world.workflow.started
    assert len(world.provider.posts) == posts


def test_reservations_of_a_job_that_shared_a_prediction_are_released() -> None:
    client = Client(daily_budget=1_000_000)
    first, second = client.accept_job(KITE), client.accept_job(KITE)
    budgets, day = client.world.jobs.budgets, client.world.clock().date()
    assert budgets.reserved(day, first.caller).micro_usd == 120_000

    complete(client, first)
    client.world.app.submit_job.run(Step(job_id=second.job_id))

    assert budgets.reserved(day, first.caller).micro_usd == 60_000


def test_a_crash_between_the_claim_and_the_job_delays_but_does_not_block() -> None:
    client = Client()
    world = client.world
    request = client.accept_job(KITE)
    world.jobs.records.pop(request.job_id)  # as if the function had crashed before the record

    second = client.accept_job(KITE)
    assert second.reused_from == request.job_id
    assert submit_job(world, second.job_id).outcome is Outcome.DEFERRED
    world.clock.advance(CLAIM_GRACE.total_seconds() + 1)

    assert complete(client, second).status is Status.COMPLETED
    assert world.job(second.job_id).reused_from is None


def test_statistics_show_what_was_saved() -> None:
    client = Client()
    first = complete(client, client.accept_job(KITE))
    second = client.accept_job(KITE)
    for job in (first, second):
        client.world.app.record_stats.run(job.job_id)

    (day,) = client.get("/v1/stats").json["days"]

    assert (day["completed"], day["reused"]) == (2, 1)
    assert (day["spent_micro_usd"], day["saved_micro_usd"]) == (60_000, 60_000)


def test_a_preset_reuses_the_same_bytes_under_any_key() -> None:
    world = World()
    text = b'{"version": 1, "presets": {"winter": {"prompt": "Snow", "reuse_seconds": 3600}}}'
    world.presets.current = parse(text)

    def put(name: str) -> Job:
        job = world.app.upload_job.run(world.inbox.put(f"winter/{name}", PNG), event_id=name)
        assert job is not None
        return job

    first = put("a.png")

    assert put("b.png").reused_from == first.job_id


@pytest.mark.parametrize("value", [-1, 10**9, 1.5, "an hour"])
def test_an_invalid_window_is_refused(value: object) -> None:
    response = Client().post("/v1/jobs", TEXT_TO_IMAGE | {"reuse_seconds": value})

    assert (response.status, response.fields) == (400, ["reuse_seconds"])


def test_erasing_a_reused_job_keeps_the_files_of_the_earlier_job() -> None:
    client = Client()
    first = complete(client, client.accept_job(KITE))
    second = client.accept_job(KITE)

    assert client.delete(f"/v1/jobs/{second.job_id}/data").status == 200

    assert first.assets[0].key in client.world.assets.files
    assert client.world.job(first.job_id).assets == first.assets


def test_an_erased_job_is_not_reused() -> None:
    client = Client()
    first = complete(client, client.accept_job(KITE))
    client.delete(f"/v1/jobs/{first.job_id}/data")

    assert client.accept_job(KITE).reused_from is None


def test_a_chain_whose_first_job_is_reused_reserves_its_further_steps() -> None:
    client = Client(daily_budget=100_000)
    complete(client, client.accept_job(KITE))
    chain = KITE | {"then": [{"prompt": "Winter"}]}

    assert client.post("/v1/jobs", chain).status == 402


def test_a_key_has_a_default_for_its_requests_and_batches() -> None:
    admin = Client(name="root", role="admin")
    body = {"name": "ada", "unlimited": True, "reuse_seconds": HOUR}
    token = admin.post("/v1/keys", body).json["key"]
    key = admin.world.app.authorize.run(f"Bearer {token}", "203.0.113.7")
    assert key is not None
    client = Client(admin.world, reuse_seconds=key.reuse_seconds or 0)
    first = complete(client, client.accept_job(TEXT_TO_IMAGE))

    assert client.accept_job(TEXT_TO_IMAGE).reused_from == first.job_id
    assert client.accept_job(TEXT_TO_IMAGE | {"reuse_seconds": 0}).reused_from is None
