"""Submit: submits one job to the provider. The state Submit invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import steps
from darkroom.domain.steps import Step
from darkroom.observability import logger, observed


@observed(steps.submit_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Submit the job and return the next step."""
    step = steps.submit_job()(Step.model_validate(event))
    result = step.model_dump(mode="json")
    logger.info("submit", **result)
    return result
