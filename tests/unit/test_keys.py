"""API keys: shown once and kept as a digest, and what an Authorization header opens."""

import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from darkroom.bootstrap import entry_points
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key
from darkroom.handlers import authorizer
from tests.fakes.entry_points import InMemoryKeys
from tests.fakes.signals import START, StoppedClock
from tests.fakes.world import World
from tests.unit.http import CONTEXT, logged

ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/GET/v1/jobs/x"


def minted(world: World, **about: Any) -> str:
    """A key of the world's, as its owner has it."""
    token, key = keys.mint("ada", Role.SUBMIT, now=START, **about)
    world.keys.add(key)
    return token


def test_a_key_has_200_random_bits_behind_its_prefix() -> None:
    tokens = {keys.mint("ada", Role.SUBMIT, now=START)[0] for _ in range(20)}

    assert len(tokens) == 20
    assert all(re.fullmatch(r"dk_[a-z2-7]{40}", token) for token in tokens)


def test_what_is_kept_of_a_key_is_its_sha_256_and_no_part_of_it() -> None:
    token, key = keys.mint("ada", Role.READ, now=START, days=30, daily_budget_micro_usd=5)

    assert key.digest == hashlib.sha256(token.encode()).hexdigest()
    assert key.key_id == key.digest[:12]
    assert token.removeprefix("dk_")[:8] not in key.model_dump_json()
    assert (key.name, key.role, key.created_at, key.last_used) == ("ada", Role.READ, START, None)
    assert key.expires_at == int((START + timedelta(days=30)).timestamp())
    assert key.daily_budget_micro_usd == 5


def test_a_key_without_an_end_or_a_budget_has_none() -> None:
    _, key = keys.mint("ada", Role.SUBMIT, now=START)

    assert (key.expires_at, key.daily_budget_micro_usd) == (None, None)
    assert key.is_valid(START + timedelta(days=36_500))


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "ü", "a:b", "x" * 41, "ada\n", "a/b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        keys.mint(name, Role.SUBMIT, now=START)


def test_a_budget_below_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        keys.mint("ada", Role.SUBMIT, now=START, daily_budget_micro_usd=-1)


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_a_key_opens_the_door_for_its_owner(header: str) -> None:
    world = World()
    token = minted(world)

    found = world.authorize()(header.format(token))

    assert found is not None
    assert (found.name, found.role) == ("ada", Role.SUBMIT)


@pytest.mark.parametrize(
    "header",
    ["{}", "Basic {}", "Bearer", "Bearer ", "Bearer{}", "Bearer {}x", "Bearer x{}", "Token {}", ""],
)
def test_anything_but_a_bearers_key_opens_nothing(header: str) -> None:
    world = World()

    assert world.authorize()(header.format(minted(world))) is None


def test_a_digest_is_no_key() -> None:
    world = World()
    digest = keys.digest(minted(world))

    assert world.authorize()(f"Bearer {digest}") is None
    assert world.authorize()(f"Bearer dk_{digest}") is None


@given(st.text() | st.text().map("Bearer dk_{}".format))
def test_no_text_opens_a_door_by_chance(header: str) -> None:
    world = World()
    minted(world)

    assert world.authorize()(header) is None


def test_a_revoked_key_opens_nothing() -> None:
    world = World()
    token = minted(world)
    world.keys.remove(keys.digest(token))

    assert world.authorize()(f"Bearer {token}") is None


@pytest.mark.parametrize(
    ("after", "is_valid"), [(timedelta(days=30, seconds=-1), True), (timedelta(days=30), False)]
)
def test_a_key_opens_nothing_from_the_second_on_at_which_it_expires(
    after: timedelta, is_valid: bool
) -> None:
    world = World()
    token = minted(world, days=30)
    world.clock.time += after

    assert (world.authorize()(f"Bearer {token}") is not None) is is_valid


class CountedKeys(InMemoryKeys):
    """The table, with the writes of last-used days."""

    def __init__(self) -> None:
        super().__init__()
        self.days: list[date] = []

    def touch(self, digest: str, day: date) -> None:
        super().touch(digest, day)
        self.days.append(day)


def test_the_last_used_day_is_written_once_a_day_in_utc() -> None:
    counted = CountedKeys()
    world = World(clock=StoppedClock(datetime(2026, 11, 22, 23, 59, tzinfo=UTC)), keys=counted)
    header = f"Bearer {minted(world)}"
    for _ in range(3):
        world.authorize()(header)
    world.clock.advance(60)
    for _ in range(3):
        world.authorize()(header)

    assert counted.days == [date(2026, 11, 22), date(2026, 11, 23)]
    assert [key.last_used for key in counted.all()] == [date(2026, 11, 23)]


def test_a_key_that_opens_nothing_is_not_used() -> None:
    counted = CountedKeys()
    world = World(keys=counted)
    expired = minted(world, days=1)
    world.clock.advance(86_400)
    for token in (expired, "dk_unknown"):
        world.authorize()(f"Bearer {token}")

    assert counted.days == []


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployment whose authorizer is called as API Gateway calls it."""
    found = World()
    monkeypatch.setattr(entry_points, "authorize", found.authorize)
    return found


def called(headers: dict[str, str] | None) -> dict[str, Any]:
    event = {"type": "REQUEST", "methodArn": ARN, "headers": headers, "requestContext": {}}
    return authorizer.handler(event, CONTEXT)


def effect(answer: dict[str, Any]) -> tuple[str, str]:
    [statement] = answer["policyDocument"]["Statement"]
    return statement["Effect"], statement["Resource"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_policy_is_for_the_whole_stage_since_api_gateway_keeps_it(
    world: World, name: str
) -> None:
    token = minted(world, daily_budget_micro_usd=5_000_000)

    answer = called({name: f"Bearer {token}"})

    stage = "arn:aws:execute-api:eu-central-1:123456789012:abc123/prod/*"
    assert effect(answer) == ("Allow", stage)
    assert answer["principalId"] == keys.digest(token)[:12]
    assert answer["context"] == {
        "name": "ada", "role": "submit", "daily_budget_micro_usd": "5000000",
    }  # fmt: skip


@pytest.mark.parametrize(("budget", "told"), [(None, ""), (0, "0")])
def test_no_budget_and_a_budget_of_nothing_are_two_things(
    world: World, budget: int | None, told: str
) -> None:
    token = minted(world, daily_budget_micro_usd=budget)

    answer = called({"Authorization": f"Bearer {token}"})

    assert answer["context"]["daily_budget_micro_usd"] == told


@pytest.mark.parametrize("headers", [None, {}, {"Authorization": "Bearer dk_sesame"}])
def test_who_has_no_key_is_denied_in_the_form_that_a_policy_has(
    world: World, headers: dict[str, str] | None
) -> None:
    answer = called(headers)

    assert effect(answer)[0] == "Deny"
    assert all(isinstance(value, str) for value in answer["context"].values())


def test_no_key_is_logged_neither_a_good_one_nor_a_bad_one(world: World) -> None:
    token = minted(world)

    with logged() as stream:
        called({"Authorization": f"Bearer {token}"})
        called({"Authorization": "Bearer dk_sesame"})

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "key refused"
    ]
    assert "dk_" not in stream.getvalue()


@pytest.mark.parametrize("role", Role)
def test_the_stored_form_of_a_key_is_read_back_as_it_was(role: Role) -> None:
    _, key = keys.mint("a.b_C-1", role, now=START, days=1, daily_budget_micro_usd=0)

    assert Key.model_validate_json(key.model_dump_json()) == key
