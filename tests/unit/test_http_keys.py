"""/v1/keys: admins create, list, change and revoke API keys."""

import json
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain import keys
from darkroom.domain.callers import Role
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.batches import upload_rows
from tests.unit.http import V1_JOBS, Client, Response, error_message

KEYS = "/v1/keys"
SHOP = {"name": "shop", "expires_in_days": 30, "daily_budget_usd": 0.1}
SOURCE_IP = "203.0.113.7"
OTHER: dict[str, Any] = {"model": "maker/other", "input": {"prompt": "x"}}


@pytest.fixture
def admin() -> Client:
    return Client(name="boss", role="admin")


def create(admin: Client, **fields: Any) -> Any:
    response = admin.post(KEYS, SHOP | fields)
    assert response.status == 201, response.text
    return response.json


def change(admin: Client, key_id: str, body: dict[str, object]) -> Response:
    return admin.send("PATCH", f"{KEYS}/{key_id}", body=json.dumps(body))


def test_new_key_is_shown_once_and_authorizes(admin: Client) -> None:
    created = create(
        admin, role="read", models=["maker/*"], source_cidrs=["203.0.113.0/24"],
        callback_url="https://hooks.shop.test/x?token=sesame",
    )  # fmt: skip

    token = created.pop("key")
    key = admin.world.app.authorize.run(f"Bearer {token}", SOURCE_IP)
    assert key is not None
    assert created == {
        "id": keys.digest(token)[:12],
        "name": "shop",
        "role": "read",
        "created_at": "2026-11-22T12:00:00Z",
        "created_by": {"name": "key:boss", "key_id": admin.key_id},
        "expires_at": "2026-12-22T12:00:00Z",
        "daily_budget_usd": 0.1,
        "used_today_usd": 0.0,
        "models": ["maker/*"],
        "source_cidrs": ["203.0.113.0/24"],
        "callback_host": "hooks.shop.test",
        "last_used": None,
    }
    [listed] = admin.get(KEYS).json["keys"]
    assert listed == created | {"last_used": "2026-11-22"}
    assert token not in admin.get(KEYS).text
    assert "sesame" not in admin.get(KEYS).text


@pytest.mark.parametrize("role", ["submit", "read"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", KEYS), ("GET", KEYS), ("DELETE", f"{KEYS}/x"), ("PATCH", f"{KEYS}/x")],
)
def test_only_admins_manage_keys(role: str, method: str, path: str) -> None:
    client = Client(role=role)

    response = client.send(method, path, body="{}")

    assert response.status == 403
    assert "Only a key with the role admin" in response.json["detail"]
    assert client.world.keys.all() == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"expires_in_days": None, "daily_budget_usd": None},
         ["expires_in_days", "daily_budget_usd"]),
        ({"expires_in_days": None}, ["expires_in_days"]),
        ({"daily_budget_usd": None, "unlimited": False}, ["daily_budget_usd"]),
        ({"name": "two words"}, ["name"]),
        ({"name": None}, ["name"]),
        ({"role": "root"}, ["role"]),
        ({"expires_in_days": 0}, ["expires_in_days"]),
        ({"daily_budget_usd": -1}, ["daily_budget_usd"]),
        ({"daily_budget_usd": "5"}, ["daily_budget_usd"]),
        ({"unlimited": "yes"}, ["unlimited"]),
        ({"models": ["*"]}, ["models.0"]),
        ({"models": ["maker/a", "maker/*/b"]}, ["models.1"]),
        ({"models": ["maker/a b"]}, ["models.0"]),
        ({"source_cidrs": ["10.0.0.1/8"]}, ["source_cidrs.0"]),
        ({"source_cidrs": ["example.com"]}, ["source_cidrs.0"]),
        ({"callback_url": "https://10.0.0.1/"}, ["callback_url"]),
        ({"callback_url": "http://localhost/"}, ["callback_url"]),
        ({"budget": 5}, ["budget"]),
    ],
)  # fmt: skip
def test_invalid_field_is_named_and_nothing_is_stored(
    admin: Client, changes: dict[str, object], fields: list[str]
) -> None:
    response = admin.post(KEYS, SHOP | changes)

    assert (response.status, response.fields) == (400, fields)
    assert all(error["message"] and error["allowed"] for error in response.json["errors"])
    assert admin.world.keys.all() == []
    assert admin.world.jobs.budgets.caps() == {}


