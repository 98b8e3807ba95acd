"""Executions of a state machine, one for each attempt of a job or batch."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.domain.executions import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


# Error codes of AWS and of the emulator for a task token that is no longer valid.
_ENDED = frozenset({"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"})


class StateMachine:
    """Port `Workflow` on Step Functions; `id_name` is the record id's name in the input."""

    def __init__(self, client: "SFNClient", arn: str, id_name: str = "job_id") -> None:
        self._client = client
        self._arn = arn
        self._id_name = id_name

    def start(self, record_id: str, attempt: int = 0) -> bool:
        """Start an execution; return False if it was started before."""
        try:
            self._client.start_execution(
                stateMachineArn=self._arn,
                name=_name(record_id, attempt),
                input=json.dumps({self._id_name: record_id}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return False
        return True

    def status(self, record_id: str, attempt: int = 0) -> Execution | None:
        """Return the status of an execution, or None if it does not exist."""
        prefix = self._arn.replace(":stateMachine:", ":execution:")
        arn = f"{prefix}:{_name(record_id, attempt)}"
        try:
            response = self._client.describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None
        status = response["status"]
        return Execution.RUNNING if status == "PENDING_REDRIVE" else Execution(status)

    def wake(self, token: str) -> None:
        """End the wait with this task token; do nothing if the wait has ended."""
        try:
            self._client.send_task_success(taskToken=token, output="{}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ENDED:
                raise


def _name(record_id: str, attempt: int) -> str:
    return f"{record_id}-{attempt}" if attempt else record_id
