"""Functions: their settings, their handlers and their logs."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from darkroom import settings
from tests.infra.template import (
    ROOT,
    functions,
    main_functions,
    parameters,
    properties,
    resources,
    template,
)

SETTINGS: dict[str, type[settings.Settings]] = {
    "ApiFunction": settings.ApiSettings,
    "AuthorizerFunction": settings.AuthorizerSettings,
    "OnUploadFunction": settings.OnUploadSettings,
    "OnRequestFunction": settings.CreateJobSettings,
    "OnWebhookFunction": settings.OnWebhookSettings,
    "SweepFunction": settings.SweepSettings,
    "ReconcileFunction": settings.ReconcileSettings,
    "SubmitFunction": settings.SubmitSettings,
    "CheckFunction": settings.CheckSettings,
    "FinalizeFunction": settings.FinalizeSettings,
    "FailFunction": settings.EndSettings,
    "OnExecutionEndedFunction": settings.EndSettings,
    "RecordStatsFunction": settings.RecordStatsSettings,
    "CreateRowsFunction": settings.CreateRowsSettings,
    "CollectBatchFunction": settings.EndSettings,
}
VARIABLE_VALUES: dict[str, dict[str, Any]] = {
    "ALLOWED_ORIGIN": {"Ref": "AllowedOrigin"},
    "AMBIGUOUS_SUBMIT": {"Ref": "AmbiguousSubmit"},
    "ASSETS_BUCKET": {"Ref": "AssetsBucket"},
    "ASSET_HOSTS": {"Ref": "AssetHosts"},
    "BATCH_STATE_MACHINE_ARN": {"Ref": "BatchStateMachine"},
    "BREAKER_SECONDS": {"Ref": "BreakerSeconds"},
    "DAILY_BUDGET_USD": {"Ref": "DailyBudgetUsd"},
    "DEFAULT_DEADLINE_SECONDS": {"Ref": "DefaultDeadlineSeconds"},
    "DURATION_SCALE": {"Ref": "DurationScale"},
    "EVENT_BUS_NAME": {"Ref": "EventBus"},
    "CHECK_POLL_SECONDS": {"Ref": "CheckPollSeconds"},
    "IMAGES_PER_MINUTE": {"Ref": "ImagesPerMinute"},
    "INBOX_BUCKET": {"Ref": "InboxBucket"},
    "JOBS_IN_FLIGHT": {"Ref": "JobsInFlight"},
    "MAX_DEADLINE_SECONDS": {"Ref": "MaxDeadlineSeconds"},
    "MAX_QUEUE_SECONDS": {"Ref": "MaxQueueSeconds"},
    "PROVIDER_SECRET_ID": {"Fn::GetAtt": ["ProviderKey", "Id"]},
    "PROVIDER_URL": {"Ref": "ProviderUrl"},
    "RECORD_RETENTION_DAYS": {"Ref": "RecordRetentionDays"},
    "STATE_MACHINE_ARN": {"Ref": "ImageJobStateMachine"},
    "RUNTIME_FLAGS": {"Fn::Sub": "/${AWS::StackName}/switches"},
    "TABLE_NAME": {"Ref": "Table"},
}


@pytest.mark.parametrize("function", main_functions())
def test_function_has_exactly_the_variables_of_its_settings(function: str) -> None:
    variables = set(properties(function)["Environment"]["Variables"])
    own_variables = {name for name in variables if not name.startswith("POWERTOOLS_")}

    assert own_variables == {name.upper() for name in SETTINGS[function].model_fields}


def test_global_variables() -> None:
    global_variables = template()["Globals"]["Function"]["Environment"]["Variables"]

    assert global_variables == {
        "POWERTOOLS_SERVICE_NAME": "darkroom",
        "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
        "POWERTOOLS_LOG_LEVEL": {"Ref": "LogLevel"},
        "TABLE_NAME": {"Ref": "Table"},
    }


@pytest.mark.parametrize("function", functions())
def test_variable_has_the_same_value_in_every_function(function: str) -> None:
    """For example, ASSETS_BUCKET is always the assets bucket, and limits are the parameters."""
    variables = properties(function)["Environment"]["Variables"]
    own_variables = {
        name: value for name, value in variables.items() if not name.startswith("POWERTOOLS_")
    }

    assert own_variables.items() <= VARIABLE_VALUES.items()


@pytest.mark.parametrize("function", main_functions())
def test_parameter_limits_are_valid_settings(function: str) -> None:
    """Checked at both ends of each range and at each allowed value."""
    model = SETTINGS[function]
    for name, field in model.model_fields.items():
        variable_value = VARIABLE_VALUES[name.upper()]
        parameter = parameters().get(variable_value.get("Ref", ""))
        if parameter is None:
            continue
        values = [parameter.get(bound) for bound in ("Default", "MinValue", "MaxValue")]
        values += parameter.get("AllowedValues", [])
        adapter: TypeAdapter[Any] = TypeAdapter(field.annotation or str)
        for value in values:
            if value is not None:
                adapter.validate_python(str(value))  # environment variables are text


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
    assert function_properties["Architectures"] == [{"Ref": "Architecture"}]
    assert 0 < function_properties["Timeout"] <= 900
    assert function_properties["CodeUri"] == (
        "thumbnails/" if function == "ThumbnailFunction" else "functions/"
    )
    assert function_properties["Description"]


def test_default_architecture_is_arm64() -> None:
    assert template()["Parameters"]["Architecture"]["Default"] == "arm64"


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
def test_function_has_its_own_log_group(function: str) -> None:
    group = properties(function)["LoggingConfig"]["LogGroup"]["Ref"]

    assert group == function.replace("Function", "Logs")


@pytest.mark.parametrize("group", resources("AWS::Logs::LogGroup"))
def test_log_groups_have_the_configured_retention(group: str) -> None:
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_log_group_belongs_to_a_function_or_state_machine() -> None:
    owners = {function.replace("Function", "Logs") for function in functions()}

    assert set(resources("AWS::Logs::LogGroup")) == owners | {"ImageJobLogs", "BatchLogs"}


MACHINES = {"ImageJobStateMachine": "ImageJobLogs", "BatchStateMachine": "BatchLogs"}


@pytest.mark.parametrize("machine", MACHINES)
def test_state_machine_logs_errors_without_execution_data(machine: str) -> None:
    logging = properties(machine)["Logging"]

    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ERROR"
    (destination,) = logging["Destinations"]
    assert MACHINES[machine] in str(destination)


@pytest.mark.parametrize("machine", MACHINES)
def test_state_machine_type_is_standard(machine: str) -> None:
    assert properties(machine)["Type"] == "STANDARD"
