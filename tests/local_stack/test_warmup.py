"""The warm-up: one invocation per function, with an event that starts no job."""

import json
from typing import Any

from darkroom.domain import uploads
from local.warmup import EVENT, warm_up


class Account:
    """A fake emulator with one stack that records invocations."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self.kinds = kinds
        self.invocations: dict[str, Any] = {}

    def client(self, _service: str) -> "Account":
        return self

    def describe_stack_resources(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        resources = [
            {"PhysicalResourceId": f"{StackName}-{name}", "ResourceType": kind}
            for name, kind in self.kinds.items()
        ]
        return {"StackResources": resources}

    def invoke(self, FunctionName: str, Payload: str) -> None:  # noqa: N803 - AWS's names
        self.invocations[FunctionName] = json.loads(Payload)


def test_every_function_is_invoked_once() -> None:
    kinds = {"Api": "AWS::Lambda::Function", "Submit": "AWS::Lambda::Function"}
    account: Any = Account({**kinds, "Table": "AWS::DynamoDB::Table"})

    count = warm_up(account, "darkroom")

    assert count == 2
    assert account.invocations == {"darkroom-Api": EVENT, "darkroom-Submit": EVENT}


def test_warm_up_event_is_ignored_by_the_entry_points() -> None:
    event: dict[str, Any] = EVENT

    assert uploads.parse_notification(event["detail"]).key.endswith("/")
    assert "authorization" not in event["headers"]
