"""Sweep: repairs overdue jobs, batches and uploads. A schedule invokes it every minute."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed

# Time reserved for the job in progress: copying a large image takes time.
_RESERVED_MILLISECONDS = 120_000


@observed(
    lambda: app().sweep_jobs,
    lambda: app().sweep_batches,
    lambda: app().sweep_keys,
    lambda: app().sweep_uploads,
)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restart, close or recover overdue jobs, batches and uploads, and return their ids.

    Also cancel the jobs and batches of revoked keys, and audit the settings.
    """
    correlate(event["id"])

    def can_continue() -> bool:
        return context.get_remaining_time_in_millis() > _RESERVED_MILLISECONDS

    swept = app().sweep_jobs.run(can_continue)
    batches = app().sweep_batches.run()
    revoked = app().sweep_keys.run(can_continue)
    uploads = app().sweep_uploads.run(can_continue)
    settings = app().audit_settings.run()
    logger.info(
        "sweep", done=swept, batches=batches, revoked=revoked, uploads=uploads, settings=settings
    )
    others = {"batches": batches, "revoked": revoked, "uploads": uploads, "settings": settings}
    return {**swept, **{name: ids for name, ids in others.items() if ids}}
