"""Submit: submits one job to the provider. The state Submit invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.steps import Step
from darkroom.observability import logger, observed


@observed(lambda: app().submit_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Submit the job and return the next step."""
    step = app().submit_job.run(Step.model_validate(event))
    result = step.model_dump(mode="json")
    logger.info("submit", **result)
    return result
