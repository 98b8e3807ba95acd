"""Runtime flags: Systems Manager parameters, cached for a few seconds."""

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from darkroom.adapters.cached_value import CachedValue
from darkroom.domain import callers
from darkroom.domain.callers import Caller
from darkroom.domain.keys import Creator
from darkroom.ports import Clock, RuntimeFlags

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

# Parameter Store allows 40 reads per second by default, for all functions of the account: enough
# for 400 busy containers of Submit.
MAX_AGE = timedelta(seconds=10)
ON, OFF = "on", "off"


class _Change(BaseModel):
    """Who has changed the parameter of submission through the API, and its version since then."""

    version: int
    by: Creator


class ParameterFlags:
    """Port `FlagStore`: `<prefix>/submits` is on or off, `<prefix>/webhooks` is a URL or off.

    `<prefix>/submits-changed` names who has changed `submits` through the API.
    """

    def __init__(
        self, client: "SSMClient", prefix: str, now: Clock, report: Callable[[Exception], None]
    ) -> None:
        self._client = client
        self._submits, self._webhooks = f"{prefix}/submits", f"{prefix}/webhooks"
        self._changed = f"{prefix}/submits-changed"
        self._flags = CachedValue(self._read, MAX_AGE, now, report)

    def read(self) -> RuntimeFlags:
        """Return the flags, at most 10 seconds old, or older while they cannot be read."""
        return self._flags.get()

    def set_submits(self, by: Caller, *, submits: bool) -> None:
        """Turn submission on or off, and store who did."""
        written = self._client.put_parameter(
            Name=self._submits, Value=ON if submits else OFF, Overwrite=True
        )
        change = _Change(version=written["Version"], by=Creator.of(by))
        self._client.put_parameter(
            Name=self._changed, Value=change.model_dump_json(), Overwrite=True
        )

    def _read(self) -> RuntimeFlags:
        names = [self._submits, self._webhooks, self._changed]
        found = self._client.get_parameters(Names=names)["Parameters"]
        by_name = {parameter["Name"]: parameter for parameter in found}
        submits, url = by_name[self._submits], by_name[self._webhooks]["Value"].strip()
        is_on = submits["Value"].strip().lower() != OFF
        changed = by_name[self._changed]["Value"] if self._changed in by_name else ""
        return RuntimeFlags(
            submits=is_on,
            webhook_url=None if url.lower() == OFF else url.rstrip("/"),
            paused_at=None if is_on else submits["LastModifiedDate"].astimezone(UTC),
            paused_by=None if is_on else _author(changed, submits["Version"]),
        )


def _author(text: str, version: int) -> Creator:
    """Return who has written a version. `text` names the last author through the API."""
    try:
        change = _Change.model_validate_json(text)
    except ValidationError:
        change = None
    if change and change.version == version:
        return change.by
    return Creator.of(callers.AWS)
