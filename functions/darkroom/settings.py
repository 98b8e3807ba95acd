"""What each function reads from its environment: one model a handler, the template's other half."""

import os
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict


def is_on_lambda() -> bool:
    """Tell whether Lambda has started this process."""
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ


class Settings(BaseModel):
    """Base: a field `table_name` is the variable TABLE_NAME."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def read(cls) -> Self:
        """Read the environment; raises ValidationError if a variable is missing or wrong."""
        names = {name: name.upper() for name in cls.model_fields}
        return cls.model_validate(
            {name: os.environ[key] for name, key in names.items() if key in os.environ}
        )


class _Records(Settings):
    table_name: str


class _Provider(Settings):
    provider_url: str
    provider_secret_id: str


class _Line(Settings):
    breaker_seconds: float


class CreateJobSettings(_Records, _Provider):
    """Of every function that makes jobs; of the function OnRequest nothing besides."""

    assets_bucket: str
    event_bus_name: str
    state_machine_arn: str
    default_deadline_seconds: int
    max_deadline_seconds: int
    record_retention_days: int
    daily_budget_usd: float


class OnUploadSettings(CreateJobSettings):
    """Of the function OnUpload."""

    inbox_bucket: str


class ApiSettings(CreateJobSettings):
    """Of the function Api."""

    allowed_origin: str
    batch_state_machine_arn: str
    duration_scale: float


class CreateRowsSettings(CreateJobSettings):
    """Of the function CreateRows."""

    max_queue_seconds: int


class SweepSettings(_Records, _Provider):
    """Of the function Sweep."""

    assets_bucket: str
    asset_hosts: str
    batch_state_machine_arn: str
    event_bus_name: str
    state_machine_arn: str


class ReconcileSettings(_Records, _Provider):
    """Of the function Reconcile."""

    assets_bucket: str


class OnWebhookSettings(_Records, _Provider):
    """Of the function OnWebhook."""

    state_machine_arn: str


class AuthorizerSettings(_Records):
    """Of the function Authorizer."""


class RecordStatsSettings(_Records):
    """Of the function Tally."""


class SubmitSettings(_Records, _Provider, _Line):
    """Of the function Submit."""

    assets_bucket: str
    event_bus_name: str
    max_queue_seconds: int
    duration_scale: float
    images_per_minute: int
    jobs_in_flight: int
    ambiguous_submit: Literal["fail", "resubmit"]
    runtime_flags: str


class CheckSettings(_Records, _Provider, _Line):
    """Of the function Check."""

    duration_scale: float
    check_poll_seconds: float


class FinalizeSettings(_Records, _Provider):
    """Of the function Finalize."""

    assets_bucket: str
    asset_hosts: str
    event_bus_name: str


class EndSettings(_Records):
    """Of the functions Fail, OnExecutionEnded and Gather."""

    assets_bucket: str
    event_bus_name: str
