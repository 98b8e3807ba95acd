"""The evaluator of policies, against the documented semantics of IAM."""

from typing import Any

import pytest

from tests.infra.iam import Request, is_allowed

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/records"
READ = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE}


def allow(**changes: Any) -> dict[str, Any]:
    return READ | changes


def request(action: str = "dynamodb:GetItem", resource: str = TABLE, **context: Any) -> Request:
    return Request(action, resource, {name.replace("__", ":"): v for name, v in context.items()})


def condition(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


@pytest.mark.parametrize(
    ("statement", "made", "expected"),
    [
        (READ, request(), True),
        (READ, request("dynamodb:PutItem"), False),
        (READ, request(resource=f"{TABLE}/index/by-time"), False),
        (allow(Resource="*"), request(), True),
        (allow(Action="dynamodb:*Item"), request("dynamodb:PutItem"), True),
        (allow(Action="DynamoDB:getitem"), request(), True),
        (allow(Resource=f"{TABLE}/index/*"), request(resource=f"{TABLE}/index/by-time"), True),
        (allow(Resource=f"{TABLE}/index/*"), request(), False),
        # A wildcard does not cross the colons of an ARN.
        (allow(Resource="arn:aws:dynamodb:*:table/records"), request(), False),
        (allow(Resource="arn:aws:dynamodb:*:*:table/rec?rds"), request(), True),
    ],
)
def test_actions_and_resources(statement: dict[str, Any], made: Request, expected: bool) -> None:
    assert is_allowed(made, [statement]) is expected


@pytest.mark.parametrize(
    ("operator", "patterns", "sent", "expected"),
    [
        ("ForAllValues:StringEquals", ["KEYS"], ["KEYS"], True),
        ("ForAllValues:StringEquals", ["KEYS"], ["KEYS", "JOB#1"], False),
        ("ForAllValues:StringEquals", ["JOB#*"], ["JOB#1"], False),
        ("ForAllValues:StringEquals", ["KEYS"], None, True),  # true without the key
        ("ForAllValues:StringLike", ["JOB#*", "QUEUE"], ["JOB#1", "QUEUE"], True),
        ("ForAllValues:StringLike", ["JOB#*"], ["JOB#1", "QUEUE"], False),
        ("ForAnyValue:StringEquals", ["a"], ["a", "b"], True),
        ("ForAnyValue:StringEquals", ["a"], ["b"], False),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("StringEquals", ["a"], "a", True),
        ("StringEquals", ["a"], "b", False),
        ("StringEquals", ["a"], None, False),
        ("StringEqualsIfExists", ["a"], None, True),
        ("StringEqualsIfExists", ["a"], "b", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", ["a"], None, True),  # a negated operator is true without the key
        ("ArnNotEquals", ["arn:aws:iam::1:role/a"], "arn:aws:iam::1:role/b", True),
        ("ArnNotEquals", ["arn:aws:iam::1:role/a"], "arn:aws:iam::1:role/a", False),
        ("ArnLike", ["arn:aws:iam::1:role/a-*"], "arn:aws:iam::1:role/a-b", True),
        ("Bool", ["false"], "False", True),
    ],
)
def test_conditions(operator: str, patterns: list[str], sent: Any, expected: bool) -> None:
    context = {} if sent is None else {"key": sent}

    statement = allow(**condition(operator, "key", *patterns))

    assert is_allowed(Request("dynamodb:GetItem", TABLE, context), [statement]) is expected


def test_all_conditions_of_a_statement_must_hold() -> None:
    both = {"StringEquals": {"a": "1", "b": "2"}}

    assert is_allowed(request(a="1", b="2"), [allow(Condition=both)])
    assert not is_allowed(request(a="1", b="3"), [allow(Condition=both)])


def test_explicit_deny_overrides_every_allow() -> None:
    deny = allow(Effect="Deny", Principal="*", **condition("StringEquals", "a", "1"))

    assert not is_allowed(request(a="1"), [READ], [deny])
    assert is_allowed(request(a="2"), [READ], [deny])
    assert not is_allowed(request(), [], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"NotAction": "dynamodb:Scan"},
        {"Principal": {"Service": "events.amazonaws.com"}},
        condition("NumericLessThan", "a", "1"),
        condition("ForSomeValues:StringEquals", "a", "1"),
    ],
)
def test_unknown_parts_of_a_statement_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not know"):
        is_allowed(request(a="1"), [allow(**changes)])
