"""The shipped machine of batches, run in moto over the real use cases; waits move a clock."""

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

from darkroom.adapters.batch_files import CHUNKS, key_of
from darkroom.domain.batch import Batch, BatchStatus, Counts
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import QueueShard, WaitingJobs
from local.waiting import until
from tests.fakes.world import World
from tests.infra.template import BATCH_DEFINITION, properties
from tests.unit.batches import result_lines, started

REGION, BUCKET, TABLE = "us-east-1", "assets", "records"


class Stage:
    """A deployment in memory behind the machine's functions, which can be made to fail."""

    def __init__(self) -> None:
        self.world = World(max_queue=1000)
        self.calls: list[str] = []
        self.attempts: list[int] = []  # for room, in vain, as CreateRows is told
        self.fails: dict[str, int] = {}
        self.on_wait: Callable[[int], object] = lambda _: None
        self._lock = threading.Lock()

    def invoke(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
        """What Lambda does."""
        name, payload = parameters["FunctionName"], json.loads(parameters["Payload"])
        with self._lock:
            self.calls.append(name)
            if self.fails.get(name, 0) > 0:
                self.fails[name] -= 1
                error = {"errorType": "Runtime.ExitError", "errorMessage": ""}
                return {"FunctionError": "Unhandled", "Payload": error, "StatusCode": 200}
            batch_id = payload["batch_id"]
            if name == "CreateRows":
                self.attempts.append(payload["attempts"])
                wait = self.world.create_rows()(batch_id, payload["chunk"], payload["attempts"])
                said = {"wait_seconds": wait, "attempts": payload["attempts"] + 1}
            else:
                self._note_offered(batch_id)
                said = {"wait_seconds": self.world.collect_batch()(batch_id)}
            return {"Payload": said, "StatusCode": 200}

    def wait(self, _: object, env: Any, wait_seconds: int) -> None:
        """What a Wait state does."""
        assert wait_seconds >= 1
        with self._lock:
            self.world.clock.advance(wait_seconds)
            self.on_wait(wait_seconds)

    def _note_offered(self, batch_id: str) -> None:
        """What the machine itself wrote into the table is what the use cases read."""
        item = boto3.client("dynamodb", REGION).get_item(
            TableName=TABLE, Key={"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": "BATCH"}}
        )["Item"]
        if "creation_finished" in item:
            self.world.batches.update(batch_id, when=[BatchStatus.RUNNING], creation_finished=True)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage()
    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", made.invoke)
    monkeypatch.setattr(
        WaitFunction,
        "_wait_interval",
        lambda self, env, wait_seconds: made.wait(self, env, wait_seconds),
    )
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield made


def run(stage: Stage, batch: Batch) -> str:
    """Run the batch's execution; return how it ended."""
    table, s3 = boto3.client("dynamodb", REGION), boto3.client("s3", REGION)
    given = properties("Table")
    table.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=given["AttributeDefinitions"][:2],
        KeySchema=given["KeySchema"],
    )
    key = {"pk": {"S": f"BATCH#{batch.batch_id}"}, "sk": {"S": "BATCH"}}
    table.put_item(TableName=TABLE, Item=key)
    s3.create_bucket(Bucket=BUCKET)
    chunks = {"bucket": BUCKET, "key": key_of(batch.batch_id, CHUNKS)}
    body = json.dumps(stage.world.batch_files.chunks[batch.batch_id]).encode()
    s3.put_object(Bucket=BUCKET, Key=chunks["key"], Body=body)
    text = BATCH_DEFINITION.read_text()
    for name, stands_for in {
        "CreateRowsFunctionArn": "CreateRows", "CollectBatchFunctionArn": "CollectBatch",
        "TableName": TABLE,
    }.items():  # fmt: skip
        text = text.replace(f"${{{name}}}", stands_for)
    states = boto3.client("stepfunctions", REGION)
    machine = states.create_state_machine(
        name="low",
        definition=json.dumps(yaml.safe_load(text)),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]
    told = json.dumps({"batch_id": batch.batch_id, "chunks": chunks})
    arn = states.start_execution(stateMachineArn=machine, input=told)["executionArn"]

    def ended() -> str | None:
        status = states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else str(status)

    return until(ended, seconds=60, what="the end of the execution")


def end_jobs(stage: Stage) -> None:
    """End every job that there is: nobody submits them here."""
    for job in list(stage.world.jobs.records.values()):
        if job.is_open:
            stage.world.end_job().fail(job.job_id, Code.PROVIDER_FAILED)


def test_it_makes_every_row_a_job_and_looks_until_all_have_ended(stage: Stage) -> None:
    batch = started(stage.world, [{"prompt": str(n)} for n in range(60)] + [{"prompt": ""}])
    stage.on_wait = lambda _: end_jobs(stage)

    assert run(stage, batch) == "SUCCEEDED"

    ended = stage.world.batches.records[batch.batch_id]
    assert (ended.status, ended.counts) == (BatchStatus.COMPLETED, Counts(failed=60, bad=1))
    assert stage.calls.count("CreateRows") == 6  # 61 rows, 12 a part
    assert len(result_lines(stage.world, batch)) == 61


def test_it_waits_while_the_line_is_long(stage: Stage) -> None:
    batch = started(stage.world, [{"prompt": "x"}])
    shard = stage.world.jobs.queue
    shard.shard = shard.shard.model_copy(
        update={"low": WaitingJobs(seconds=500.0, rounds={"x": (1, 100)})}
    )

    def clear(seconds: int) -> None:
        if seconds >= 460:  # CreateRows waits, and not Gather: the line is so much too long
            shard.shard = QueueShard()
        end_jobs(stage)

    stage.on_wait = clear

    assert run(stage, batch) == "SUCCEEDED"
    assert stage.attempts == [0, 1]
    assert len(stage.world.jobs.records) == 1


def test_a_step_that_dies_is_tried_again(stage: Stage) -> None:
    batch = started(stage.world, [{"prompt": "x"}])
    stage.fails = {"CreateRows": 3, "CollectBatch": 3}
    stage.on_wait = lambda _: end_jobs(stage)

    assert run(stage, batch) == "SUCCEEDED"
    assert stage.world.batches.records[batch.batch_id].counts == Counts(failed=1)
