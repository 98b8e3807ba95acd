"""Runtime flags: two Systems Manager parameters, cached for a few seconds."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SSMProvider

from darkroom.ports import RuntimeFlags

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_MAX_AGE = 5  # seconds
OFF = "off"


class ParameterFlags:
    """Port `FlagStore`: `<prefix>/submits` is on or off, `<prefix>/webhooks` is a URL or off."""

    def __init__(self, client: "SSMClient", prefix: str) -> None:
        self._parameters = SSMProvider(boto3_client=client)
        self._prefix = prefix

    def read(self) -> RuntimeFlags:
        """Return the current flags, at most 5 seconds old."""
        values = {
            name: str(self._parameters.get(f"{self._prefix}/{name}", max_age=_MAX_AGE)).strip()
            for name in ("submits", "webhooks")
        }
        url = values["webhooks"]
        return RuntimeFlags(
            submits=values["submits"].lower() != OFF,
            webhook_url=None if url.lower() == OFF else url.rstrip("/"),
        )
