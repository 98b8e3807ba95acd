"""Every test here holds what functions ask of the table against the template: it can fail."""

import json
from typing import Any

import pytest

from tests.workflow.cloud import Cloud
from tests.workflow.rights import refused

JOB, QUEUE, KEY = ({"pk": {"S": name}, "sk": {"S": "x"}} for name in ("JOB#a", "QUEUE", "KEYS"))


@pytest.mark.parametrize(
    ("function", "operation", "asked"),
    [
        ("CheckFunction", "PutItem", {"Item": JOB}),
        ("SubmitFunction", "GetItem", {"Key": KEY}),
        ("OnRequestFunction", "GetItem", {"Key": QUEUE}),
        ("OnWebhookFunction", "UpdateItem", {"Key": QUEUE}),
        ("SweepFunction", "Query", {"IndexName": "by-time"}),
        ("ApiFunction", "BatchGetItem", {"RequestItems": {"records": {"Keys": [JOB, QUEUE]}}}),
        (
            "OnWebhookFunction",
            "TransactWriteItems",
            {"TransactItems": [{"Update": {"Key": JOB}}, {"Update": {"Key": QUEUE}}]},
        ),
    ],
)
def test_what_the_template_does_not_give_is_refused(
    function: str, operation: str, asked: dict[str, Any]
) -> None:
    assert refused(function, operation, json.dumps(asked))


def test_handlers_are_watched(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()

    def note(function: str, *_: object) -> list[str]:
        told.add(function)
        return []

    monkeypatch.setattr("tests.workflow.lambdas.refused", note)

    cloud.run()

    assert told == {
        "OnRequestFunction", "SubmitFunction", "CheckFunction", "FinalizeFunction",
    }  # fmt: skip
