"""The audit log: a CloudWatch log group of its own. No function may delete or change its lines."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.audit import AuditEntry

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


class AuditLog:
    """Port `Audit` on CloudWatch Logs: one stream per process, one JSON line per act."""

    def __init__(
        self,
        client: "CloudWatchLogsClient",
        log_group: str,
        report: Callable[[dict[str, Any], Exception], None],
    ) -> None:
        self._client = client
        self._log_group = log_group
        self._report = report
        self._stream: str | None = None

    def record(self, entry: AuditEntry) -> None:
        """Append the entry. An entry that cannot be written is reported; nothing is raised."""
        try:
            self._client.put_log_events(
                logGroupName=self._log_group,
                logStreamName=self._open(),
                logEvents=[
                    {
                        "timestamp": round(entry.time.timestamp() * 1000),
                        "message": entry.model_dump_json(),
                    }
                ],
            )
        except (BotoCoreError, ClientError) as error:
            self._report(entry.model_dump(mode="json"), error)

    def _open(self) -> str:
        if self._stream is None:
            stream = str(uuid.uuid4())
            self._client.create_log_stream(logGroupName=self._log_group, logStreamName=stream)
            self._stream = stream
        return self._stream
