"""Fail: end one job that cannot go on. Called by the Fail state."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import steps
from darkroom.domain.errors import Code
from darkroom.domain.steps import Step
from darkroom.observability import logger, observed


@observed(steps.end_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record why, tell the bus, and return the code that the execution ends with."""
    step = Step.model_validate(event)
    code = step.code or Code.INTERNAL_ERROR
    job = steps.end_job().fail(step.job_id, code)
    # A job that was stored before a later crash keeps its outputs; the crash still shows red.
    result = step.failed((job and job.code) or code).model_dump(mode="json")
    logger.info("fail", status=job and job.status, **result)
    return result
