"""Quotes from QuoteFunction, for functions that may not read the provider's API key."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.ports import NoQuote, Quote

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


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
        payload = json.dumps({"model": model, "inputs": inputs})
        try:
            response = self._client.invoke(FunctionName=self._name, Payload=payload)
            reply = json.load(response["Payload"])
        except (BotoCoreError, ClientError) as error:
            self._report(error)
            return NoQuote(is_outage=True)
        if response.get("FunctionError"):
            self._report(FunctionFailedError())
            return NoQuote(is_outage=True)
        return Quote(**reply) if "micro_usd" in reply else NoQuote(**reply)
