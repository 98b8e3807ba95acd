"""The shipped batch state machine in moto with the real use cases; waits advance a clock."""

import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)

from darkroom.adapters.s3.batch_files import CHUNKS, key_of
from darkroom.domain.batch import Batch, BatchStatus, Counts
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import QueueShard, WaitingJobs
from local.waiting import until
from tests.fakes.world import World
from tests.infra.template import BATCH_DEFINITION, properties
from tests.unit.batches import result_rows, running_batch

REGION, BUCKET, TABLE = "us-east-1", "assets", "records"


class BatchDeployment:
    """An in-memory deployment behind the functions of the state machine, with scripted failures."""

    def __init__(self) -> None:
        self.world = World(max_queue=1000)
        self.calls: list[str] = []
        self.attempts: list[int] = []  # attempts passed to CreateRows
        self.failures: dict[str, int] = {}
        self.on_wait: Callable[[int], object] = lambda _: None
        self._lock = threading.Lock()

    def invoke(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
        """Invoke a function in place of Lambda."""
        name, payload = parameters["FunctionName"], json.loads(parameters["Payload"])
        with self._lock:
            self.calls.append(name)
            if self.failures.get(name, 0) > 0:
                self.failures[name] -= 1
                error = {"errorType": "Runtime.ExitError", "errorMessage": ""}
                return {"FunctionError": "Unhandled", "Payload": error, "StatusCode": 200}
            batch_id = payload["batch_id"]
            if name == "CreateRows":
                self.attempts.append(payload["attempts"])
                wait = self.world.app.create_rows.run(
                    batch_id, payload["chunk"], payload["attempts"]
                )
                result = {"wait_seconds": wait, "attempts": payload["attempts"] + 1}
            else:
                self._copy_creation_finished(batch_id)
                result = {"wait_seconds": self.world.app.collect_batch.run(batch_id)}
            return {"Payload": result, "StatusCode": 200}

    def wait(self, _: object, env: Any, wait_seconds: int) -> None:
        """Advance the clock in place of a Wait state."""
        assert wait_seconds >= 1
        with self._lock:
            self.world.clock.advance(wait_seconds)
            self.on_wait(wait_seconds)

    def _copy_creation_finished(self, batch_id: str) -> None:
        """Copy creation_finished, which the state machine writes, to the in-memory store."""
        item = boto3.client("dynamodb", REGION).get_item(
            TableName=TABLE, Key={"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": "BATCH"}}
        )["Item"]
        if "creation_finished" in item:
            self.world.batches.update(batch_id, when=[BatchStatus.RUNNING], creation_finished=True)


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchDeployment]:
    deployed = BatchDeployment()
    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", deployed.invoke)
    monkeypatch.setattr(
        WaitFunction,
        "_wait_interval",
        lambda self, env, wait_seconds: deployed.wait(self, env, wait_seconds),
    )
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield deployed


def run(deployment: BatchDeployment, batch: Batch) -> str:
    """Run the execution of a batch; return its final status."""
    table, s3 = boto3.client("dynamodb", REGION), boto3.client("s3", REGION)
    table_properties = properties("Table")
    table.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=table_properties["AttributeDefinitions"][:2],
        KeySchema=table_properties["KeySchema"],
    )
    key = {"pk": {"S": f"BATCH#{batch.batch_id}"}, "sk": {"S": "BATCH"}}
    table.put_item(TableName=TABLE, Item=key)
    s3.create_bucket(Bucket=BUCKET)
    body = json.dumps(deployment.world.batch_files.chunks[batch.batch_id]).encode()
    s3.put_object(Bucket=BUCKET, Key=key_of(batch.batch_id, CHUNKS), Body=body)
    text = BATCH_DEFINITION.read_text()
    for name, substitute in {
        "CreateRowsFunctionArn": "CreateRows", "CollectBatchFunctionArn": "CollectBatch",
        "TableName": TABLE, "AssetsBucket": BUCKET,
    }.items():  # fmt: skip
        text = text.replace(f"${{{name}}}", substitute)
    states = boto3.client("stepfunctions", REGION)
    machine = states.create_state_machine(
        name="batch",
        definition=json.dumps(yaml.safe_load(text)),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]
    execution_input = json.dumps({"batch_id": batch.batch_id})
    arn = states.start_execution(stateMachineArn=machine, input=execution_input)["executionArn"]

    def ended() -> str | None:
        status = states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else str(status)

    return until(ended, seconds=60, what="the end of the execution")


def end_jobs(deployment: BatchDeployment) -> None:
    """Fail all open jobs, because nothing submits them in this test."""
    for job in list(deployment.world.jobs.records.values()):
        if job.is_open:
            deployment.world.app.end_job.fail(job.job_id, Code.PROVIDER_FAILED)


def test_rows_become_jobs_and_are_collected_until_all_have_ended(
    deployment: BatchDeployment,
) -> None:
    batch = running_batch(
        deployment.world, [{"prompt": str(n)} for n in range(60)] + [{"prompt": ""}]
    )
    deployment.on_wait = lambda _: end_jobs(deployment)

    assert run(deployment, batch) == "SUCCEEDED"

    ended = deployment.world.batches.records[batch.batch_id]
    assert (ended.status, ended.counts) == (BatchStatus.COMPLETED, Counts(failed=60, bad=1))
    assert deployment.calls.count("CreateRows") == 6  # 61 rows, 12 per chunk
    assert len(result_rows(deployment.world, batch)) == 61


def test_row_creation_waits_while_the_queue_is_long(deployment: BatchDeployment) -> None:
    batch = running_batch(deployment.world, [{"prompt": "x"}])
    shard = deployment.world.jobs.queue
    shard.shard = shard.shard.model_copy(
        update={"low": WaitingJobs(seconds=500.0, rounds={"x": (1, 100)})}
    )

    def empty_queue(seconds: int) -> None:
        if seconds >= 460:  # the wait of CreateRows for the queue, not of CollectBatch
            shard.shard = QueueShard()
        end_jobs(deployment)

    deployment.on_wait = empty_queue

    assert run(deployment, batch) == "SUCCEEDED"
    assert deployment.attempts == [0, 1]
    assert len(deployment.world.jobs.records) == 1


def test_crashed_step_is_retried(deployment: BatchDeployment) -> None:
    batch = running_batch(deployment.world, [{"prompt": "x"}])
    deployment.failures = {"CreateRows": 3, "CollectBatch": 3}
    deployment.on_wait = lambda _: end_jobs(deployment)

    assert run(deployment, batch) == "SUCCEEDED"
    assert deployment.world.batches.records[batch.batch_id].counts == Counts(failed=1)
