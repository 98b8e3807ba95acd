"""OnExecutionEnded: ends open jobs of failed executions. An EventBridge rule invokes it."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import steps
from darkroom.domain.errors import Code
from darkroom.observability import correlate, logger, observed

_CODES = {"ABORTED": Code.CANCELED, "TIMED_OUT": Code.DEADLINE_EXCEEDED}


@observed(steps.end_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """End the job of a failed, aborted or timed-out execution, if the job is open."""
    execution = event["detail"]
    job_id = execution["name"]
    correlate(job_id)
    job = steps.end_job().fail(job_id, _code(execution))
    status, code = (job.status, job.code) if job else (None, None)
    logger.info("execution ended", execution=execution["status"], status=status, code=code)
    return {"job_id": job_id, "status": status}


def _code(execution: Mapping[str, Any]) -> Code:
    """Return the failure code: the execution's error if it is a code, or else by its status."""
    error = execution.get("error")
    if error in list(Code):
        return Code(error)
    return _CODES.get(execution["status"], Code.INTERNAL_ERROR)
