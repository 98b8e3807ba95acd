"""WaveSpeedAI's price quotes."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.adapters.wavespeed.http import Key, authorized, micro_usd, read_data, tls_context
from darkroom.ports import Clock, NoQuote, Quote

# Short, because a caller waits for the response and the tables are a good fallback.
_TIMEOUT = httpx.Timeout(3, connect=2)
_PATHS = ("model/price", "model/pricing")  # the current path, and the one it replaces
# The first existing field is the price that is charged.
_FIELDS = ("discounted_price", "price", "unit_price")
_MAX_PRICE = 100 * 1_000_000  # micro-USD; a higher quote is ignored


class WaveSpeedQuotes:
    """Port `Quotes` over HTTP."""

    def __init__(
        self, base_url: str, key: Key, now: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._key = key
        self._now = now
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport, verify=tls_context())
        self._path = _PATHS[0]  # the path that worked last

    def request(self, model: str, inputs: dict[str, Any]) -> Quote | NoQuote:
        """Return the provider's quote for a model with these inputs."""
        for path in sorted(_PATHS, key=lambda path: path != self._path):
            try:
                response = authorized(
                    self._client,
                    self._key,
                    "POST",
                    f"{self._base}/{path}",
                    {"model_id": model, "inputs": inputs},
                )
            except (httpx.TransportError, httpx.DecodingError, BotoCoreError, ClientError):
                return NoQuote(is_outage=True)
            if response.status_code == httpx.codes.NOT_FOUND:  # the path, or the model
                continue
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS):
                return NoQuote(is_outage=True)
            quote = _quote(read_data(response) or {}, self._now())
            if isinstance(quote, Quote):
                self._path = path
            return quote
        return NoQuote()


def _quote(data: Mapping[str, Any], now: datetime) -> Quote | NoQuote:
    """Return the price, rounded up to a micro-USD; no quote if it is missing or out of range."""
    if data.get("currency") != "USD":
        return NoQuote()
    price = micro_usd(next((data[name] for name in _FIELDS if data.get(name) is not None), None))
    # A price of zero or less would fit into every budget.
    if price is None or not 0 < price <= _MAX_PRICE:
        return NoQuote()
    return Quote(math.ceil(price), now.date().isoformat())
