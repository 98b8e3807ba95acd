"""Executions of the state machines, named after their jobs and batches."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.adapters.batch_files import CHUNKS, key_of
from darkroom.domain.batch import Batch
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
        return _start(self._client, self._arn, job_id, {"job_id": job_id})

    def status(self, job_id: str) -> Execution | None:
        """Return how the job's execution stands; None if there is none."""
        return _status(self._client, self._arn, job_id)

    def wake(self, token: str) -> None:
        """End the wait that `token` stands for; nothing if it has ended already."""
        try:
            self._client.send_task_success(taskToken=token, output="{}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ENDED:
                raise


class BatchMachine:
    """The port BatchWorkflow over Step Functions; the rows' places lie in `bucket`."""

    def __init__(self, client: "SFNClient", arn: str, bucket: str) -> None:
        self._client = client
        self._arn = arn
        self._bucket = bucket

    def start(self, batch: Batch) -> bool:
        """Start the execution of the batch's attempt; a second start does nothing: False."""
        chunks = {"bucket": self._bucket, "key": key_of(batch.batch_id, CHUNKS)}
        told = {"batch_id": batch.batch_id, "chunks": chunks}
        return _start(self._client, self._arn, _name(batch), told)

    def status(self, batch: Batch) -> Execution | None:
        """Return how that execution stands; None if there is none."""
        return _status(self._client, self._arn, _name(batch))


def _name(batch: Batch) -> str:
    return f"{batch.batch_id}-{batch.attempt}"


def _start(client: "SFNClient", arn: str, name: str, told: object) -> bool:
    try:
        client.start_execution(stateMachineArn=arn, name=name, input=json.dumps(told))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        return False
    return True


def _status(client: "SFNClient", arn: str, name: str) -> Execution | None:
    execution = f"{arn.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        answer = client.describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return None
    status = answer["status"]
    return Execution.RUNNING if status == "PENDING_REDRIVE" else Execution(status)
