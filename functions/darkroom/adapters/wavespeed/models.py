"""WaveSpeedAI's list of models, reduced to what a person needs to run one."""

import math
from collections.abc import Mapping
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.adapters.wavespeed.http import Key, authorized, micro_usd, read_list, tls_context
from darkroom.domain.catalogue import MAX_MODELS, Catalogue, read_model
from darkroom.ports import Clock

_TIMEOUT = httpx.Timeout(8, connect=2)  # the list has about 2 MB


class WaveSpeedModels:
    """Port `Models` over HTTP."""

    def __init__(
        self, base_url: str, key: Key, now: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/api/v3/models"
        self._key = key
        self._now = now
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport, verify=tls_context())

    def read(self) -> Catalogue | None:
        """Return the models, popular ones first; None without a readable list."""
        try:
            response = authorized(self._client, self._key, "GET", self._url)
        except (httpx.TransportError, httpx.DecodingError, BotoCoreError, ClientError):
            return None
        entries = read_list(response)
        if not entries:
            return None
        read = (read_model(each, _base_price(each)) for each in entries[:MAX_MODELS])
        models = {model.id: model for model in read if model is not None}
        ordered = sorted(models.values(), key=lambda model: model.order)
        return Catalogue(read_at=self._now(), models=tuple(ordered))


def _base_price(entry: Any) -> int | None:
    """Return the price in micro-USD, rounded up; None if it is missing or not positive."""
    dollars = entry.get("base_price") if isinstance(entry, Mapping) else None
    price = micro_usd(str(dollars) if isinstance(dollars, float) else dollars)
    return None if price is None or price <= 0 else math.ceil(price)
