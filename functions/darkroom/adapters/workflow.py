"""Executions of the state machines. Their names contain the job id or batch id."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.adapters.s3.batch_files import CHUNKS, key_of
from darkroom.domain.batch import Batch
from darkroom.ports import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


# Error codes of AWS and of the emulator for a task token that is no longer valid.
_ENDED = frozenset({"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"})


class StateMachine:
    """Port `Workflow` on Step Functions."""

    def __init__(self, client: "SFNClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, job_id: str) -> bool:
        """Start the job's execution; return False if it was started before."""
        return _start(self._client, self._arn, job_id, {"job_id": job_id})

    def status(self, job_id: str) -> Execution | None:
        """Return the status of the job's execution, or None if it does not exist."""
        return _status(self._client, self._arn, job_id)

    def wake(self, token: str) -> None:
        """End the wait with this task token; do nothing if the wait has ended."""
        try:
            self._client.send_task_success(taskToken=token, output="{}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ENDED:
                raise


class BatchMachine:
    """Port `BatchWorkflow` on Step Functions; `bucket` contains the batch files."""

    def __init__(self, client: "SFNClient", arn: str, bucket: str) -> None:
        self._client = client
        self._arn = arn
        self._bucket = bucket

    def start(self, batch: Batch) -> bool:
        """Start the execution of the batch's attempt; return False if it was started before."""
        chunks = {"bucket": self._bucket, "key": key_of(batch.batch_id, CHUNKS)}
        execution_input = {"batch_id": batch.batch_id, "chunks": chunks}
        return _start(self._client, self._arn, _name(batch), execution_input)

    def status(self, batch: Batch) -> Execution | None:
        """Return the status of the attempt's execution, or None if it does not exist."""
        return _status(self._client, self._arn, _name(batch))


def _name(batch: Batch) -> str:
    return f"{batch.batch_id}-{batch.attempt}"


def _start(client: "SFNClient", arn: str, name: str, execution_input: object) -> bool:
    try:
        client.start_execution(stateMachineArn=arn, name=name, input=json.dumps(execution_input))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        return False
    return True


def _status(client: "SFNClient", arn: str, name: str) -> Execution | None:
    execution_arn = f"{arn.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        response = client.describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return None
    status = response["status"]
    return Execution.RUNNING if status == "PENDING_REDRIVE" else Execution(status)
