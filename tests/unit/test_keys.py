"""API keys: stored as a digest, and authorization by the Authorization header."""

import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from darkroom.domain import keys
from darkroom.domain.audit import Act
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key
from darkroom.handlers import authorizer
from tests.fakes.entry_points import InMemoryKeys
from tests.fakes.signals import START, StoppedClock
from tests.fakes.world import World
from tests.unit.http import CONTEXT, capture_logs

SOURCE_IP = "203.0.113.7"
ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/GET/v1/jobs/x"


def add_key(world: World, **options: Any) -> str:
    """Add a key to the world and return its token."""
    token, key = keys.mint("ada", Role.SUBMIT, now=START, **options)
    world.keys.add(key)
    return token


def test_key_has_200_random_bits_after_its_prefix() -> None:
    tokens = {keys.mint("ada", Role.SUBMIT, now=START)[0] for _ in range(20)}

    assert len(tokens) == 20
    assert all(re.fullmatch(r"dk_[a-z2-7]{40}", token) for token in tokens)


def test_stored_key_contains_only_the_sha_256_digest() -> None:
    token, key = keys.mint("ada", Role.READ, now=START, days=30)

    assert key.digest == hashlib.sha256(token.encode()).hexdigest()
    assert key.key_id == key.digest[:12]
    assert token.removeprefix("dk_")[:8] not in key.model_dump_json()
    assert (key.name, key.role, key.created_at, key.last_used) == ("ada", Role.READ, START, None)
    assert key.expires_at == int((START + timedelta(days=30)).timestamp())
    assert key.created_by is None


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "ü", "a:b", "x" * 41, "ada\n", "a/b"])
def test_invalid_key_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        keys.mint(name, Role.SUBMIT, now=START)


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_bearer_key_authorizes_its_owner(header: str) -> None:
    world = World()
    token = add_key(world)

    caller = world.app.authorize.run(header.format(token), SOURCE_IP)

    assert caller is not None
    assert (caller.name, caller.role) == ("ada", Role.SUBMIT)


@pytest.mark.parametrize(
    "header",
    ["{}", "Basic {}", "Bearer", "Bearer ", "Bearer{}", "Bearer {}x", "Bearer x{}", "Token {}", ""],
)
def test_other_authorization_headers_are_refused(header: str) -> None:
    world = World()

    assert world.app.authorize.run(header.format(add_key(world)), SOURCE_IP) is None


@given(st.text() | st.text().map("Bearer dk_{}".format))
def test_random_header_is_refused(header: str) -> None:
    world = World()
    add_key(world)

    assert world.app.authorize.run(header, SOURCE_IP) is None


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "malformed"), ("Basic {}", "malformed"), ("Bearer secret", "malformed"),
        ("Bearer {}x", "unknown"), ("Bearer {}", "expired"),
    ],
)  # fmt: skip
def test_refused_key_is_counted_with_its_reason(header: str, reason: str) -> None:
    world = World()
    token = add_key(world, days=1)
    world.clock.advance(86_400)

    assert world.app.authorize.run(header.format(token), SOURCE_IP) is None

    counted = [(record.name, record.dimensions) for record in world.metrics.recorded]
    assert counted == [("KeysRefused", {}), ("KeysRefusedByReason", {"reason": reason})]


@pytest.mark.parametrize("days", [None, 1])
def test_refused_key_is_in_the_audit_log(days: int | None) -> None:
    """A random guess has no name; an expired key has that of its caller."""
    world = World()
    token = add_key(world, days=1) if days else "dk_guess"
    world.clock.advance(86_400)

    world.app.authorize.run(f"Bearer {token}", SOURCE_IP)
    world.app.authorize.run("Bearer of bad news", SOURCE_IP)

    (entry,) = world.audit.entries
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert (entry.act, entry.object, entry.source_ip) == (Act.KEY_REFUSED, digest[:12], SOURCE_IP)
    assert (entry.name, entry.value) == (("ada", "expired") if days else (None, "unknown"))
    assert token not in entry.model_dump_json()


def test_key_of_another_address_is_refused_with_its_reason() -> None:
    world = World()
    token = add_key(world, source_cidrs=["198.51.100.0/24"])

    assert world.app.authorize.run(f"Bearer {token}", SOURCE_IP) is None

    assert world.metrics.recorded[-1].dimensions == {"reason": "source"}
    assert (world.audit.entries[0].value, world.audit.entries[0].name) == ("source", "ada")


def test_accepted_key_is_not_counted() -> None:
    world = World()

    world.app.authorize.run(f"Bearer {add_key(world)}", SOURCE_IP)

    assert world.metrics.recorded == []
    assert world.audit.entries == []


