"""QuoteFunction over a fake Lambda client that runs the handler."""

import io
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from darkroom.adapters.quote_function import QuoteFunction
from darkroom.handlers import quote
from darkroom.ports import Quotes


def quote_function(quotes: Quotes, payloads: list[str] | None = None) -> QuoteFunction:
    """Return the adapter, whose function has these quotes. `payloads` collects its events."""

    def invoke(**request: Any) -> dict[str, Any]:
        if payloads is not None:
            payloads.append(request["Payload"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                quote, "app", lambda: SimpleNamespace(ports=SimpleNamespace(quotes=quotes))
            )
            reply = quote.handler(json.loads(request["Payload"]), cast("Any", _Context()))
        return {"Payload": io.BytesIO(json.dumps(reply).encode())}

    client = cast("Any", SimpleNamespace(invoke=invoke))
    return QuoteFunction(client, "darkroom-quote", lambda _: None)


class _Context:
    aws_request_id = "request"
