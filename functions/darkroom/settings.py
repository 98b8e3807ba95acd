"""The settings of all functions: the environment variables of template.yaml, read once."""

import os
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict


def is_on_lambda() -> bool:
    """Return whether this process runs on Lambda."""
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ


def function_name() -> str | None:
    """Return the name of this Lambda function, or None outside Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


class Settings(BaseModel):
    """The field `table_name` has the value of the variable TABLE_NAME."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table_name: str
    assets_bucket: str
    inbox_bucket: str
    event_bus_name: str
    state_machine_arn: str
    batch_state_machine_arn: str
    callback_queue: str  # URL
    callback_secret_id: str  # of the master secret
    emulator: str  # "none" on AWS
    audit_log: str  # name of the log group
    audit_bucket: str  # empty for none
    runtime_flags: str  # prefix of the names of the SSM parameters

    quote_function: str
    zip_function: str
    provider_url: str
    provider_secret_id: str
    asset_hosts: str  # patterns of host names, separated by commas
    duration_scale: float
    images_per_minute: int
    jobs_in_flight: int

    daily_budget_usd: float  # 0 for none
    max_queue_seconds: int
    check_poll_seconds: float
    ambiguous_submit: Literal["fail", "resubmit"]
    unknown_prices: Literal["all", "admin", "none"]
    record_retention_days: int
    requests_per_minute: int  # of one API key; 0 for no limit
    allowed_origin: str  # empty for none

    @property
    def local_callbacks(self) -> bool:
        """Whether callback URLs may name the local machine.

        Never on Lambda, where the local machine has the runtime API of the function.
        """
        return self.emulator != "none" and "AWS_LAMBDA_RUNTIME_API" not in os.environ

    @classmethod
    def read(cls) -> Self:
        """Return the settings. Raises ValidationError if a variable is missing or not valid."""
        variables = {name: name.upper() for name in cls.model_fields}
        return cls.model_validate(
            {name: os.environ[key] for name, key in variables.items() if key in os.environ}
        )
