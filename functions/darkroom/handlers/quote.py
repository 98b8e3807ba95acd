"""Quote: prices and models of the provider, for functions without the provider's API key."""

import base64
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import logger, observed


@observed(lambda: app().ports.quotes)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the fields of a `Quote` or a `NoQuote`; for `models: true`, the compressed models.

    The inputs have no texts of the caller. A reply of a function has at most 6 MB.
    """
    if event.get("models"):
        catalogue = app().ports.stored_models.read()
        return {"models": catalogue and base64.b64encode(catalogue.compressed()).decode()}
    reply = asdict(app().ports.quotes.request(event["model"], event["inputs"]))
    if "micro_usd" not in reply:
        logger.warning("no quote", model=event["model"], **reply)
    return reply
