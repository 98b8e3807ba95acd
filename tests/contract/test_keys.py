"""Contract of the port Keys: in memory and over DynamoDB (moto)."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.jobs import BudgetTable, JobTable
from darkroom.adapters.dynamodb.keys import KeyTable, RequestCountTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.job import Status
from darkroom.domain.keys import Creator, Key, Revocation
from darkroom.domain.submit_queue import Priority, QueueShard, WaitingJobs
from darkroom.ports import Budgets, Keys, QueueChange, RequestCounter
from tests.contract.conftest import TABLE
from tests.contract.stores import dynamodb_stores, job
from tests.fakes.entry_points import InMemoryKeys, InMemoryRequestCounter
from tests.fakes.queue import InMemoryBudgets
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
    "fields",
    [
        {},
        {"days": 30},
        {"callback_url": "https://hooks.test/x?token=sesame"},
        {"models": ("a/b", "maker/*"), "source_cidrs": ("203.0.113.0/24",)},
        {"created_by": Creator(name="key:boss", key_id="0123456789ab")},
    ],
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

    store.touch(added, date(2026, 11, 21))
    store.touch(added, DAY)

    assert store.find(added.digest) == added.model_copy(update={"last_used": DAY})


@pytest.mark.parametrize("missing", ["name", "role", "created_at"])
def test_incomplete_item_is_no_key(dynamodb: DynamoDBClient, missing: str) -> None:
    """So a partial write cannot authorize a request."""
    added, table = key(), KeyTable(dynamodb, TABLE)
    table.add(added)
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": "KEYS"}, "sk": {"S": added.digest}},
        UpdateExpression="REMOVE #field",
        ExpressionAttributeNames={"#field": missing},
    )

    assert table.find(added.digest) is None
    assert table.all() == []


def test_touch_writes_no_item_that_is_a_key(dynamodb: DynamoDBClient) -> None:
    """The authorizer may write this item. It has no permission to write to KEYS."""
    never_added = key(days=30)

    KeyTable(dynamodb, TABLE).touch(never_added, DAY)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert item["pk"] == {"S": "KEY_USE"}
    assert item["expires_at"] == {"N": str(never_added.expires_at)}
    assert KeyTable(dynamodb, TABLE).find(never_added.digest) is None


def test_revoked_key_leaves_only_its_revocation(dynamodb: DynamoDBClient) -> None:
    added, table = key(), KeyTable(dynamodb, TABLE)
    table.add(added)
    table.touch(added, DAY)

    table.revoke(added, START)

    assert [item["pk"]["S"] for item in dynamodb.scan(TableName=TABLE)["Items"]] == ["QUEUE"]


def test_touch_does_not_restore_a_revoked_key(store: Keys) -> None:
    added = key()
    store.add(added)
    store.revoke(added, START)

    store.touch(added, DAY)

    assert store.find(added.digest) is None
    assert store.all() == []


def test_revoke_is_idempotent(store: Keys) -> None:
    revoked, other = key(), key()
    store.add(revoked)
    store.add(other)

    store.revoke(revoked, START)
    store.revoke(revoked, START)

    assert store.find(revoked.digest) is None
    assert store.all() == [other]
    assert store.revocations() == [
        Revocation(key_id=revoked.key_id, caller="key:ada", revoked_at=START)
    ]


def test_mark_swept_changes_one_revocation(store: Keys) -> None:
    first, second = key("ada"), key("bob")
    store.revoke(first, START)
    store.revoke(second, START)

    store.mark_swept(second.key_id, START)
    store.mark_swept("0" * 12, START)

    swept = {revocation.caller: revocation.swept_at for revocation in store.revocations()}
    assert swept == {"key:ada": None, "key:bob": START}


def test_submit_queue_returns_the_revoked_keys_with_its_shards(dynamodb: DynamoDBClient) -> None:
    stores, table = dynamodb_stores(dynamodb, TABLE), KeyTable(dynamodb, TABLE)
    queued = job(queue_position=1)
    stores.jobs.create(queued)
    entered = QueueShard().with_waiting(Priority.NORMAL, WaitingJobs().enter("key:ada", 1)[0])
    stores.jobs.transact("j", [QueueChange(QueueShard(), entered)], when=[Status.QUEUED], code=None)
    before = stores.queue.read_all()
    revoked = [key(name) for name in ("ada", "bob")]

    for each in revoked:
        table.revoke(each, START)

    assert stores.queue.read_all() == before._replace(
        revoked=frozenset(each.key_id for each in revoked)
    )
    assert before.shard(0).seconds == 1


def test_revocation_expires_after_the_longest_batch(dynamodb: DynamoDBClient) -> None:
    machine = Path(__file__).parents[2] / "infra" / "statemachines" / "batch.asl.yaml"
    longest = yaml.safe_load(machine.read_text())["TimeoutSeconds"]

    KeyTable(dynamodb, TABLE).revoke(key(), START)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert int(item["expires_at"]["N"]) > START.timestamp() + longest


def test_table_stores_the_digest_but_not_the_key(dynamodb: DynamoDBClient) -> None:
    creator = Creator(name="aws")
    token, added = keys.mint("ada", Role.ADMIN, now=START, days=1, created_by=creator)

    KeyTable(dynamodb, TABLE).add(added)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert (item["pk"], item["sk"]) == ({"S": "KEYS"}, {"S": keys.digest(token)})
    assert item.keys() == {
        "pk", "sk", "name", "role", "created_at", "expires_at", "created_by",
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


@pytest.fixture(params=["memory", "dynamodb"])
def counter(request: pytest.FixtureRequest) -> RequestCounter:
    if request.param == "memory":
        return InMemoryRequestCounter()
    return RequestCountTable(request.getfixturevalue("dynamodb"), TABLE)


def test_requests_are_counted_by_key_and_minute(counter: RequestCounter) -> None:
    calls = [("a", 1), ("a", 1), ("b", 1), ("a", 2), ("a", 1)]

    assert [counter.add(key_id, minute) for key_id, minute in calls] == [1, 2, 1, 1, 3]


def test_count_of_a_minute_expires_after_the_minute(dynamodb: DynamoDBClient) -> None:
    minute = int(START.timestamp()) // 60

    RequestCountTable(dynamodb, TABLE).add("a", minute)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert (minute + 1) * 60 < int(item["expires_at"]["N"]) <= (minute + 120) * 60


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> tuple[Keys, Budgets]:
    if request.param == "memory":
        budgets = InMemoryBudgets()
        return InMemoryKeys(budgets), budgets
    client = request.getfixturevalue("dynamodb")
    return KeyTable(client, TABLE), BudgetTable(client, TABLE)


def test_budget_belongs_to_the_caller_and_can_be_lifted(stores: tuple[Keys, Budgets]) -> None:
    keys_, budgets = stores
    keys_.add(key("ada"), 5)
    keys_.add(key("ada"))
    keys_.add(key("bob"), 0)
    keys_.add(key("eve"))

    assert budgets.caps() == {"key:ada": 5, "key:bob": 0}
    assert [budgets.cap(f"key:{name}") for name in ("ada", "bob", "eve")] == [5, 0, None]
    budgets.set_cap("key:ada", 7)
    budgets.set_cap("key:bob", None)
    budgets.set_cap("key:bob", None)
    assert budgets.caps() == {"key:ada": 7}
