"""Finalize: stores the outputs of one job. The state Finalize invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.steps import Step
from darkroom.observability import logger, observed


@observed(lambda: app().finalize_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store the outputs and return the next step."""
    step = app().finalize_job.run(Step.model_validate(event))
    result = step.model_dump(mode="json")
    logger.info("finalize", **result)
    return result
