"""Contract of the port Workflow: status of an execution and end of its task-token wait."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_stepfunctions import SFNClient

from darkroom.adapters.workflow import StateMachine
from darkroom.domain.executions import Execution
from darkroom.ports import Workflow
from tests.fakes.signals import InMemoryWorkflow

ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:image"
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:image:j"

type Stop = Callable[[str], None]


@pytest.fixture
def client(aws: None) -> SFNClient:
    return boto3.client("stepfunctions")


@pytest.fixture(params=["memory", "stepfunctions"])
def workflow(request: pytest.FixtureRequest) -> tuple[Workflow, Stop]:
    """Return a workflow and a function that aborts an execution from outside."""
    if request.param == "memory":
        memory = InMemoryWorkflow()
        return memory, lambda job_id: memory.ended.update({job_id: Execution.ABORTED})
    client: SFNClient = request.getfixturevalue("client")
    wait = {"Type": "Wait", "Seconds": 600, "End": True}
    arn = client.create_state_machine(
        name="image",
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": wait}}),
        roleArn="arn:aws:iam::123456789012:role/x",
    )["stateMachineArn"]

    def stop(job_id: str) -> None:
        [execution] = client.list_executions(stateMachineArn=arn)["executions"]
        assert execution["name"] == job_id
        client.stop_execution(executionArn=execution["executionArn"])

    return StateMachine(client, arn), stop


def test_unstarted_job_has_no_execution(workflow: tuple[Workflow, Stop]) -> None:
    machine, _ = workflow

    assert machine.status("a" * 26) is None


def test_execution_runs_until_it_is_stopped(workflow: tuple[Workflow, Stop]) -> None:
    machine, stop = workflow
    assert machine.start("a" * 26)
    statuses = [machine.status("a" * 26), machine.status("b" * 26)]

    stop("a" * 26)

    assert statuses == [Execution.RUNNING, None]
    assert machine.status("a" * 26) is Execution.ABORTED
    assert not machine.start("a" * 26)


def execution_description(status: str) -> dict[str, Any]:
    return {
        "executionArn": EXECUTION, "stateMachineArn": ARN, "status": status,
        "startDate": "2026-11-22T12:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "status"),
    [(str(status), status) for status in Execution] + [("PENDING_REDRIVE", Execution.RUNNING)],
)
def test_status_matches_step_functions(client: SFNClient, value: str, status: Execution) -> None:
    with Stubber(client) as stub:
        stub.add_response(
            "describe_execution", execution_description(value), {"executionArn": EXECUTION}
        )

        assert StateMachine(client, ARN).status("j") is status


@pytest.mark.parametrize("code", ["InvalidArn", "ThrottlingException", "AccessDeniedException"])
def test_status_raises_if_the_execution_cannot_be_read(client: SFNClient, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("describe_execution", code)

        with pytest.raises(ClientError, match=code):
            StateMachine(client, ARN).status("j")


def test_wake_sends_the_task_token_with_empty_output(client: SFNClient) -> None:
    with Stubber(client) as stub:
        stub.add_response("send_task_success", {}, {"taskToken": "t/+=", "output": "{}"})

        StateMachine(client, ARN).wake("t/+=")

        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["TaskTimedOut", "InvalidToken", "TaskDoesNotExist"])
def test_wake_ignores_a_wait_that_has_ended(client: SFNClient, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("send_task_success", code)

        StateMachine(client, ARN).wake("t")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InvalidOutput"])
def test_wake_raises_on_other_errors(client: SFNClient, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("send_task_success", code)

        with pytest.raises(ClientError, match=code):
            StateMachine(client, ARN).wake("t")
