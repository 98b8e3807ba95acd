"""Contract of the port Keys: in memory and over DynamoDB (moto)."""

from datetime import date
from typing import Any

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key
from darkroom.ports import Keys
from tests.contract.conftest import TABLE
from tests.fakes.entry_points import InMemoryKeys
from tests.fakes.signals import START

DAY = date(2026, 11, 22)


def key(name: str = "ada", **fields: Any) -> Key:
    return keys.mint(name, Role.SUBMIT, now=START, **fields)[1]


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Keys:
    if request.param == "memory":
        return InMemoryKeys()
    return KeyTable(request.getfixturevalue("dynamodb"), TABLE)


@pytest.mark.parametrize(
    "fields", [{}, {"days": 30}, {"daily_budget_micro_usd": 0}, {"daily_budget_micro_usd": 10**12}]
)
def test_key_is_read_back_unchanged(store: Keys, fields: dict[str, Any]) -> None:
    added = key(**fields)

    store.add(added)

    assert store.find(added.digest) == added
    assert store.all() == [added]


def test_key_is_found_by_its_complete_digest_only(store: Keys) -> None:
    ada, bob = key("ada"), key("bob")
    store.add(ada)
    store.add(bob)

    assert store.find(bob.digest) == bob
    assert store.find(ada.digest[:12]) is None
    assert store.find("0" * 64) is None


def test_touch_changes_last_used_only(store: Keys) -> None:
    added = key(days=30)
    store.add(added)

    store.touch(added.digest, date(2026, 11, 21))
    store.touch(added.digest, DAY)

    assert store.find(added.digest) == added.model_copy(update={"last_used": DAY})


def test_touch_does_not_restore_a_revoked_key(store: Keys) -> None:
    added = key()
    store.add(added)
    store.remove(added.digest)

    store.touch(added.digest, DAY)

    assert store.find(added.digest) is None
    assert store.all() == []


def test_remove_is_idempotent(store: Keys) -> None:
    removed, other = key(), key()
    store.add(removed)
    store.add(other)

    store.remove(removed.digest)
    store.remove(removed.digest)

    assert store.find(removed.digest) is None
    assert store.all() == [other]


def test_table_stores_the_digest_but_not_the_key(dynamodb: DynamoDBClient) -> None:
    token, added = keys.mint("ada", Role.ADMIN, now=START, days=1, daily_budget_micro_usd=7)

    KeyTable(dynamodb, TABLE).add(added)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert (item["pk"], item["sk"]) == ({"S": "KEYS"}, {"S": keys.digest(token)})
    assert item.keys() == {
        "pk", "sk", "name", "role", "created_at", "expires_at", "daily_budget_micro_usd",
    }  # fmt: skip
    assert token.removeprefix("dk_") not in str(item)
    # A number, because the table deletes the key by its time to live.
    assert item["expires_at"] == {"N": str(added.expires_at)}


def test_all_returns_60_large_keys(dynamodb: DynamoDBClient) -> None:
    table = KeyTable(dynamodb, TABLE)
    large_keys = [key("x" * 40) for _ in range(60)]
    for stored in large_keys:
        table.add(stored)

    assert {stored.digest for stored in table.all()} == {stored.digest for stored in large_keys}


def test_job_table_does_not_return_keys(dynamodb: DynamoDBClient) -> None:
    added = key()
    KeyTable(dynamodb, TABLE).add(added)

    assert JobTable(dynamodb, TABLE).get(added.digest) is None