@pytest.mark.parametrize(
    ("after", "is_valid"), [(timedelta(days=30, seconds=-1), True), (timedelta(days=30), False)]
)
def test_key_is_refused_from_its_expiry_second_on(after: timedelta, is_valid: bool) -> None:
    world = World()
    token = add_key(world, days=30)
    world.clock.time += after

    assert (world.app.authorize.run(f"Bearer {token}", SOURCE_IP) is not None) is is_valid


class CountingKeys(InMemoryKeys):
    """Keys that record the writes of last-used days."""

    def __init__(self) -> None:
        super().__init__()
        self.days: list[date] = []

    def touch(self, key: Key, day: date) -> None:
        super().touch(key, day)
        self.days.append(day)


def test_last_used_day_is_written_once_per_utc_day() -> None:
    counting_keys = CountingKeys()
    world = World(clock=StoppedClock(datetime(2026, 11, 22, 23, 59, tzinfo=UTC)))
    world.keys = counting_keys
    header = f"Bearer {add_key(world)}"
    for _ in range(3):
        world.app.authorize.run(header, SOURCE_IP)
    world.clock.advance(60)
    for _ in range(3):
        world.app.authorize.run(header, SOURCE_IP)

    assert counting_keys.days == [date(2026, 11, 22), date(2026, 11, 23)]
    assert [key.last_used for key in counting_keys.all()] == [date(2026, 11, 23)]


def test_refused_key_has_no_last_used_day() -> None:
    counting_keys = CountingKeys()
    world = World()
    world.keys = counting_keys
    expired = add_key(world, days=1)
    world.clock.advance(86_400)
    for token in (expired, "dk_unknown"):
        world.app.authorize.run(f"Bearer {token}", SOURCE_IP)

    assert counting_keys.days == []


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose authorizer handler is called as API Gateway calls it."""
    world = World()
    monkeypatch.setattr(authorizer, "app", lambda: world.app)
    return world


def call_authorizer(headers: dict[str, str] | None, source_ip: str = SOURCE_IP) -> dict[str, Any]:
    context = {"identity": {"sourceIp": source_ip}}
    event = {"type": "REQUEST", "methodArn": ARN, "headers": headers, "requestContext": context}
    return authorizer.handler(event, CONTEXT)


def effect(policy: dict[str, Any]) -> tuple[str, str]:
    [statement] = policy["policyDocument"]["Statement"]
    return statement["Effect"], statement["Resource"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_policy_covers_the_whole_stage_because_api_gateway_caches_it(
    world: World, name: str
) -> None:
    token = add_key(world, models=("openai/gpt-image-2/edit", "maker/*"))

    policy = call_authorizer({name: f"Bearer {token}"})

    stage = "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/*"
    assert effect(policy) == ("Allow", stage)
    assert policy["principalId"] == keys.digest(token)[:12]
    assert policy["context"] == {
        "name": "ada", "role": "submit", "models": "openai/gpt-image-2/edit maker/*",
        "callback_url": "",
        "reuse_seconds": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("networks", "source_ip", "is_accepted"),
    [
        ((), "198.51.100.1", True),
        (("203.0.113.0/24",), "203.0.113.255", True),
        (("203.0.113.0/24",), "203.0.114.0", False),
        (("203.0.113.7/32", "2001:db8::/32"), "2001:db8:1::1", True),
        (("203.0.113.7/32", "2001:db8::/32"), "2001:db9::1", False),
        (("2001:db8::/32",), "203.0.113.7", False),
        (("0.0.0.0/0",), "test-invoke-source-ip", False),
        ((), "test-invoke-source-ip", True),
    ],
)
def test_key_works_only_from_its_networks(
    world: World, networks: tuple[str, ...], source_ip: str, is_accepted: bool
) -> None:
    token = add_key(world, source_cidrs=networks)

    policy = call_authorizer({"Authorization": f"Bearer {token}"}, source_ip)

    assert effect(policy)[0] == ("Allow" if is_accepted else "Deny")
    assert [key.last_used for key in world.keys.all()] == [START.date() if is_accepted else None]


@pytest.mark.parametrize("headers", [None, {}, {"Authorization": "Bearer dk_sesame"}])
def test_request_without_a_key_gets_a_deny_policy(
    world: World, headers: dict[str, str] | None
) -> None:
    policy = call_authorizer(headers)

    assert effect(policy)[0] == "Deny"
    assert all(isinstance(value, str) for value in policy["context"].values())


def test_keys_are_not_logged(world: World) -> None:
    token = add_key(world)

    with capture_logs() as stream:
        call_authorizer({"Authorization": f"Bearer {token}"})
        call_authorizer({"Authorization": "Bearer dk_sesame"})

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "key refused"
    ]
    assert "dk_" not in stream.getvalue()
