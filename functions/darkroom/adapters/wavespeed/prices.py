"""Price quotes: WaveSpeedAI's quote, cached, or else the published price tables."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.adapters.wavespeed.http import Key, authorized, micro_usd, read_data, tls_context
from darkroom.domain import pricing
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Clock, Quote

# Short, because a caller waits for the response and the tables are a good fallback.
_TIMEOUT = httpx.Timeout(3, connect=2)
_PATHS = ("model/price", "model/pricing")  # the current path, and the one it replaces
# The first existing field is the price that is charged.
_FIELDS = ("discounted_price", "price", "unit_price")
_CACHE_TIME = timedelta(hours=1)
_FAILURE_CACHE_TIME = timedelta(minutes=1)
_MAX_CACHED = 1_000
_MAX_PRICE = 100 * 1_000_000  # micro-USD; a higher quote is ignored
# Models whose price does not depend on the length of the prompt.
_PRICED_PER_IMAGE = (TEXT_TO_IMAGE_MODEL, EDIT_MODEL)
# A setting, such as 1024*1024 or Friendly_Person. Any other text is treated as the caller's own.
_SETTING = re.compile(r"[A-Za-z0-9_.:*+-]{0,40}")
_LINK = re.compile(r"(https?://|data:|s3:)", re.I)
_PLACEHOLDER_IMAGE = "https://example.com/picture.png"


@dataclass(frozen=True)
class _CachedQuote:
    quote: Quote | None
    until: datetime


class WaveSpeedPrices:
    """Port `Prices` over HTTP. A quote is free, and the published tables replace a missing one."""

    def __init__(
        self, base_url: str, key: Key, now: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._key = key
        self._now = now
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport, verify=tls_context())
        self._path = _PATHS[0]  # the path that worked last
        self._cache: dict[str, _CachedQuote] = {}
        self._paused_until: datetime | None = None

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the provider's quote, or else the price from the published tables.

        Return None if neither has a price.
        """
        quote = self._provider_quote(model, _masked_inputs(model, model_input, images))
        if quote is not None:
            return quote
        estimate = pricing.estimate_cost(model, model_input, images)
        return None if estimate is None else Quote(estimate, pricing.AS_OF)

    def _provider_quote(self, model: str, inputs: Mapping[str, Any]) -> Quote | None:
        query = json.dumps([model, inputs], sort_keys=True)
        name, now = hashlib.sha256(query.encode()).hexdigest(), self._now()
        cached = self._cache.get(name)
        if cached is not None and now < cached.until:
            return cached.quote
        if self._paused_until is not None and now < self._paused_until:
            return None
        price = self._request_price(model, inputs)
        quote = None if price is None else Quote(price, now.date().isoformat())
        self._cache.pop(name, None)
        if len(self._cache) >= _MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        cache_time = _FAILURE_CACHE_TIME if quote is None else _CACHE_TIME
        self._cache[name] = _CachedQuote(quote, now + cache_time)
        return quote

    def _request_price(self, model: str, inputs: Mapping[str, Any]) -> int | None:
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
                # Every model would fail alike: pause, so that further requests do not wait.
                self._paused_until = self._now() + _FAILURE_CACHE_TIME
                return None
            if response.status_code == httpx.codes.NOT_FOUND:  # the path, or the model
                continue
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS):
                self._paused_until = self._now() + _FAILURE_CACHE_TIME
                return None
            price = _price(read_data(response) or {})
            if price is not None:
                self._path = path
            return price
        return None


def _price(data: Mapping[str, Any]) -> int | None:
    """Return the price, rounded up to a micro-USD; None if it is missing or out of range."""
    if data.get("currency") != "USD":
        return None
    price = micro_usd(next((data[name] for name in _FIELDS if data.get(name) is not None), None))
    # A price of zero or less would fit into every budget.
    return math.ceil(price) if price is not None and 0 < price <= _MAX_PRICE else None


def _masked_inputs(model: str, model_input: Mapping[str, Any], images: int) -> dict[str, Any]:
    """Return the inputs for a quote, with the caller's texts and links replaced by placeholders.

    The job may never be sent, so the quote must not disclose them. Placeholders are needed because
    a schema may require the fields, and a price can depend on their number: GPT Image 2 charges for
    each further image, other models for each character.
    """
    length = 1 if model in _PRICED_PER_IMAGE else None
    inputs: dict[str, Any] = {
        name: _masked(name, value, length) for name, value in model_input.items()
    }
    return inputs | {"images": [_PLACEHOLDER_IMAGE] * images} if images else inputs


def _masked(name: str, value: Any, length: int | None) -> Any:
    match value:
        case dict():
            return {str(key): _masked(str(key), item, length) for key, item in value.items()}
        case list():
            return [_masked(name, item, length) for item in value]
        case str() if _LINK.match(value):
            return _PLACEHOLDER_IMAGE
        case str() if "prompt" in name or "text" in name or not _SETTING.fullmatch(value):
            return "x" * (length or len(value))
        case _:
            return value
