"""HTTP calls of WaveSpeedAI's API: TLS, authorization, complete replies, amounts and times."""

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

_MAX_REPLY = 16_000_000  # bytes; a page of 100 edits with 16 signed URLs each exceeds 4 MB
_MAX_DOLLARS = Decimal(1_000_000)
_MICRO = 1_000_000


class Key(Protocol):
    """A source of the API key."""

    def read(self, *, fresh: bool = False) -> SecretStr:
        """Return the key; `fresh` bypasses the cache."""


@cache
def tls_context() -> ssl.SSLContext:
    """Return the shared TLS context: loading the CA certificates is slow, so it happens once."""
    return httpx.create_ssl_context()


def authorized(
    client: httpx.Client, key: Key, method: str, url: str, body: Mapping[str, Any] | None = None
) -> httpx.Response:
    """Send a request with the key; repeat it once with a fresh key after a 401."""
    response = _send(client, method, url, key.read(), body)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        response = _send(client, method, url, key.read(fresh=True), body)
    return response


def read_data(response: httpx.Response) -> Mapping[str, Any] | None:
    """Return the data of a successful reply, with exact numbers; None for any other reply."""
    data = _read(response, Decimal)
    return data if isinstance(data, Mapping) else None


def read_list(response: httpx.Response) -> list[Any] | None:
    """Return the list of a successful reply; None for any other reply."""
    data = _read(response, float)
    return data if isinstance(data, list) else None


def _read(response: httpx.Response, parse_float: Callable[[str], Any]) -> object:
    if not response.is_success:
        return None
    try:
        body = json.loads(response.content, parse_float=parse_float, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    if not isinstance(body, Mapping) or body.get("code", 200) != httpx.codes.OK:
        return None
    return body.get("data")


def micro_usd(dollars: object) -> Decimal | None:
    """Return an amount in micro-USD, unrounded; None if invalid or above a million dollars."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | Decimal | str):
        return None
    try:
        amount = Decimal(dollars)
    except ArithmeticError:
        return None
    # Check the bounds before any arithmetic: the exponent can be huge.
    is_valid = amount.is_finite() and -_MAX_DOLLARS <= amount <= _MAX_DOLLARS
    return amount * _MICRO if is_valid else None


def write_moment(moment: datetime) -> str:
    """Return a time in the format of the API."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(text: object) -> datetime:
    """Parse a time of the API, with up to nine fractional digits. Raises ValueError."""
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text)))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _send(
    client: httpx.Client, method: str, url: str, key: SecretStr, body: Mapping[str, Any] | None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    content, deadline = bytearray(), time.monotonic() + (client.timeout.read or 0) + 2
    with client.stream(method, url, headers=headers, json=body) as response:
        for chunk in response.iter_bytes():
            content += chunk
            # httpx applies its timeout to each read, so a slow stream would never reach it.
            if time.monotonic() > deadline or len(content) > _MAX_REPLY:
                raise httpx.ReadTimeout("the reply does not end")
    retry_after = [
        (name, value) for name, value in response.headers.raw if name.lower() == b"retry-after"
    ]
    return httpx.Response(response.status_code, headers=retry_after, content=bytes(content))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
