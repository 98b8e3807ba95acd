"""The functions' environment is changed for a time, and is afterwards what it was."""

import json
from typing import Any

import pytest

from local.errors import LocalError
from reliability.functions import Functions
from reliability.replay import deliver, disorder
from reliability.route import AWS, PROVIDER, routes, upstream


class Cloud:
    """Three functions, and every call about them."""

    emulator_url = "http://emulator"
    stack_name = "darkroom"

    def __init__(self) -> None:
        self.variables: dict[str, dict[str, str]] = {
            "darkroom-Submit-1": {"TABLE_NAME": "t", PROVIDER: "http://provider"},
            "darkroom-Fail-1": {"TABLE_NAME": "t"},
            "darkroom-Sweep-1": {},
        }
        self.invoked: list[tuple[str, str, Any]] = []

    def client(self, _service: str) -> "Cloud":
        return self

    def describe_stack_resources(self, StackName: str) -> Any:  # noqa: N803
        named = [(name.split("-")[1] + "Function", name) for name in self.variables]
        lambdas = [
            {
                "LogicalResourceId": logical,
                "PhysicalResourceId": name,
                "ResourceType": "AWS::Lambda::Function",
            }
            for logical, name in named
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


def test_functions_go_by_their_names_in_the_template(cloud: Any) -> None:
    functions = Functions(cloud)

    assert functions.choose(None) == ("Submit", "Fail", "Sweep")
    assert functions.choose(["Fail"]) == ("Fail",)
    assert functions.short("darkroom-Fail-1") == "Fail"
    with pytest.raises(LocalError, match="no function Nobody"):
        functions.choose(["Fail", "Nobody"])


def test_an_environment_is_changed_for_a_time(cloud: Any) -> None:
    before = {name: dict(variables) for name, variables in cloud.variables.items()}
    functions = Functions(cloud)

    with functions.environment(
        {"Submit": {"TABLE_NAME": "other", "NEW": "1"}, "Sweep": {"A": "b"}}
    ):
        assert cloud.variables["darkroom-Submit-1"] == {
            "TABLE_NAME": "other",
            PROVIDER: "http://provider",
            "NEW": "1",
        }
        assert cloud.variables["darkroom-Sweep-1"] == {"A": "b"}
        assert {name for name, _, _ in cloud.invoked} == {"darkroom-Submit-1", "darkroom-Sweep-1"}

    assert cloud.variables == before


def test_an_environment_is_restored_whatever_happens(cloud: Any) -> None:
    before = {name: dict(variables) for name, variables in cloud.variables.items()}

    with (
        pytest.raises(ValueError, match="in the suite"),
        Functions(cloud).environment({"Submit": {"A": "b"}}),
    ):
        raise ValueError("in the suite")

    assert cloud.variables == before


def test_only_those_who_ask_the_provider_are_led_elsewhere(cloud: Any) -> None:
    functions = Functions(cloud)

    changes = routes(functions, functions.choose(None), {AWS: "http://a", PROVIDER: "http://p"})

    assert changes == {
        "Submit": {AWS: "http://a", PROVIDER: "http://p"},
        "Fail": {AWS: "http://a"},
        "Sweep": {AWS: "http://a"},
    }


def test_a_route_leads_on_to_the_one_before(cloud: Any) -> None:
    functions = Functions(cloud)

    assert upstream(functions, functions.choose(None), cloud) == "http://emulator"
    with functions.environment({"Submit": {AWS: "http://proxy"}}):
        assert upstream(functions, ["Submit"], cloud) == "http://proxy"
        with pytest.raises(LocalError, match="not all"):
            upstream(functions, functions.choose(None), cloud)


def test_events_are_told_again_and_out_of_order(cloud: Any) -> None:
    events = [{"id": str(number)} for number in range(6)]

    told = disorder(events, copies=3, seed=1)
    deliver(Functions(cloud), "Submit", told)

    assert sorted(event["id"] for event in told) == sorted(3 * "012345")
    assert told == disorder(events, copies=3, seed=1) != disorder(events, copies=3, seed=2)
    assert [told.index(event) for event in events] != sorted(told.index(event) for event in events)
    assert cloud.invoked == [("darkroom-Submit-1", "Event", event) for event in told]
