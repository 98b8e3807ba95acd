"""Which role may do what with which items of the table, as IAM would decide on AWS.

The emulator sends no `dynamodb:LeadingKeys`, so a condition on the partition never denies there.
"""

import inspect
from datetime import date
from typing import Any

import pytest

from darkroom.adapters.dynamodb import items
from darkroom.domain.stats import ImageKind
from tests.infra import iam
from tests.infra.template import ROOT, functions, properties, resources

# One letter per action on the items of a table.
ACTIONS = {
    "g": "GetItem",
    "b": "BatchGetItem",
    "q": "Query",
    "p": "PutItem",
    "u": "UpdateItem",
    "d": "DeleteItem",
    "c": "ConditionCheckItem",
    "w": "BatchWriteItem",
    "s": "Scan",
    "S": "PartiQLSelect",
    "I": "PartiQLInsert",
    "U": "PartiQLUpdate",
    "D": "PartiQLDelete",
}
# AWS may send no partition with these actions.
WITHOUT_PARTITION = {"Scan", "PartiQLSelect"}
INDEXES = [index["IndexName"] for index in properties("Table")["GlobalSecondaryIndexes"]]
DAY, ID = date(2026, 11, 22), "cmjb2hb7562g6nkk3rro3j6g5c"
# An example of each kind of key.
KEYS: dict[str, Any] = {
    "job_key": items.job_key(ID),
    "batch_key": items.batch_key(ID),
    "refusal_key": items.refusal_key(ID, 1),
    "claim_key": items.claim_key("e6832d4abffb4d79bfbca19783fca133"),
    "budget_key": items.budget_key(DAY, "key:shop"),
    "content_key": items.content_key("digest"),
    "queue_key": items.queue_key(),
    "provider_key": items.provider_key(),
    "revocation_key": items.revocation_key("0123456789ab"),
    "stats_key": items.stats_key(DAY, "key:shop"),
    "durations_key": items.durations_key(DAY, ImageKind("edit", "low", "1k")),
    "api_key": items.api_key("digest"),
    "key_use_key": items.key_use_key("digest"),
    "cap_key": items.cap_key("key:shop"),
    "request_count_key": items.request_count_key("0123456789ab", 29_900_000),
    "audit_key": items.audit_key(),
    "callback_secret_key": items.callback_secret_key("key:shop"),
}
PARTITIONS = {key["pk"]["S"].split("#")[0]: key["pk"]["S"] for key in KEYS.values()}
# A row per role, a column per partition: the letters of the allowed actions.
ACCESS = (ROOT / "tests/infra/table_access.txt").read_text()
COLUMNS, *ROWS = (line.split() for line in ACCESS.splitlines())
EXPECTED = {role: dict(zip(COLUMNS[1:], cells, strict=True)) for role, *cells in ROWS}
ROLES = [*functions(), *resources("AWS::Serverless::StateMachine")]
CREATE_JOBS = ("ApiFunction", "OnUploadFunction", "OnRequestFunction", "CreateRowsFunction")


def may(statements: tuple[iam.Statement, ...], action: str, *partitions: str) -> bool:
    """Return whether one request for the action may name items of all these partitions."""
    is_sent = action not in WITHOUT_PARTITION
    context: iam.Context = {"dynamodb:LeadingKeys": list(partitions)} if is_sent else {}
    return iam.is_allowed(iam.Request(f"dynamodb:{action}", iam.arn("Table"), context), statements)


def access(statements: tuple[iam.Statement, ...]) -> dict[str, str]:
    """Return the cells of a row of ACCESS."""
    row = {
        name: "".join(letter for letter, action in ACTIONS.items() if may(statements, action, key))
        for name, key in PARTITIONS.items()
    }
    indexes = [
        index
        for index in INDEXES
        for request in [iam.Request("dynamodb:Query", f"{iam.arn('Table')}/index/{index}")]
        if iam.is_allowed(request, statements)
    ]
    return {name: cell or "-" for name, cell in (row | {"indexes": ",".join(indexes)}).items()}


