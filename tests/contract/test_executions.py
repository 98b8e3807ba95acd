"""Contract of the port Workflow: status of an execution and end of its task-token wait."""

import json
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


@pytest.fixture
def client(aws: None) -> SFNClient:
    return boto3.client("stepfunctions")


def machine_over(client: SFNClient, id_name: str = "job_id") -> StateMachine:
    """Return the workflow over a state machine that waits."""
    wait = {"Type": "Wait", "Seconds": 600, "End": True}
    arn = client.create_state_machine(
        name="image",
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": wait}}),
        roleArn="arn:aws:iam::123456789012:role/x",
    )["stateMachineArn"]
    return StateMachine(client, arn, id_name)


@pytest.fixture(params=["memory", "stepfunctions"])
def workflow(request: pytest.FixtureRequest) -> Workflow:
    if request.param == "memory":
        return InMemoryWorkflow()
    return machine_over(request.getfixturevalue("client"))


def abort(workflow: Workflow, job_id: str) -> None:
    """Abort an execution from outside."""
    if isinstance(workflow, InMemoryWorkflow):
        workflow.ended[job_id] = Execution.ABORTED
        return
    assert isinstance(workflow, StateMachine)
    client = boto3.client("stepfunctions")
    [arn] = [
        execution["executionArn"]
        for execution in client.list_executions(stateMachineArn=workflow._arn)["executions"]
        if execution["name"] == job_id
    ]
    client.stop_execution(executionArn=arn)


def test_execution_is_started_once_and_runs_until_it_is_aborted(workflow: Workflow) -> None:
    job, other = "a" * 26, "b" * 26
    assert workflow.status(job) is None
    assert workflow.start(job)
    workflow.start(job)  # does nothing
    assert (workflow.status(job), workflow.status(other)) == (Execution.RUNNING, None)

    abort(workflow, job)

    assert workflow.status(job) is Execution.ABORTED
    assert not workflow.start(job)


def test_execution_input_is_the_id_and_each_attempt_has_its_own_execution(
    client: SFNClient,
) -> None:
    machine = machine_over(client, "batch_id")

    machine.start("b", 1)

    assert (machine.status("b", 1), machine.status("b", 2)) == (Execution.RUNNING, None)
    [execution] = client.list_executions(stateMachineArn=machine._arn)["executions"]
    description = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(description["input"]) == {"batch_id": "b"}


def test_start_ignores_an_existing_execution_and_raises_other_errors(client: SFNClient) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_execution", "ExecutionAlreadyExists")
        stub.add_client_error("start_execution", "StateMachineDoesNotExist")

        StateMachine(client, ARN).start("j")
        with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
            StateMachine(client, ARN).start("j")


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
