"""The port Keys: in memory and over DynamoDB (moto), one suite."""

from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.key_table import KeyTable
from darkroom.adapters.table import JobTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key
from darkroom.ports import Keys
from tests.contract.conftest import TABLE
from tests.fakes.entry_points import InMemoryKeys
from tests.fakes.signals import START

DAY = date(2026, 11, 22)


def key(name: str = "ada", **about: Any) -> Key:
    return keys.mint(name, Role.SUBMIT, now=START, **about)[1]


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Keys:
    if request.param == "memory":
        return InMemoryKeys()
    return KeyTable(request.getfixturevalue("dynamodb"), TABLE)


@pytest.mark.parametrize(
    "about", [{}, {"days": 30}, {"daily_budget_micro_usd": 0}, {"daily_budget_micro_usd": 10**12}]
)
def test_a_key_comes_back_as_it_was(store: Keys, about: dict[str, Any]) -> None:
    added = key(**about)

    store.add(added)

    assert store.find(added.digest) == added
    assert store.all() == [added]


def test_a_key_is_found_by_its_digest_alone(store: Keys) -> None:
    ada, bob = key("ada"), key("bob")
    store.add(ada)
    store.add(bob)

    assert store.find(bob.digest) == bob
    assert store.find(ada.digest[:12]) is None
    assert store.find("0" * 64) is None


def test_two_keys_may_have_one_name(store: Keys) -> None:
    first, second = key(), key()
    store.add(first)
    store.add(second)

    assert sorted(store.all(), key=lambda each: each.digest) == sorted(
        [first, second], key=lambda each: each.digest
    )


def test_a_day_of_use_is_noted_over_an_older_one_and_nothing_else_changes(store: Keys) -> None:
    added = key(days=30)
    store.add(added)

    store.touch(added.digest, date(2026, 11, 21))
    store.touch(added.digest, DAY)

    assert store.find(added.digest) == added.model_copy(update={"last_used": DAY})


def test_a_key_that_was_revoked_meanwhile_does_not_come_back_by_its_use(store: Keys) -> None:
    added = key()
    store.add(added)
    store.remove(added.digest)

    store.touch(added.digest, DAY)

    assert store.find(added.digest) is None
    assert store.all() == []


def test_a_key_is_forgotten_at_once_and_once_more_does_no_harm(store: Keys) -> None:
    gone, stays = key(), key()
    store.add(gone)
    store.add(stays)

    store.remove(gone.digest)
    store.remove(gone.digest)

    assert store.find(gone.digest) is None
    assert store.all() == [stays]


def test_without_keys_there_are_none(store: Keys) -> None:
    assert store.all() == []


def test_the_table_holds_the_digest_and_no_part_of_the_key(dynamodb: DynamoDBClient) -> None:
    token, added = keys.mint("ada", Role.ADMIN, now=START, days=1, daily_budget_micro_usd=7)

    KeyTable(dynamodb, TABLE).add(added)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert (item["pk"], item["sk"]) == ({"S": "KEYS"}, {"S": keys.digest(token)})
    assert item.keys() == {
        "pk", "sk", "name", "role", "created_at", "expires_at", "daily_budget_micro_usd",
    }  # fmt: skip
    assert token.removeprefix("dk_") not in str(item)
    # A number: the table's time to live forgets the key by it.
    assert item["expires_at"] == {"N": str(added.expires_at)}


def test_a_list_of_many_keys_has_them_all(dynamodb: DynamoDBClient) -> None:
    table = KeyTable(dynamodb, TABLE)
    fat = [key("x" * 40) for _ in range(60)]
    for each in fat:
        table.add(each)

    assert {each.digest for each in table.all()} == {each.digest for each in fat}


def test_keys_and_jobs_do_not_see_each_other_in_one_table(dynamodb: DynamoDBClient) -> None:
    added = key()
    KeyTable(dynamodb, TABLE).add(added)

    assert JobTable(dynamodb, TABLE).get(added.digest) is None


def test_another_error_of_the_table_is_a_crash(dynamodb: DynamoDBClient) -> None:
    table = KeyTable(dynamodb, "no-such-table")

    with pytest.raises(ClientError, match="ResourceNotFound"):
        table.find("0" * 64)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        table.touch("0" * 64, DAY)
