"""The options of `make run` and `make up`: environment variables, all optional."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from local.errors import LocalError

SIMULATOR_TIME_SCALE = 0.1


class Options(BaseModel):
    """The provider and the time scale of the simulator."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    provider: Literal["simulator", "wavespeed"] = "simulator"
    provider_url: str | None = Field(default=None, pattern=r"^https?://[^/]+$")
    provider_key: SecretStr | None = None
    wavespeed_api_key: SecretStr | None = None
    time_scale: float | None = Field(default=None, gt=0, le=10)

    @field_validator("provider_url", mode="before")
    @classmethod
    def _without_a_slash(cls, url: object) -> object:
        return url.rstrip("/") if isinstance(url, str) else url

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.provider == "wavespeed" and self.wavespeed_api_key is None:
            raise ValueError("PROVIDER=wavespeed needs WAVESPEED_API_KEY in the environment")
        if self.provider == "wavespeed" and self.provider_url is not None:
            raise ValueError("PROVIDER=wavespeed and PROVIDER_URL are mutually exclusive")
        if (self.provider_url is None) != (self.provider_key is None):
            raise ValueError("PROVIDER_URL and PROVIDER_KEY must be set together")
        return self

    @property
    def scale(self) -> float:
        """The duration of an image as a multiple of the published durations."""
        if self.time_scale is not None:
            return self.time_scale
        return SIMULATOR_TIME_SCALE if self.provider == "simulator" else 1.0


def read[M: BaseModel](model: type[M], variables: Mapping[str, str]) -> M:
    """Return the model from variables with the upper-case names of its fields.

    An empty variable counts as not set. Raises LocalError for invalid values.
    """
    values = {
        name: variables[name.upper()] for name in model.model_fields if variables.get(name.upper())
    }
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise LocalError("; ".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: Mapping[str, object]) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    location = problem["loc"]
    if not isinstance(location, tuple) or not location:
        return message
    return f"{str(location[0]).upper()}: {message[:1].lower()}{message[1:]}"