def test_unlimited_key_has_no_expiry_and_no_budget(admin: Client) -> None:
    created = admin.post(KEYS, {"name": "shop", "unlimited": True}).json

    assert (created["expires_at"], created["daily_budget_usd"]) == (None, None)
    assert created["role"] == "submit"


def test_second_key_without_a_budget_does_not_lift_the_cap(admin: Client) -> None:
    create(admin)

    second = create(admin, daily_budget_usd=None, unlimited=True)

    assert second["daily_budget_usd"] == 0.1
    shop = admin.as_("shop")
    shop.accept_job()
    assert shop.post(V1_JOBS, TEXT_TO_IMAGE).status == 402


def test_budget_of_a_new_key_is_the_budget_of_all_keys_of_the_caller(admin: Client) -> None:
    create(admin)
    create(admin, daily_budget_usd=0.5)
    admin.as_("shop").accept_job()

    listed = admin.get(KEYS).json["keys"]

    assert [(key["daily_budget_usd"], key["used_today_usd"]) for key in listed] == [(0.5, 0.06)] * 2


def test_budget_of_a_caller_can_be_changed_and_lifted(admin: Client) -> None:
    key_id = create(admin)["id"]
    shop = admin.as_("shop")

    assert change(admin, key_id, {"daily_budget_usd": 0.01}).json["daily_budget_usd"] == 0.01
    assert shop.post(V1_JOBS, TEXT_TO_IMAGE).status == 402
    assert change(admin, key_id, {"unlimited": True}).json["daily_budget_usd"] is None
    assert shop.post(V1_JOBS, TEXT_TO_IMAGE).status == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"daily_budget_usd": 5, "unlimited": True}, 400),
        ({"role": "admin", "unlimited": True}, 400),
        ({"unlimited": True}, 404),
    ],
)
def test_invalid_change_leaves_the_budget(
    admin: Client, body: dict[str, object], status: int
) -> None:
    key_id = create(admin)["id"]

    response = change(admin, "0" * 12 if status == 404 else key_id, body)

    assert response.status == status
    assert admin.world.jobs.budgets.caps() == {"key:shop": 100_000}


def test_batch_uses_the_current_budget_of_its_caller() -> None:
    """Rows created after the change are held to the new budget."""
    world = World()
    shop = Client(world, name="shop", daily_budget=1_000_000)
    rows = [{"operation": "text-to-image", "prompt": f"p{n}"} for n in range(3)]
    batch = shop.post("/v1/batches", {"source": upload_rows(world, rows)}).json
    world.jobs.budgets.set_cap("key:shop", 60_000)

    for span in world.batch_files.chunks[batch["batch_id"]]:  # type: ignore[attr-defined]
        world.app.create_rows.run(batch["batch_id"], span)

    assert len(world.jobs.records) == 1


def test_revoked_key_is_refused_and_no_longer_listed(admin: Client) -> None:
    created = create(admin)

    response = admin.delete(f"{KEYS}/{created['id']}")

    assert (response.status, response.json) == (200, {"id": created["id"], "name": "shop"})
    assert admin.world.app.authorize.run(f"Bearer {created['key']}", SOURCE_IP) is None
    assert admin.get(KEYS).json["keys"] == []
    assert admin.world.app.ports.queue.read_all().revoked == {created["id"]}
    assert admin.delete(f"{KEYS}/{created['id']}").status == 404


def test_keys_of_earlier_versions_are_listed(admin: Client) -> None:
    _, key = keys.mint("old", Role.SUBMIT, now=START - timedelta(days=9))
    admin.world.keys.add(key.model_copy(update={"created_by": None}))
    create(admin)

    assert [(key["name"], key["created_by"]) for key in admin.get(KEYS).json["keys"]] == [
        ("old", None),
        ("shop", {"name": "key:boss", "key_id": admin.key_id}),
    ]
    assert keys.mint("x", Role.READ, now=START)[1].created_by is None


