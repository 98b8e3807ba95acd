"""The environment variables of each function, as template.yaml sets them: one model per handler."""

import os
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict


def is_on_lambda() -> bool:
    """Return whether this process runs on Lambda."""
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ


class Settings(BaseModel):
    """Base class. The field `table_name` reads the variable TABLE_NAME."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def read(cls) -> Self:
        """Return the settings. Raises ValidationError if a variable is missing or not valid."""
        variables = {name: name.upper() for name in cls.model_fields}
        return cls.model_validate(
            {name: os.environ[key] for name, key in variables.items() if key in os.environ}
        )


class _Records(Settings):
    table_name: str


class _Provider(Settings):
    provider_url: str
    provider_secret_id: str


class _Breaker(Settings):
    breaker_seconds: float


class CreateJobSettings(_Records, _Provider):
    """Settings of OnRequest, and base of all functions that create jobs."""

    assets_bucket: str
    event_bus_name: str
    state_machine_arn: str
    default_deadline_seconds: int
    max_deadline_seconds: int
    record_retention_days: int
    daily_budget_usd: float


class OnUploadSettings(CreateJobSettings):
    """Settings of OnUpload."""

    inbox_bucket: str


class ApiSettings(CreateJobSettings):
    """Settings of Api."""

    allowed_origin: str
    batch_state_machine_arn: str
    duration_scale: float


class CreateRowsSettings(CreateJobSettings):
    """Settings of CreateRows."""

    max_queue_seconds: int


class SweepSettings(_Records, _Provider):
    """Settings of Sweep."""

    assets_bucket: str
    asset_hosts: str
    batch_state_machine_arn: str
    event_bus_name: str
    state_machine_arn: str


class ReconcileSettings(_Records, _Provider):
    """Settings of Reconcile."""

    assets_bucket: str


class OnWebhookSettings(_Records, _Provider):
    """Settings of OnWebhook."""

    state_machine_arn: str


class AuthorizerSettings(_Records):
    """Settings of Authorizer."""


class RecordStatsSettings(_Records):
    """Settings of RecordStats."""


class SubmitSettings(_Records, _Provider, _Breaker):
    """Settings of Submit."""

    assets_bucket: str
    event_bus_name: str
    max_queue_seconds: int
    duration_scale: float
    images_per_minute: int
    jobs_in_flight: int
    ambiguous_submit: Literal["fail", "resubmit"]
    runtime_flags: str


class CheckSettings(_Records, _Provider, _Breaker):
    """Settings of Check."""

    duration_scale: float
    check_poll_seconds: float


class FinalizeSettings(_Records, _Provider):
    """Settings of Finalize."""

    assets_bucket: str
    asset_hosts: str
    event_bus_name: str


class EndSettings(_Records):
    """Settings of Fail, OnExecutionEnded and CollectBatch."""

    assets_bucket: str
    event_bus_name: str
