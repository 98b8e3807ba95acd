"""Quote: requests the provider's price. Functions without the provider's API key invoke it."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import logger, observed


@observed(lambda: app().ports.quotes)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the fields of a `Quote` or a `NoQuote`. The inputs have no texts of the caller."""
    reply = asdict(app().ports.quotes.request(event["model"], event["inputs"]))
    if "micro_usd" not in reply:
        logger.warning("no quote", model=event["model"], **reply)
    return reply
