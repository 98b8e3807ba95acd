"""Check: polls the provider for one job. The state Check invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.steps import Step
from darkroom.observability import logger, observed


@observed(lambda: app().check_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Poll the prediction and return the next step."""
    step = app().check_job.run(Step.model_validate(event))
    result = step.model_dump(mode="json")
    logger.info("check", **result)
    return result
