"""Functions: their settings, their handlers and their logs."""

import importlib
from typing import Any

import pytest

from tests.infra.template import (
    ROOT,
    functions,
    main_functions,
    parameters,
    properties,
    resources,
    template,
)

VARIABLES: dict[str, Any] = template()["Globals"]["Function"]["Environment"]["Variables"]


def test_state_machine_arns_are_those_of_the_machines() -> None:
    """The variables name the machines, because a reference would be circular."""
    prefix = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"

    for variable, machine in (
        ("STATE_MACHINE_ARN", "ImageJobStateMachine"),
        ("BATCH_STATE_MACHINE_ARN", "BatchStateMachine"),
    ):
        assert VARIABLES[variable]["Fn::Sub"] == prefix + properties(machine)["Name"]["Fn::Sub"]


def test_custom_tier_has_its_own_limits_and_the_others_those_of_the_account() -> None:
    tiers = template()["Mappings"]["Tiers"]

    assert parameters()["Tier"]["AllowedValues"] == list(tiers)
    for variable, name in (
        ("IMAGES_PER_MINUTE", "ImagesPerMinute"),
        ("JOBS_IN_FLIGHT", "JobsInFlight"),
    ):
        by_tier = {"Fn::FindInMap": ["Tiers", {"Ref": "Tier"}, name]}
        assert VARIABLES[variable] == {"Fn::If": ["IsCustomTier", {"Ref": name}, by_tier]}


def test_provider_key_is_in_no_variable_substitution_or_output() -> None:
    for function in functions():
        assert "ProviderApiKey" not in str(properties(function))
    assert "ProviderApiKey" not in str(properties("ImageJobStateMachine"))
    assert "ProviderApiKey" not in str(template()["Outputs"])
    parameter = template()["Parameters"]["ProviderApiKey"]
    assert parameter["NoEcho"] is True
    assert "Default" not in parameter


@pytest.mark.parametrize("function", main_functions())
def test_handler_exists_and_has_the_name_of_its_function(function: str) -> None:
    module, _, attribute = properties(function)["Handler"].rpartition(".")
    words = module.rsplit(".", 1)[1].split("_")

    assert function == "".join(word.title() for word in words) + "Function"
    assert callable(getattr(importlib.import_module(module), attribute))


def test_every_handler_module_is_deployed() -> None:
    files = (ROOT / "functions/darkroom/handlers").glob("[a-z]*.py")
    modules = {f"darkroom.handlers.{file.stem}.handler" for file in files}

    assert modules == {properties(function)["Handler"] for function in main_functions()}


def test_log_groups_have_the_configured_retention() -> None:
    groups = resources("AWS::Logs::LogGroup")

    assert {group: properties(group)["RetentionInDays"] for group in groups} == {
        "FunctionLogs": {"Ref": "LogRetentionDays"},
        "AuditLog": {"Ref": "AuditRetentionDays"},
        "StateMachineLogs": {"Ref": "LogRetentionDays"},
    }


MACHINES = ("ImageJobStateMachine", "BatchStateMachine")


@pytest.mark.parametrize("machine", MACHINES)
def test_state_machine_logs_errors_without_execution_data(machine: str) -> None:
    logging = properties(machine)["Logging"]

    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ERROR"
    (destination,) = logging["Destinations"]
    assert "StateMachineLogs" in str(destination)
