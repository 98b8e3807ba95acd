"""How WaveSpeedAI's API is called: with the key, whole replies, exact sums, UTC moments."""

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

_MAX_REPLY = 16_000_000  # bytes: a page of 100 edits, each of 16 signed URLs, has 4 MB and more
_MOST_DOLLARS = Decimal(1_000_000)
_MICRO = 1_000_000


class Key(Protocol):
    """Where the API key comes from."""

    def read(self, *, fresh: bool = False) -> SecretStr:
        """Return the key; `fresh` reads it past any cache."""


def authorized(
    client: httpx.Client, key: Key, method: str, url: str, body: Mapping[str, Any] | None = None
) -> httpx.Response:
    """Send with the key; once more with a fresh one if it was refused."""
    response = _send(client, method, url, key.read(), body)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        response = _send(client, method, url, key.read(fresh=True), body)
    return response


def read_data(response: httpx.Response) -> Mapping[str, Any] | None:
    """Return the data of a reply that says success, its numbers exact; None of any other."""
    if not response.is_success:
        return None
    try:
        body = json.loads(response.content, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    if not isinstance(body, Mapping) or body.get("code", 200) != httpx.codes.OK:
        return None
    data = body.get("data")
    return data if isinstance(data, Mapping) else None


def micro_usd(dollars: object) -> Decimal | None:
    """Return an amount in micro-USD, not yet rounded; None if it is no amount, or absurd."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | Decimal | str):
        return None
    try:
        amount = Decimal(dollars)
    except ArithmeticError:
        return None
    # Compared before anything is computed with it: an exponent can be without end.
    believable = amount.is_finite() and -_MOST_DOLLARS <= amount <= _MOST_DOLLARS
    return amount * _MICRO if believable else None


def write_moment(moment: datetime) -> str:
    """Return a moment as the API takes it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(text: object) -> datetime:
    """Return the moment that the API wrote, with up to nine digits; raises ValueError."""
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text)))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _send(
    client: httpx.Client, method: str, url: str, key: SecretStr, body: Mapping[str, Any] | None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    content, give_up_at = bytearray(), time.monotonic() + (client.timeout.read or 0) + 2
    with client.stream(method, url, headers=headers, json=body) as response:
        for chunk in response.iter_bytes():
            content += chunk
            # The time-out is for one read: a reply that drips would never meet it.
            if time.monotonic() > give_up_at or len(content) > _MAX_REPLY:
                raise httpx.ReadTimeout("the reply does not end")
    kept = [(name, value) for name, value in response.headers.raw if name.lower() == b"retry-after"]
    return httpx.Response(response.status_code, headers=kept, content=bytes(content))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
