"""Executions of the state machine, named after their jobs."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.ports import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


# A wait that has ended, by itself or by an earlier call: on AWS, and on the emulator.
_ENDED = frozenset({"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"})


class StateMachine:
    """The port Workflow over Step Functions."""

    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, job_id: str) -> bool:
        """Start the job's execution; a second start does nothing, and says so by False."""
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=job_id, input=json.dumps({"job_id": job_id})
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return False
        return True

    def status(self, job_id: str) -> Execution | None:
        """Return how the job's execution stands; None if there is none."""
        arn = f"{self._arn.replace(':stateMachine:', ':execution:')}:{job_id}"
        try:
            answer = self._client.describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None
        status = answer["status"]
        return Execution.RUNNING if status == "PENDING_REDRIVE" else Execution(status)

    def wake(self, token: str) -> None:
        """End the wait that `token` stands for; nothing if it has ended already."""
        try:
            self._client.send_task_success(taskToken=token, output="{}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ENDED:
                raise
