"""Functions: their settings, their handlers and their logs."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from darkroom.settings import Settings
from tests.infra.template import (
    GATEWAY,
    ROOT,
    functions,
    main_functions,
    parameters,
    properties,
    resources,
    template,
)

VARIABLES: dict[str, Any] = template()["Globals"]["Function"]["Environment"]["Variables"]


def values_of(variable: Any) -> Iterator[object]:
    """Yield the values that a variable can have: the limits of the parameters that it uses."""
    match variable:
        case {"Ref": name} if name in parameters():
            parameter = parameters()[name]
            yield from parameter.get("AllowedValues", [])
            yield from (
                parameter[key] for key in ("Default", "MinValue", "MaxValue") if key in parameter
            )
        case {"Fn::If": [_, *branches]}:
            for branch in branches:
                yield from values_of(branch)
        case {"Fn::FindInMap": [mapping, _, name]}:
            yield from (row[name] for row in template()["Mappings"][mapping].values())


@pytest.mark.parametrize("name", Settings.model_fields)
def test_parameter_limits_are_valid_settings(name: str) -> None:
    """Checked at both ends of each range, at each allowed value and for each tier."""
    adapter: TypeAdapter[Any] = TypeAdapter(Settings.model_fields[name].annotation or str)

    for value in values_of(VARIABLES[name.upper()]):
        adapter.validate_python(str(value))  # environment variables are text


def test_state_machine_arns_are_those_of_the_machines() -> None:
    """The variables name the machines, because a reference would be circular."""
    prefix = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"

    for variable, machine in (
        ("STATE_MACHINE_ARN", "ImageJobStateMachine"),
        ("BATCH_STATE_MACHINE_ARN", "BatchStateMachine"),
    ):
        assert VARIABLES[variable]["Fn::Sub"] == prefix + properties(machine)["Name"]["Fn::Sub"]


def test_two_stacks_have_different_metrics_and_logs() -> None:
    assert VARIABLES["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_custom_tier_has_its_own_limits_and_the_others_those_of_the_account() -> None:
    tiers = template()["Mappings"]["Tiers"]

    assert parameters()["Tier"]["AllowedValues"] == list(tiers)
    for variable, name in (
        ("IMAGES_PER_MINUTE", "ImagesPerMinute"),
        ("JOBS_IN_FLIGHT", "JobsInFlight"),
    ):
        by_tier = {"Fn::FindInMap": ["Tiers", {"Ref": "Tier"}, name]}
        assert VARIABLES[variable] == {"Fn::If": ["IsCustomTier", {"Ref": name}, by_tier]}


def test_every_parameter_is_in_a_group_and_is_used() -> None:
    interface = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    text = (ROOT / "template.yaml").read_text().partition("\nMappings:")[2]

    assert sorted(grouped) == sorted(parameters())
    used = GATEWAY.read_text() + text
    assert [name for name in parameters() if not re.search(rf"(Ref:? |\$\{{){name}\b", used)] == []


def test_provider_key_is_in_no_variable_substitution_or_output() -> None:
    for function in functions():
        assert "ProviderApiKey" not in str(properties(function))
    assert "ProviderApiKey" not in str(properties("ImageJobStateMachine"))
    assert "ProviderApiKey" not in str(template()["Outputs"])
    parameter = template()["Parameters"]["ProviderApiKey"]
    assert parameter["NoEcho"] is True
    assert "Default" not in parameter


@pytest.mark.parametrize("function", functions())
def test_function_has_runtime_architecture_and_timeout(function: str) -> None:
    function_properties = properties(function)

    assert function_properties["Runtime"] == "python3.13"
    assert function_properties["Architectures"] == [
        {"Fn::If": ["OnAws", "arm64", {"Ref": "Emulator"}]}
    ]
    assert 0 < function_properties["Timeout"] <= 900
    assert function_properties["CodeUri"] == (
        "thumbnails/" if function == "ThumbnailFunction" else "functions/"
    )
    assert function_properties["Description"]


@pytest.mark.parametrize("function", main_functions())
def test_handler_exists_and_has_the_name_of_its_function(function: str) -> None:
    module, _, attribute = properties(function)["Handler"].rpartition(".")
    words = module.rsplit(".", 1)[1].split("_")

    assert function == "".join(word.title() for word in words) + "Function"
    assert callable(getattr(importlib.import_module(module), attribute))


def test_every_handler_module_is_deployed() -> None:
    files = (ROOT / "functions/darkroom/handlers").glob("*.py")
    modules = {f"darkroom.handlers.{Path(f).stem}.handler" for f in files if f.stem != "__init__"}

    assert modules == {properties(function)["Handler"] for function in main_functions()}


@pytest.mark.parametrize("function", functions())
def test_functions_share_one_log_group(function: str) -> None:
    assert properties(function)["LoggingConfig"] == {"LogGroup": {"Ref": "FunctionLogs"}}


def test_log_groups_have_the_configured_retention() -> None:
    groups = resources("AWS::Logs::LogGroup")

    assert set(groups) == {"FunctionLogs", "StateMachineLogs"}
    for group in groups:
        assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


MACHINES = ("ImageJobStateMachine", "BatchStateMachine")


@pytest.mark.parametrize("machine", MACHINES)
def test_state_machine_logs_errors_without_execution_data(machine: str) -> None:
    logging = properties(machine)["Logging"]

    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ERROR"
    (destination,) = logging["Destinations"]
    assert "StateMachineLogs" in str(destination)


@pytest.mark.parametrize("machine", MACHINES)
def test_state_machine_type_is_standard(machine: str) -> None:
    assert properties(machine)["Type"] == "STANDARD"
