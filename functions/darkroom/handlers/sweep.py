"""Sweep: repairs overdue jobs, batches and uploads. A schedule invokes it every minute."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed

# Time reserved for the job in progress: copying a large image takes time.
_RESERVED_MILLISECONDS = 120_000


@observed(lambda: app().sweep_jobs, lambda: app().sweep_batches, lambda: app().sweep_uploads)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restart, close or recover overdue jobs, batches and uploads, and return their ids."""
    correlate(event["id"])

    def can_continue() -> bool:
        return context.get_remaining_time_in_millis() > _RESERVED_MILLISECONDS

    swept = app().sweep_jobs.run(can_continue)
    batches = app().sweep_batches.run()
    uploads = app().sweep_uploads.run(can_continue)
    logger.info("sweep", done=swept, batches=batches, uploads=uploads)
    others = {"batches": batches, "uploads": uploads}
    return {**swept, **{name: ids for name, ids in others.items() if ids}}
