"""Access control: a caller cannot read jobs, assets or uploads of another caller."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from tests.e2e.api_client import SMALL, ApiClient
from tests.e2e.deployment import Deployment, png_image


class OtherCaller(NamedTuple):
    """A job and an upload of another caller."""

    job: dict[str, Any]
    upload: dict[str, Any]


@pytest.fixture(scope="module")
def other_caller(api_client: ApiClient) -> OtherCaller:
    return OtherCaller(
        api_client.run_job(prompt="A private picture"), api_client.upload(png_image())
    )


@pytest.fixture(scope="module")
def attacker(deployment: Deployment) -> Iterator[ApiClient]:
    with deployment.http_client(deployment.create_key("thief")) as client:
        yield ApiClient(client)


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
def test_job_of_another_caller_returns_404(
    attacker: ApiClient, other_caller: OtherCaller, method: str, path: str
) -> None:
    foreign = attacker.client.request(method, path.format(other_caller.job["job_id"]))
    missing = attacker.client.request(method, path.format("a" * 26))

    assert foreign.status_code == missing.status_code == 404
    assert foreign.text == missing.text


def _references(other_caller: OtherCaller) -> dict[str, str]:
    (asset,) = other_caller.job["assets"]
    return {
        "an asset by its URI": f"s3://{asset['bucket']}/{asset['key']}",
        "an asset by its URL": asset["url"],
        "an upload by its id": other_caller.upload["reference"],
        "an upload by its URI": other_caller.upload["uri"],
        "a manifest": f"s3://{asset['bucket']}/jobs/{other_caller.job['job_id']}/manifest.json",
    }


@pytest.mark.parametrize("reference", [
    "an asset by its URI", "an asset by its URL", "an upload by its id", "an upload by its URI",
    "a manifest",
])  # fmt: skip
def test_image_of_another_caller_cannot_be_edited(
    deployment: Deployment, attacker: ApiClient, other_caller: OtherCaller, reference: str
) -> None:
    prompt = f"Stolen: {reference}"

    response = attacker.post_job(
        operation="edit", prompt=prompt, images=[_references(other_caller)[reference]]
    )

    assert response.status_code == 400
    message = "Reference image 1 does not exist, or this caller may not read it."
    assert response.json()["errors"][0]["message"] == message
    assert deployment.submits_with(prompt) == []


def test_key_cannot_reference_inbox_objects(deployment: Deployment, attacker: ApiClient) -> None:
    deployment.put_to_inbox("references/secret.png", png_image())

    image = f"s3://{deployment.stack.inbox_bucket}/references/secret.png"
    response = attacker.post_job(operation="edit", prompt="x", images=[image])

    assert response.status_code == 400


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer dk_wrong", "Basic dk_wrong"])
def test_missing_or_invalid_key_returns_401(deployment: Deployment, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    response = httpx.get(f"{deployment.stack.api_url}/v1/jobs", headers=headers, trust_env=False)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["type"] == "urn:darkroom:problem:unauthorized"
    assert response.json()["code"] == 401


def test_admin_key_manages_keys_over_the_api(deployment: Deployment) -> None:
    fields = {
        "name": "managed",
        "expires_in_days": 1,
        "daily_budget_usd": 0.015,
        "models": ["openai/gpt-image-2/*"],
        "source_cidrs": ["203.0.113.0/24"],
    }
    inside, outside = ({"X-Forwarded-For": a} for a in ("203.0.113.9", "198.51.100.1"))
    with deployment.http_client(deployment.create_key("boss", Role.ADMIN)) as admin:
        created = admin.post("/v1/keys", json=fields)
        assert created.status_code == 201
        with deployment.http_client(created.json()["key"]) as client:
            # Each address has its own cached authorization.
            assert client.get("/v1/me", headers=outside).status_code == 401
            assert client.get("/v1/me", headers=inside).json()["left_micro_usd"] == 15_000
            assert client.get("/v1/me", headers=outside).status_code == 401
            assert client.get("/v1/keys", headers=inside).status_code == 403
            other = {"model": "maker/other", "input": {}}
            assert client.post("/v1/jobs", json=other, headers=inside).status_code == 403
            statuses = [
                client.post("/v1/jobs", json=SMALL | {"prompt": "x"}, headers=inside).status_code
                for _ in range(2)
            ]
        key_id = created.json()["id"]
        changed = admin.patch(f"/v1/keys/{key_id}", json={"unlimited": True}).json()
        listed = {key["id"]: key for key in admin.get("/v1/keys").json()["keys"]}
        revoked = admin.delete(f"/v1/keys/{key_id}")
        remaining = {key["id"] for key in admin.get("/v1/keys").json()["keys"]}

    assert statuses == [202, 402]
    assert changed["daily_budget_usd"] is None
    assert listed[key_id]["created_by"]["name"] == "key:boss"
    assert listed[key_id]["last_used"] == listed[key_id]["created_at"][:10]
    assert (revoked.status_code, key_id in remaining) == (200, False)


@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_expired_or_revoked_key_returns_401(deployment: Deployment, state: str) -> None:
    """API Gateway caches an authorization for some seconds, so the key is not used before."""
    table = KeyTable(deployment.stack.client("dynamodb"), deployment.stack.table)
    token = deployment.create_key(state)
    key = table.find(keys.digest(token))
    assert key is not None
    if state == "revoked":
        table.revoke(key, key.created_at)
    else:
        table.add(key.model_copy(update={"expires_at": int(time.time()) - 1}))

    with deployment.http_client(token) as client:
        assert client.get("/v1/presets").status_code == 401
