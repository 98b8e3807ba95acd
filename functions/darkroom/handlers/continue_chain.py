"""ContinueChain: starts the next step of a chain. The rule on the ends of its jobs invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().continue_chain)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Continue the chain of a job that has ended."""
    chain_id: str = event["detail"]["chain_id"]
    correlate(event["detail"]["job_id"])
    chain = app().continue_chain.run(chain_id)
    step = chain and len(chain.jobs) - 1
    logger.info("continue_chain", chain_id=chain_id, status=chain and chain.status, step=step)
    return {"chain_id": chain_id}
