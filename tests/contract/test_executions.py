"""The port Workflow: how an execution stands, and how its wait is ended; in memory and in moto."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_stepfunctions import SFNClient

from darkroom.adapters.workflow import StateMachine
from darkroom.ports import Execution, Workflow
from tests.fakes.signals import InMemoryWorkflow

ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:image"
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:image:j"

type Stop = Callable[[str], None]


@pytest.fixture
def client(aws: None) -> SFNClient:
    return boto3.client("stepfunctions")


@pytest.fixture(params=["memory", "stepfunctions"])
def workflow(request: pytest.FixtureRequest) -> tuple[Workflow, Stop]:
    """A workflow, and a way to stop an execution as a person does."""
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
        [found] = client.list_executions(stateMachineArn=arn)["executions"]
        assert found["name"] == job_id
        client.stop_execution(executionArn=found["executionArn"])

    return StateMachine(client, arn), stop


def test_what_was_never_started_has_no_execution(workflow: tuple[Workflow, Stop]) -> None:
    machine, _ = workflow

    assert machine.status("a" * 26) is None


def test_what_was_started_runs_until_it_is_stopped(workflow: tuple[Workflow, Stop]) -> None:
    machine, stop = workflow
    assert machine.start("a" * 26)
    seen = [machine.status("a" * 26), machine.status("b" * 26)]

    stop("a" * 26)

    assert seen == [Execution.RUNNING, None]
    assert machine.status("a" * 26) is Execution.ABORTED
    assert not machine.start("a" * 26)


def described(status: str) -> dict[str, Any]:
    return {
        "executionArn": EXECUTION, "stateMachineArn": ARN, "status": status,
        "startDate": "2026-11-22T12:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "status"),
    [(str(each), each) for each in Execution] + [("PENDING_REDRIVE", Execution.RUNNING)],
)
def test_an_execution_stands_as_step_functions_says(
    client: SFNClient, word: str, status: Execution
) -> None:
    with Stubber(client) as stub:
        stub.add_response("describe_execution", described(word), {"executionArn": EXECUTION})

        assert StateMachine(client, ARN).status("j") is status


@pytest.mark.parametrize("code", ["InvalidArn", "ThrottlingException", "AccessDeniedException"])
def test_an_execution_that_cannot_be_looked_at_is_a_crash_and_not_none(
    client: SFNClient, code: str
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("describe_execution", code)

        with pytest.raises(ClientError, match=code):
            StateMachine(client, ARN).status("j")


def test_a_wait_is_ended_by_its_token_and_told_nothing(client: SFNClient) -> None:
    with Stubber(client) as stub:
        stub.add_response("send_task_success", {}, {"taskToken": "t/+=", "output": "{}"})

        StateMachine(client, ARN).wake("t/+=")

        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["TaskTimedOut", "InvalidToken", "TaskDoesNotExist"])
def test_a_wait_that_has_ended_already_is_nothing(client: SFNClient, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("send_task_success", code)

        StateMachine(client, ARN).wake("t")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InvalidOutput"])
def test_a_wait_that_cannot_be_ended_is_a_crash(client: SFNClient, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("send_task_success", code)

        with pytest.raises(ClientError, match=code):
            StateMachine(client, ARN).wake("t")