@pytest.mark.parametrize("role", ROLES)
def test_role_has_exactly_the_access_of_its_row(role: str) -> None:
    assert access(iam.role(role)) == EXPECTED[role]


def test_every_role_has_a_row_and_every_partition_a_column() -> None:
    kinds = {
        name
        for name, function in inspect.getmembers(items, inspect.isfunction)
        if name.endswith("_key") and name not in ("_key", "record_key")
    }

    assert list(EXPECTED) == ROLES
    assert kinds == KEYS.keys()
    assert COLUMNS[1:] == [*PARTITIONS, "indexes"]


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("AuthorizerFunction", {"Action": "dynamodb:PutItem", "Condition": "KEYS"}),
        ("AuthorizerFunction", {"Action": "dynamodb:DeleteItem", "Condition": "KEYS"}),
        ("AuthorizerFunction", {"Action": "dynamodb:UpdateItem", "Condition": "KEYS"}),
        ("ApiFunction", {"Action": "dynamodb:GetItem", "Condition": "KEYS"}),
        ("ApiFunction", {"Action": "dynamodb:Scan", "Condition": "JOB#*"}),
        ("OnWebhookFunction", {"Action": "dynamodb:*Item", "Condition": "BUDGET#*"}),
        ("OnRequestFunction", {"Action": "dynamodb:Query", "Resource": "/index/*"}),
        ("SubmitFunction", {"Action": "dynamodb:*", "Condition": "K*"}),
        ("QuoteFunction", {"Action": "*"}),
    ],
)
def test_wider_policy_is_noticed(role: str, statement: dict[str, str]) -> None:
    added: dict[str, Any] = {
        "Effect": "Allow",
        "Action": statement["Action"],
        "Resource": iam.arn("Table") + statement.get("Resource", ""),
    }
    if pattern := statement.get("Condition"):
        added["Condition"] = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [pattern]}}

    assert access((*iam.role(role), added)) != EXPECTED[role]


def test_narrower_policy_is_noticed() -> None:
    without_keys = tuple(s for s in iam.role("AuthorizerFunction") if "KEYS" not in str(s))

    assert access(without_keys) != EXPECTED["AuthorizerFunction"]


@pytest.mark.parametrize(
    "role", [r for r, row in EXPECTED.items() if set("bq") <= set(row["CLAIM"])]
)
def test_inner_function_can_write_all_records_in_one_transaction(role: str) -> None:
    """Holds whether AWS checks each item separately or all items with each action."""
    records = [name for name, cell in EXPECTED[role].items() if set("gbqpu") <= set(cell)]
    partitions = [PARTITIONS[name] for name in records]

    for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query"):
        assert may(iam.role(role), action, *partitions)


@pytest.mark.parametrize("role", CREATE_JOBS)
def test_job_and_its_reservations_are_created_in_one_transaction(role: str) -> None:
    partitions = [PARTITIONS["JOB"], PARTITIONS["BUDGET"]]

    assert may(iam.role(role), "PutItem", *partitions)
    assert may(iam.role(role), "UpdateItem", *partitions)


def test_key_is_created_and_revoked_in_one_transaction() -> None:
    keys = iam.role("KeysFunction")
    revoked = [PARTITIONS[name] for name in ("KEYS", "KEY_USE", "QUEUE")]

    assert may(keys, "PutItem", PARTITIONS["KEYS"], PARTITIONS["CAPS"])
    assert may(keys, "PutItem", *revoked)
    assert may(keys, "DeleteItem", *revoked)


def test_roles_have_only_conditions_that_the_requests_of_tests_answer() -> None:
    """A condition on a key that no request sends would be true for every request."""
    keys = {
        key
        for role in ROLES
        for statement in iam.role(role)
        for condition in statement.get("Condition", {}).values()
        for key in condition
    }

    assert keys == {"dynamodb:LeadingKeys", "events:source"}
