"""Settings: one model per handler, read from environment variables and validated."""

import pytest
from pydantic import ValidationError

from darkroom import settings
from darkroom.settings import Settings

VALUES = {
    "TABLE_NAME": "table", "ASSETS_BUCKET": "assets", "EVENT_BUS_NAME": "bus",
    "STATE_MACHINE_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:image",
    "DEFAULT_DEADLINE_SECONDS": "900", "MAX_DEADLINE_SECONDS": "3600",
    "RECORD_RETENTION_DAYS": "90", "PROVIDER_URL": "https://api.wavespeed.ai",
    "PROVIDER_SECRET_ID": "secret", "MAX_QUEUE_SECONDS": "1800", "DURATION_SCALE": "0.5",
    "CHECK_POLL_SECONDS": "60.0",
    "ASSET_HOSTS": "*.wavespeed.ai,*.cloudfront.net", "INBOX_BUCKET": "inbox",
    "ALLOWED_ORIGIN": "https://studio.example.com", "DAILY_BUDGET_USD": "12.5",
    "BREAKER_SECONDS": "30.0", "IMAGES_PER_MINUTE": "10", "JOBS_IN_FLIGHT": "3",
    "BATCH_STATE_MACHINE_ARN": "arn:aws:states:eu-central-1:123456789012:stateMachine:batch",
    "AMBIGUOUS_SUBMIT": "fail", "RUNTIME_FLAGS": "/darkroom/stack",
}  # fmt: skip
MODELS = [
    model
    for name, model in vars(settings).items()
    if name.endswith("Settings") and model is not Settings
]
per_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)


def test_every_function_has_a_settings_model() -> None:
    assert {model.__name__ for model in MODELS} == {
        "CreateJobSettings", "OnUploadSettings", "OnWebhookSettings", "ApiSettings",
        "AuthorizerSettings", "SubmitSettings", "CheckSettings", "FinalizeSettings",
        "EndSettings", "SweepSettings", "ReconcileSettings", "CreateRowsSettings",
        "RecordStatsSettings",
    }  # fmt: skip


@per_model
def test_each_model_reads_its_own_variables(model: type[Settings]) -> None:
    values = model.read()

    assert {name.upper() for name in model.model_fields} <= VALUES.keys()
    for name, value in values:
        assert str(value) == VALUES[name.upper()]


@per_model
def test_missing_variable_is_named_in_the_error(
    model: type[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in model.model_fields:
        with monkeypatch.context() as patch:
            patch.delenv(name.upper())
            with pytest.raises(ValidationError, match=name):
                model.read()


def test_invalid_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_QUEUE_SECONDS", "soon")

    with pytest.raises(ValidationError, match="max_queue_seconds"):
        settings.SubmitSettings.read()


@pytest.mark.parametrize("policy", ["fail", "resubmit", "guess"])
def test_ambiguous_submit_accepts_two_policies(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBIGUOUS_SUBMIT", policy)

    if policy == "guess":
        with pytest.raises(ValidationError, match="ambiguous_submit"):
            settings.SubmitSettings.read()
    else:
        assert settings.SubmitSettings.read().ambiguous_submit == policy


def test_empty_allowed_origin_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGIN", "")

    assert settings.ApiSettings.read().allowed_origin == ""


def test_settings_are_frozen_and_contain_no_secret() -> None:
    values = settings.CheckSettings.read()

    with pytest.raises(ValidationError):
        values.table_name = "other"  # type: ignore[misc]
    assert not any("key" in name or "token" in name for name in type(values).model_fields)
