"""Runtime flags: two Systems Manager parameters, cached for a few seconds."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from darkroom.adapters.cached_value import CachedValue
from darkroom.ports import Clock, RuntimeFlags

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

# Parameter Store allows 40 reads per second by default, for all functions of the account: enough
# for 400 busy containers of Submit.
MAX_AGE = timedelta(seconds=10)
OFF = "off"


class ParameterFlags:
    """Port `FlagStore`: `<prefix>/submits` is on or off, `<prefix>/webhooks` is a URL or off."""

    def __init__(
        self, client: "SSMClient", prefix: str, now: Clock, report: Callable[[Exception], None]
    ) -> None:
        self._client = client
        self._submits, self._webhooks = f"{prefix}/submits", f"{prefix}/webhooks"
        self._flags = CachedValue(self._read, MAX_AGE, now, report)

    def read(self) -> RuntimeFlags:
        """Return the flags, at most 10 seconds old, or older while they cannot be read."""
        return self._flags.get()

    def _read(self) -> RuntimeFlags:
        found = self._client.get_parameters(Names=[self._submits, self._webhooks])["Parameters"]
        values = {parameter["Name"]: parameter["Value"].strip() for parameter in found}
        url = values[self._webhooks]
        return RuntimeFlags(
            submits=values[self._submits].lower() != OFF,
            webhook_url=None if url.lower() == OFF else url.rstrip("/"),
        )
