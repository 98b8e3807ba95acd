"""ArchiveAudit: copies the audit log to a bucket with Object Lock. CloudWatch Logs invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes import CloudWatchLogsEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, observed


@observed(lambda: app().ports.audit_archive)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store the lines of one delivery as one object, and return its key."""
    correlate("audit")
    lines = CloudWatchLogsEvent(event).parse_logs_data().log_events
    return {
        "key": app().ports.audit_archive.store([(line.timestamp, line.message) for line in lines])
    }
