"""What a job will cost: WaveSpeedAI's own quote, kept for a while, or else the published tables."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from darkroom.adapters import tls
from darkroom.adapters.wavespeed_http import Key, authorized, micro_usd, read_data
from darkroom.domain import pricing
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Clock, Quote

# Somebody waits for the answer, and the tables are good enough.
_TIMEOUT = httpx.Timeout(3, connect=2)
_PATHS = ("model/price", "model/pricing")  # the newer, and the one that it takes the place of
_FIELDS = ("discounted_price", "price", "unit_price")  # the first that is there is what is paid
_KEPT = timedelta(hours=1)
_FAILED = timedelta(minutes=1)
_MOST_KEPT = 1_000
_MOST_BELIEVED = 100 * 1_000_000  # micro-USD
# The tables and formulas of these know no price by the length of the prompt.
_BY_THE_PICTURE = (TEXT_TO_IMAGE_MODEL, EDIT_MODEL)
# A setting, such as 1024*1024 or Friendly_Person; any other text is somebody's words, or a link.
_SETTING = re.compile(r"[A-Za-z0-9_.:*+-]{0,40}")
_LINK = re.compile(r"(https?://|data:|s3:)", re.I)
_PICTURE = "https://example.com/picture.png"


@dataclass(frozen=True)
class _Kept:
    quote: Quote | None
    until: datetime


class WaveSpeedPrices:
    """The port Prices over HTTP. It costs nothing to ask, and nothing depends on an answer."""

    def __init__(
        self, base_url: str, key: Key, now: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._key = key
        self._now = now
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport, verify=tls.context())
        self._path = _PATHS[0]  # the one that worked last
        self._kept: dict[str, _Kept] = {}
        self._silent_until: datetime | None = None

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the provider's own quote, or else the published tables' price."""
        found = self._known(model, _told(model, model_input, images))
        if found is not None:
            return found
        estimate = pricing.estimate(model, model_input, images)
        return None if estimate is None else Quote(estimate, pricing.AS_OF)

    def _known(self, model: str, told: Mapping[str, Any]) -> Quote | None:
        asked = json.dumps([model, told], sort_keys=True)
        name, now = hashlib.sha256(asked.encode()).hexdigest(), self._now()
        kept = self._kept.get(name)
        if kept is not None and now < kept.until:
            return kept.quote
        if self._silent_until is not None and now < self._silent_until:
            return None
        price = self._ask(model, told)
        quote = None if price is None else Quote(price, now.date().isoformat())
        self._kept.pop(name, None)
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = _Kept(quote, now + (_FAILED if quote is None else _KEPT))
        return quote

    def _ask(self, model: str, told: Mapping[str, Any]) -> int | None:
        for path in sorted(_PATHS, key=lambda each: each != self._path):
            try:
                response = authorized(
                    self._client,
                    self._key,
                    "POST",
                    f"{self._base}/{path}",
                    {"model_id": model, "inputs": told},
                )
            except (httpx.TransportError, httpx.DecodingError, GetParameterError):
                # It would be so for every model: not each request is to wait for that.
                self._silent_until = self._now() + _FAILED
                return None
            if response.status_code == httpx.codes.NOT_FOUND:  # the path, or the model
                continue
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS):
                self._silent_until = self._now() + _FAILED
                return None
            price = _price(read_data(response) or {})
            if price is not None:
                self._path = path
            return price
        return None


def _price(data: Mapping[str, Any]) -> int | None:
    """Return what will be paid, rounded up to a micro-USD; None if that cannot be believed."""
    if data.get("currency") != "USD":
        return None
    price = micro_usd(next((data[name] for name in _FIELDS if data.get(name) is not None), None))
    # A job for nothing, or one that pays us, would fit into any budget.
    return math.ceil(price) if price is not None and 0 < price <= _MOST_BELIEVED else None


def _told(model: str, model_input: Mapping[str, Any], images: int) -> dict[str, Any]:
    """Return what the provider is told of an input: what a price can depend on, and no more.

    No words and no links of a caller's: the job may never be sent. But a schema may want them to be
    there, and a price can count them: GPT Image 2's adds something for each further image, other
    models' something for each letter. So what is left out has a placeholder in its place.
    """
    length = 1 if model in _BY_THE_PICTURE else None
    told: dict[str, Any] = {name: _bare(name, each, length) for name, each in model_input.items()}
    return told | {"images": [_PICTURE] * images} if images else told


def _bare(name: str, value: Any, length: int | None) -> Any:
    match value:
        case dict():
            return {str(inner): _bare(str(inner), each, length) for inner, each in value.items()}
        case list():
            return [_bare(name, each, length) for each in value]
        case str() if _LINK.match(value):
            return _PICTURE
        case str() if "prompt" in name or "text" in name or not _SETTING.fullmatch(value):
            return "x" * (length or len(value))
        case _:
            return value
