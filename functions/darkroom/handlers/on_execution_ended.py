"""OnExecutionEnded: ends open jobs of failed executions. An EventBridge rule invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.executions import Execution, failure_code
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().end_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """End the job of a failed, aborted or timed-out execution, if the job is open."""
    execution = event["detail"]
    job_id = execution["name"]
    correlate(job_id)
    code = failure_code(Execution(execution["status"]), execution.get("error"))
    job = app().end_job.fail(job_id, code)
    status = job and job.status
    logger.info(
        "execution ended", execution=execution["status"], status=status, code=job and job.code
    )
    return {"job_id": job_id, "status": status}
