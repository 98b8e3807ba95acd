"""The functions' environment."""

import json
from typing import Any

import pytest

from local.errors import LocalError
from reliability.functions import PROVIDER_URL, Functions


class Cloud:
    """A fake stack with three functions that records every invocation."""

    emulator_url = "http://emulator"
    stack_name = "darkroom"

    def __init__(self) -> None:
        self.variables: dict[str, dict[str, str]] = {
            "darkroom-Submit-1": {"TABLE_NAME": "t", PROVIDER_URL: "http://provider"},
            "darkroom-Fail-1": {"TABLE_NAME": "t"},
            "darkroom-Sweep-1": {},
        }
        self.invoked: list[tuple[str, str, Any]] = []

    def client(self, _service: str) -> "Cloud":
        return self

    def describe_stack_resources(self, StackName: str) -> Any:  # noqa: N803
        lambdas = [
            {
                "LogicalResourceId": name.split("-")[1] + "Function",
                "PhysicalResourceId": name,
                "ResourceType": "AWS::Lambda::Function",
            }
            for name in self.variables
        ]
        table = {"LogicalResourceId": "Table", "ResourceType": "AWS::DynamoDB::Table"}
        return {"StackResources": [*lambdas, table]}

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803
        variables = self.variables[FunctionName]
        return {"Environment": {"Variables": dict(variables)}} if variables else {}

    def update_function_configuration(self, FunctionName: str, Environment: Any) -> None:  # noqa: N803
        self.variables[FunctionName] = Environment["Variables"]

    def invoke(self, FunctionName: str, Payload: str, InvocationType: str) -> None:  # noqa: N803
        self.invoked.append((FunctionName, InvocationType, json.loads(Payload)))


@pytest.fixture
def cloud() -> Any:
    return Cloud()


def test_functions_are_selected_by_template_name(cloud: Any) -> None:
    functions = Functions(cloud)

    assert functions.select(None) == ("Submit", "Fail", "Sweep")
    assert functions.select(["Fail"]) == ("Fail",)
    assert functions.short("darkroom-Fail-1") == "Fail"
    with pytest.raises(LocalError, match="no function Unknown"):
        functions.select(["Fail", "Unknown"])


def test_environment_is_changed_temporarily(cloud: Any) -> None:
    before = {name: dict(variables) for name, variables in cloud.variables.items()}
    functions = Functions(cloud)

    with functions.environment(
        {"Submit": {"TABLE_NAME": "other", "NEW": "1"}, "Sweep": {"A": "b"}}
    ):
        assert cloud.variables["darkroom-Submit-1"] == {
            "TABLE_NAME": "other",
            PROVIDER_URL: "http://provider",
            "NEW": "1",
        }
        assert cloud.variables["darkroom-Sweep-1"] == {"A": "b"}
        assert {name for name, _, _ in cloud.invoked} == {"darkroom-Submit-1", "darkroom-Sweep-1"}

    assert cloud.variables == before


def test_environment_is_restored_after_exception(cloud: Any) -> None:
    before = {name: dict(variables) for name, variables in cloud.variables.items()}

    with (
        pytest.raises(ValueError, match="in the suite"),
        Functions(cloud).environment({"Submit": {"A": "b"}}),
    ):
        raise ValueError("in the suite")

    assert cloud.variables == before
