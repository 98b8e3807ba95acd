"""Quotes and models from QuoteFunction, for functions that may not read the provider's API key."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.catalogue import Catalogue
from darkroom.ports import Clock, NoQuote, Quote

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

MODELS_EVENT = {"models": True}  # asks the function for the models in place of a quote
_MAX_AGE = timedelta(hours=1)
_RETRY = timedelta(minutes=1)  # until the next invocation after a failed one


class FunctionFailedError(Exception):
    """The function raised an error or timed out."""


class QuoteFunction:
    """Port `Quotes` over an invocation. `report` receives the error of a failed one."""

    def __init__(
        self, client: "LambdaClient", name: str, report: Callable[[Exception], None]
    ) -> None:
        self._client = client
        self._name = name
        self._report = report

    def request(self, model: str, inputs: dict[str, Any]) -> Quote | NoQuote:
        """Return the quote of the function; an outage if it fails."""
        reply = self.invoke({"model": model, "inputs": inputs})
        if reply is None:
            return NoQuote(is_outage=True)
        return Quote(**reply) if "micro_usd" in reply else NoQuote(**reply)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the reply of the function; None if it fails."""
        try:
            response = self._client.invoke(FunctionName=self._name, Payload=json.dumps(event))
            reply: dict[str, Any] = json.load(response["Payload"])
        except (BotoCoreError, ClientError) as error:
            self._report(error)
            return None
        if response.get("FunctionError"):
            self._report(FunctionFailedError())
            return None
        return reply


class FunctionModels:
    """Port `Models` over QuoteFunction, with the last list in memory."""

    def __init__(self, function: QuoteFunction, now: Clock) -> None:
        self._function = function
        self._now = now
        self._catalogue: Catalogue | None = None
        self._next_read: datetime | None = None

    def read(self) -> Catalogue | None:
        """Return the models; None if the function has none."""
        now = self._now()
        if self._next_read is None or now >= self._next_read:
            reply = self._function.invoke(MODELS_EVENT) or {}
            encoded = reply.get("models")
            read = Catalogue.decompressed(base64.b64decode(encoded)) if encoded else None
            self._catalogue = read or self._catalogue
            self._next_read = now + (_MAX_AGE if read else _RETRY)
        return self._catalogue
