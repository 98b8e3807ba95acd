"""Functions: their settings, their handlers and their logs."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from darkroom import settings
from tests.infra.template import ROOT, functions, ours, parameters, properties, resources, template

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
MEANINGS: dict[str, dict[str, Any]] = {
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


@pytest.mark.parametrize("function", ours())
def test_a_function_is_given_exactly_the_variables_that_it_reads(function: str) -> None:
    variables = set(properties(function)["Environment"]["Variables"])
    own = {name for name in variables if not name.startswith("POWERTOOLS_")}

    assert own == {name.upper() for name in SETTINGS[function].model_fields}


def test_every_function_logs_and_counts_under_our_name_and_knows_the_table() -> None:
    shared = template()["Globals"]["Function"]["Environment"]["Variables"]

    assert shared == {
        "POWERTOOLS_SERVICE_NAME": "darkroom",
        "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
        "POWERTOOLS_LOG_LEVEL": {"Ref": "LogLevel"},
        "TABLE_NAME": {"Ref": "Table"},
    }


@pytest.mark.parametrize("function", functions())
def test_a_variable_means_the_same_in_every_function(function: str) -> None:
    """So ASSETS_BUCKET is the bucket of the assets, and the limits are those that were chosen."""
    variables = properties(function)["Environment"]["Variables"]
    own = {name: value for name, value in variables.items() if not name.startswith("POWERTOOLS_")}

    assert own.items() <= MEANINGS.items()


@pytest.mark.parametrize("function", ours())
def test_what_may_be_chosen_is_what_the_settings_take(function: str) -> None:
    """At both ends of each range, and at every value of each closed set."""
    model = SETTINGS[function]
    for name, field in model.model_fields.items():
        meaning = MEANINGS[name.upper()]
        chosen = parameters().get(meaning.get("Ref", ""))
        if chosen is None:
            continue
        values = [chosen.get(bound) for bound in ("Default", "MinValue", "MaxValue")]
        values += chosen.get("AllowedValues", [])
        reader: TypeAdapter[Any] = TypeAdapter(field.annotation or str)
        for value in values:
            if value is not None:
                reader.validate_python(str(value))  # as it comes from the environment


def test_no_variable_and_no_substitution_holds_the_api_key() -> None:
    for function in functions():
        assert "ProviderApiKey" not in str(properties(function))
    assert "ProviderApiKey" not in str(properties("ImageJobStateMachine"))
    assert "ProviderApiKey" not in str(template()["Outputs"])
    parameter = template()["Parameters"]["ProviderApiKey"]
    assert parameter["NoEcho"] is True
    assert "Default" not in parameter


@pytest.mark.parametrize("function", functions())
def test_a_function_runs_on_the_chosen_processor_within_a_stated_time(function: str) -> None:
    given = properties(function)

    assert given["Runtime"] == "python3.13"
    assert given["Architectures"] == [{"Ref": "Architecture"}]
    assert 0 < given["Timeout"] <= 900
    assert given["CodeUri"] == ("thumbnails/" if function == "ThumbnailFunction" else "functions/")
    assert given["Description"]


def test_the_processor_is_arm_unless_asked_otherwise() -> None:
    assert template()["Parameters"]["Architecture"]["Default"] == "arm64"


@pytest.mark.parametrize("function", ours())
def test_a_handler_exists_and_is_named_like_its_function(function: str) -> None:
    module, _, attribute = properties(function)["Handler"].rpartition(".")
    words = module.rsplit(".", 1)[1].split("_")

    assert function == "".join(word.title() for word in words) + "Function"
    assert callable(getattr(importlib.import_module(module), attribute))


def test_every_handler_is_deployed() -> None:
    files = (ROOT / "functions/darkroom/handlers").glob("*.py")
    modules = {f"darkroom.handlers.{Path(f).stem}.handler" for f in files if f.stem != "__init__"}

    assert modules == {properties(function)["Handler"] for function in ours()}


@pytest.mark.parametrize("function", functions())
def test_a_function_has_a_log_group_of_its_own(function: str) -> None:
    group = properties(function)["LoggingConfig"]["LogGroup"]["Ref"]

    assert group == function.replace("Function", "Logs")


@pytest.mark.parametrize("group", resources("AWS::Logs::LogGroup"))
def test_logs_are_deleted_after_a_while(group: str) -> None:
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_log_group_belongs_to_a_function_or_a_machine() -> None:
    owners = {function.replace("Function", "Logs") for function in functions()}

    assert set(resources("AWS::Logs::LogGroup")) == owners | {"ImageJobLogs", "BatchLogs"}


MACHINES = {"ImageJobStateMachine": "ImageJobLogs", "BatchStateMachine": "BatchLogs"}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_logs_errors_without_data(machine: str) -> None:
    logging = properties(machine)["Logging"]

    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == "ERROR"
    (destination,) = logging["Destinations"]
    assert MACHINES[machine] in str(destination)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_is_a_standard_one(machine: str) -> None:
    assert properties(machine)["Type"] == "STANDARD"
