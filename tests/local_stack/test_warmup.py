"""Every function is called once before the first job, with an event that starts nothing."""

import json
from typing import Any

from darkroom.domain import uploads
from local.warmup import EVENT, warm_up


class Account:
    """An emulator with a stack in it: keeps who was called with what."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self.kinds = kinds
        self.called: dict[str, Any] = {}

    def client(self, _service: str) -> "Account":
        return self

    def describe_stack_resources(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        told = [
            {"PhysicalResourceId": f"{StackName}-{name}", "ResourceType": kind}
            for name, kind in self.kinds.items()
        ]
        return {"StackResources": told}

    def invoke(self, FunctionName: str, Payload: str) -> None:  # noqa: N803 - AWS's names
        self.called[FunctionName] = json.loads(Payload)


def test_each_function_of_the_stack_is_called_once_and_nothing_else() -> None:
    kinds = {"Api": "AWS::Lambda::Function", "Submit": "AWS::Lambda::Function"}
    account: Any = Account({**kinds, "Table": "AWS::DynamoDB::Table"})

    count = warm_up(account, "darkroom")

    assert count == 2
    assert account.called == {"darkroom-Api": EVENT, "darkroom-Submit": EVENT}


def test_to_the_doors_it_is_a_folder_that_a_console_made_and_no_key() -> None:
    event: dict[str, Any] = EVENT

    assert uploads.parse_notice(event["detail"]).key.endswith("/")
    assert "authorization" not in event["headers"]
