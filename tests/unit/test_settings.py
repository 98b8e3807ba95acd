"""Settings: read from environment variables, and the same variables as in the template."""

import pytest
from pydantic import ValidationError

from darkroom.settings import Settings
from tests.infra.template import template
from tests.workflow.deployment import VARIABLES

# Variables that the Powertools library reads.
POWERTOOLS = {
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
NAMES = [name.upper() for name in Settings.model_fields]


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, VARIABLES[name])


def test_the_template_sets_every_setting_and_no_other_variable() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]

    assert variables.keys() == {*NAMES} | POWERTOOLS


def test_settings_have_the_values_of_the_variables() -> None:
    values = Settings.read()

    assert values.table_name == VARIABLES["TABLE_NAME"]
    assert values.images_per_minute == int(VARIABLES["IMAGES_PER_MINUTE"])
    assert values.daily_budget_usd == float(VARIABLES["DAILY_BUDGET_USD"])
    assert values.allowed_origin == VARIABLES["ALLOWED_ORIGIN"] == ""


@pytest.mark.parametrize(
    ("emulator", "runtime_api", "is_allowed"),
    [
        ("none", None, False),
        ("none", "127.0.0.1:9001", False),
        ("x86_64", "127.0.0.1:9001", False),  # deployed to AWS by mistake
        ("x86_64", None, True),
    ],
)
def test_callbacks_to_the_local_machine_are_allowed_on_an_emulator_only(
    emulator: str, runtime_api: str | None, is_allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMULATOR", emulator)
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    if runtime_api is not None:
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", runtime_api)

    assert Settings.read().local_callbacks == is_allowed


@pytest.mark.parametrize("name", NAMES)
def test_missing_variable_is_named_in_the_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings.read()


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_QUEUE_SECONDS", "soon"), ("AMBIGUOUS_SUBMIT", "guess")]
)
def test_invalid_value_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings.read()


def test_settings_are_frozen_and_contain_no_secret() -> None:
    values = Settings.read()

    with pytest.raises(ValidationError):
        values.table_name = "other"  # type: ignore[misc]
    assert not any("key" in name or "token" in name for name in Settings.model_fields)
