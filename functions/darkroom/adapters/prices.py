"""Price quotes, cached, or else the published price tables."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from darkroom.domain import pricing
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Clock, NoQuote, Quote, Quotes

_CACHE_TIME = timedelta(hours=1)
_FAILURE_CACHE_TIME = timedelta(minutes=1)
_MAX_CACHED = 1_000
# Models whose price does not depend on the length of the prompt.
_PRICED_PER_IMAGE = (TEXT_TO_IMAGE_MODEL, EDIT_MODEL)
# A setting, such as 1024*1024 or Friendly_Person. Any other text is treated as the caller's own.
_SETTING = re.compile(r"[A-Za-z0-9_.:*+-]{0,40}")
# A text that only begins with a link is a text, whose length can count.
_LINK = re.compile(r"(https?://|data:|s3:)\S*", re.I)
_PLACEHOLDER_IMAGE = "https://example.com/picture.png"
# Submit replaces the name of an object in a text by a presigned URL of at most this length.
_OBJECT, _PRESIGNED = "s3://", 2_000


@dataclass(frozen=True)
class _CachedQuote:
    quote: Quote | None
    until: datetime


class QuotedPrices:
    """Port `Prices`. A quote is free, and the published tables replace a missing one."""

    def __init__(self, quotes: Quotes, now: Clock) -> None:
        self._quotes = quotes
        self._now = now
        self._cache: dict[str, _CachedQuote] = {}
        self._paused_until: datetime | None = None

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the provider's quote, or else the price from the published tables.

        Return None if neither has a price.
        """
        quote = self._quote(model, _masked_inputs(model, model_input, images))
        return quote or self.published(model, model_input, images)

    def published(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the price from the published tables, or None if they have none."""
        estimate = pricing.estimate_cost(model, model_input, images)
        return None if estimate is None else Quote(estimate, pricing.AS_OF)

    def _quote(self, model: str, inputs: dict[str, Any]) -> Quote | None:
        query = json.dumps([model, inputs], sort_keys=True)
        name, now = hashlib.sha256(query.encode()).hexdigest(), self._now()
        cached = self._cache.get(name)
        if cached is not None and now < cached.until:
            return cached.quote
        if self._paused_until is not None and now < self._paused_until:
            return None
        reply = self._quotes.request(model, inputs)
        if isinstance(reply, NoQuote) and reply.is_outage:
            # Every model would fail alike: pause, so that further requests do not wait.
            self._paused_until = now + _FAILURE_CACHE_TIME
            return None
        quote = reply if isinstance(reply, Quote) else None
        self._cache.pop(name, None)
        if len(self._cache) >= _MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        cache_time = _FAILURE_CACHE_TIME if quote is None else _CACHE_TIME
        self._cache[name] = _CachedQuote(quote, now + cache_time)
        return quote


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
    is_text = "prompt" in name or "text" in name
    match value:
        case dict():
            return {str(key): _masked(str(key), item, length) for key, item in value.items()}
        case list():
            return [_masked(name, item, length) for item in value]
        case str() if _LINK.fullmatch(value):
            # A link in a field of text can be a text: the placeholder is as long.
            return _PLACEHOLDER_IMAGE.ljust((length or _sent(value)) if is_text else 0, "x")
        case str() if is_text or not _SETTING.fullmatch(value):
            return "x" * (length or _sent(value))
        case _:
            return value


def _sent(text: str) -> int:
    """Return the length of a text as the provider receives it."""
    return len(text) + _PRESIGNED * text.count(_OBJECT)
