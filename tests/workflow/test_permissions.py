"""Check that table requests without a permission in the template are detected."""

import json
from typing import Any

import pytest

from tests.workflow.cloud import Cloud
from tests.workflow.permissions import denied_requests

JOB, QUEUE, KEY = ({"pk": {"S": name}, "sk": {"S": "x"}} for name in ("JOB#a", "QUEUE", "KEYS"))


@pytest.mark.parametrize(
    ("function", "operation", "body"),
    [
        ("CheckFunction", "PutItem", {"Item": KEY}),
        ("SubmitFunction", "GetItem", {"Key": KEY}),
        ("OnRequestFunction", "GetItem", {"Key": QUEUE}),
        ("OnWebhookFunction", "UpdateItem", {"Key": QUEUE}),
        ("OnRequestFunction", "Query", {"IndexName": "by-time"}),
        ("ApiFunction", "BatchGetItem", {"RequestItems": {"records": {"Keys": [JOB, KEY]}}}),
        (
            "OnWebhookFunction",
            "TransactWriteItems",
            {"TransactItems": [{"Update": {"Key": JOB}}, {"Update": {"Key": QUEUE}}]},
        ),
    ],
)
def test_request_without_permission_is_denied(
    function: str, operation: str, body: dict[str, Any]
) -> None:
    assert denied_requests(function, operation, json.dumps(body))


def test_requests_of_all_handlers_are_checked(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions: set[str] = set()

    def record(function: str, *_: object) -> list[str]:
        functions.add(function)
        return []

    monkeypatch.setattr("tests.workflow.lambdas.denied_requests", record)

    cloud.run()

    assert functions == {
        "OnRequestFunction", "SubmitFunction", "CheckFunction", "FinalizeFunction",
    }  # fmt: skip
