"""The shipped batch state machine in moto with the real use cases; waits advance a clock."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from darkroom.adapters.s3.batch_files import CHUNKS, key_of
from darkroom.domain.batch import Batch, BatchStatus, Counts
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import QueueShard, WaitingJobs
from tests.fakes.world import World
from tests.infra.iam import REGION
from tests.infra.template import BATCH_DEFINITION, properties
from tests.unit.batches import result_rows, running_batch
from tests.workflow.clock import Clock
from tests.workflow.deployment import BUCKET, TABLE
from tests.workflow.machine import FunctionError, Machine


class BatchDeployment(Clock):
    """An in-memory deployment behind the functions of the state machine, with scripted failures.

    It is also the clock of the machine, whose branches run in threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World(max_queue=1000)
        self.calls: list[str] = []
        self.attempts: list[int] = []  # attempts passed to CreateRows
        self.failures: dict[str, int] = {}
        self.on_wait: Callable[[float], object] = lambda _: None
        self._lock = threading.Lock()

    def schedule(self, seconds: float, act: Callable[[], object]) -> None:
        """Run a started execution at once."""
        act()

    def wait(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Advance the clock."""
        with self._lock:
            self.world.clock.advance(seconds)
            self.on_wait(seconds)

    def invoke(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function in place of Lambda."""
        with self._lock:
            self.calls.append(name)
            if self.failures.get(name, 0) > 0:
                self.failures[name] -= 1
                raise FunctionError("Runtime.ExitError")
            batch_id, app = payload["batch_id"], self.world.app
            if name == "CollectBatch":
                self._copy_creation_finished(batch_id)
                return {"wait_seconds": app.collect_batch.run(batch_id)}
            attempts = payload["attempts"]
            self.attempts.append(attempts)
            wait = app.create_rows.run(batch_id, payload["chunk"], attempts)
            return {"wait_seconds": wait, "attempts": attempts + 1}

    def end_jobs(self, _: float = 0) -> None:
        """Fail all open jobs, because nothing submits them in these tests."""
        for job in list(self.world.jobs.records.values()):
            if job.is_open:
                self.world.app.end_job.fail(job.job_id, Code.PROVIDER_FAILED)

    def _copy_creation_finished(self, batch_id: str) -> None:
        """Copy creation_finished, which the state machine writes, to the in-memory store."""
        item = boto3.client("dynamodb", REGION).get_item(TableName=TABLE, Key=key(batch_id))["Item"]
        if "creation_finished" in item:
            self.world.batches.update(batch_id, when=[BatchStatus.RUNNING], creation_finished=True)


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchDeployment]:
    deployed = BatchDeployment()
    Machine(monkeypatch, deployed, deployed.invoke)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield deployed


def key(batch_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": "BATCH"}}


def run(deployment: BatchDeployment, batch: Batch) -> str:
    """Run the execution of a batch; return its final status."""
    table, s3 = boto3.client("dynamodb", REGION), boto3.client("s3", REGION)
    table.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=properties("Table")["AttributeDefinitions"][:2],
        KeySchema=properties("Table")["KeySchema"],
    )
    table.put_item(TableName=TABLE, Item=key(batch.batch_id))
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
    return str(states.describe_execution(executionArn=arn)["status"])


def test_rows_become_jobs_and_are_collected_until_all_have_ended(
    deployment: BatchDeployment,
) -> None:
    rows = [*({"prompt": str(n)} for n in range(60)), {"prompt": ""}]
    batch = running_batch(deployment.world, rows)
    deployment.on_wait = deployment.end_jobs

    assert run(deployment, batch) == "SUCCEEDED"

    ended = deployment.world.batches.records[batch.batch_id]
    assert (ended.status, ended.counts) == (BatchStatus.COMPLETED, Counts(failed=60, bad=1))
    assert deployment.calls.count("CreateRows") == 6  # 61 rows, 12 per chunk
    assert len(result_rows(deployment.world, batch)) == 61


def test_row_creation_waits_while_the_queue_is_long(deployment: BatchDeployment) -> None:
    batch = running_batch(deployment.world, [{"prompt": "x"}])
    queue = deployment.world.jobs.queue
    waiting = WaitingJobs(seconds=500.0, rounds={"x": (1, 100)})
    queue.shard = queue.shard.model_copy(update={"low": waiting})

    def empty_queue(seconds: float) -> None:
        if seconds >= 460:  # the wait of CreateRows for the queue, not of CollectBatch
            queue.shard = QueueShard()
        deployment.end_jobs()

    deployment.on_wait = empty_queue

    assert run(deployment, batch) == "SUCCEEDED"
    assert deployment.attempts == [0, 1]
    assert len(deployment.world.jobs.records) == 1


def test_crashed_step_is_retried(deployment: BatchDeployment) -> None:
    batch = running_batch(deployment.world, [{"prompt": "x"}])
    deployment.failures = {"CreateRows": 3, "CollectBatch": 3}
    deployment.on_wait = deployment.end_jobs

    assert run(deployment, batch) == "SUCCEEDED"
    assert deployment.world.batches.records[batch.batch_id].counts == Counts(failed=1)
