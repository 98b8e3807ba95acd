"""Fail: ends one failed job. The state Fail invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.errors import Code
from darkroom.domain.steps import Step
from darkroom.observability import logger, observed


@observed(lambda: app().end_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record the failure, publish JobFailed, and return the step with the failure code."""
    step = Step.model_validate(event)
    code = step.code or Code.INTERNAL_ERROR
    job = app().end_job.fail(step.job_id, code)
    # A job that completed before a crash keeps its outputs. The execution still fails.
    result = step.failed((job and job.code) or code).model_dump(mode="json")
    logger.info("fail", status=job and job.status, **result)
    return result