@pytest.mark.parametrize(
    ("models", "body", "is_allowed"),
    [
        ("", OTHER, True),
        ("maker/*", OTHER, True),
        ("maker/other", OTHER, True),
        ("maker/othe", OTHER, False),
        ("make/*", OTHER, False),
        ("maker/*", TEXT_TO_IMAGE, False),
        ("openai/gpt-image-2/*", TEXT_TO_IMAGE, True),
        ("openai/gpt-image-2/edit", TEXT_TO_IMAGE, False),
        (
            "openai/gpt-image-2/edit",
            {"model": "OPENAI/gpt-image-2/text-to-image", "input": {"prompt": "x"}},
            False,
        ),
    ],
)
def test_key_can_use_only_its_models(models: str, body: dict[str, Any], is_allowed: bool) -> None:
    client = Client(models=models)

    response = client.post(V1_JOBS, body)

    assert response.status == (202 if is_allowed else 403)
    assert is_allowed or models.replace(" ", ", ") in response.json["detail"]
    assert bool(client.world.jobs.records) is is_allowed


def test_other_models_are_refused_in_the_wavespeed_format() -> None:
    client = Client(models="openai/gpt-image-2/edit")

    message = error_message(
        client.post("/api/v3/openai/gpt-image-2/text-to-image", {"prompt": "x"}), 403
    )

    assert message == (
        "This API key cannot use the model openai/gpt-image-2/text-to-image. Its models are:"
        " openai/gpt-image-2/edit."
    )
    assert client.world.jobs.records == {}


@pytest.mark.parametrize("row", [OTHER, TEXT_TO_IMAGE | {"then": [OTHER]}])
@pytest.mark.parametrize("dry_run", [False, True])
def test_batch_with_a_row_of_another_model_is_refused(dry_run: bool, row: dict[str, Any]) -> None:
    """The rows are created without the key's models, so the plan checks every step of a row."""
    client = Client(models="openai/gpt-image-2/*")
    rows: list[dict[str, Any]] = [TEXT_TO_IMAGE, row]
    source = upload_rows(client.world, rows, owner="key:ada")

    response = client.post("/v1/batches", {"source": source, "dry_run": dry_run})

    assert response.status == 403
    assert response.json["detail"].startswith("Row 2: ")
    assert client.world.batches.records == {}


def test_requests_above_the_limit_of_a_key_get_429_until_the_next_minute() -> None:
    world = World(requests_per_minute=3)
    world.clock.advance(20)
    ada, other = Client(world), Client(world, key_id="ba9876543210")
    statuses = [ada.get("/v1/me").status for _ in range(3)]

    refused = ada.post(V1_JOBS, TEXT_TO_IMAGE)
    envelope = ada.get("/api/v3/balance")

    assert statuses == [200, 200, 200]
    assert (refused.status, refused.headers["Retry-After"]) == (429, "40")
    assert refused.json["type"] == "urn:darkroom:problem:too-many-requests"
    assert "3 requests" in refused.json["detail"]
    assert error_message(envelope, 429) == refused.json["detail"]
    assert envelope.headers["Retry-After"] == "40"
    assert world.jobs.records == {}
    assert other.get("/v1/me").status == 200, "another key of the caller has its own limit"
    world.clock.advance(40)
    assert ada.get("/v1/me").status == 200


def test_requests_without_a_key_and_without_a_limit_are_not_counted() -> None:
    world = World(requests_per_minute=1)
    event = Client(world).event("GET", "/")
    del event["requestContext"]["authorizer"]

    assert [Client(world).resolve(event).status for _ in range(2)] == [200, 200]
    assert world.request_counter.counts == {}
    unlimited = Client(World(requests_per_minute=0))
    assert [unlimited.get("/v1/me").status for _ in range(2)] == [200, 200]
    assert unlimited.world.request_counter.counts == {}


def test_crash_after_the_creation_names_the_list_of_keys(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(admin.world.jobs.budgets, "reserved", crash)

    response = admin.post(KEYS, SHOP)

    assert response.status == 500
    assert "Check GET /v1/keys" in response.json["detail"]
    assert len(admin.world.keys.all()) == 1


def test_authorization_that_was_cached_before_an_update_is_accepted() -> None:
    ada = Client()
    event = ada.event("POST", V1_JOBS, body=json.dumps(TEXT_TO_IMAGE))
    context = event["requestContext"]["authorizer"]
    event["requestContext"]["authorizer"] = {
        name: context[name] for name in ("principalId", "name", "role")
    }

    assert ada.resolve(event).status == 202
