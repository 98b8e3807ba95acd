"""`make redrive`: what it gives to whom, what it says, and what stays in the queue."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local import dead_letters, paths
from local.dead_letters import DeadLetters
from local.errors import LocalError
from tests.infra.template import properties
from tests.local_stack.test_stack import STACK

NAME = "darkroom"
BUS = "darkroom-events"
DOOR = "darkroom-OnRequestFunction-1A2B"
TRANSFORMER = properties("OnRequestFunction")["Events"]["JobRequested"]["Properties"][
    "InputTransformer"
]
EVENT = {
    "id": "event-1",
    "source": "my.shop",
    "detail-type": "JobRequested",
    "detail": {"prompt": 'A secret place, <id> and "quoted"'},
}
ASKED = {"caller": "events", "can_read_all": True, "id": "event-1", "detail": EVENT["detail"]}
UNREADABLE = "it is no event of a rule's and no record of a failed run"

type Redrive = Callable[..., tuple[int, str, str]]


class Functions:
    """Lambda, as far as it is asked: remembers what it was given, fails where it is told to."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Any]] = []
        self.broken: set[str] = set()
        self.refuses = False

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Invoke")
        payload = json.loads(Payload)
        self.given.append((FunctionName, payload))
        if payload["id"] not in self.broken:
            return {"StatusCode": 200, "Payload": io.BytesIO(b"{}")}
        error = {"errorType": "CrashError", "errorMessage": "PutItem: ThrottlingException"}
        said = io.BytesIO(json.dumps(error).encode())
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": said}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "STACK", "DRY_RUN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


class Stacks:
    """CloudFormation, as far as it is asked (moto's own needs more than is installed)."""

    def __init__(self, outputs: dict[str, str], functions: list[str]) -> None:
        self.outputs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        kinds = {"a-queue": "AWS::SQS::Queue"} | dict.fromkeys(functions, "AWS::Lambda::Function")
        self.resources = [
            {"PhysicalResourceId": name, "ResourceType": kind} for name, kind in kinds.items()
        ]

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"Stacks": [{"StackName": StackName, "Outputs": self.outputs}]}

    def get_paginator(self, operation: str) -> "Stacks":
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"StackResourceSummaries": [resource]} for resource in self.resources]


@pytest.fixture
def queue() -> str:
    url: str = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    return url


@pytest.fixture
def rules() -> None:
    """Make rules for the door: ours, and two that do less with an event."""
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    for rule, bus, more in (
        ("ours", BUS, {"InputTransformer": TRANSFORMER}),
        ("plain", "default", {}),
        ("fixed", "default", {"Input": json.dumps({"id": "fixed"})}),
    ):
        events.put_rule(
            Name=rule, EventBusName=bus, EventPattern='{"detail-type": ["JobRequested"]}'
        )
        target: Any = {"Id": "entry_point", "Arn": arn(DOOR), **more}
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def redrive(
    queue: str,
    rules: None,
    functions: Functions,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Redrive:
    """Return what runs the command with variables: its exit code, what it says, what it tells."""

    fakes = {"lambda": functions, "cloudformation": Stacks({"DeadLettersUrl": queue}, [DOOR])}

    def client(service: str) -> Any:
        return fakes.get(service) or boto3.client(service)  # type: ignore[call-overload]

    monkeypatch.setattr(dead_letters, "target", lambda: (client, NAME))
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)

    def call(**variables: str) -> tuple[int, str, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = dead_letters.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def arn(function: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{function}"


def failed_run(function: str, payload: object, **changed: object) -> str:
    """Return the record that Lambda sends of a run that failed three times."""
    record = {
        "version": "1.0",
        "timestamp": "2026-11-26T00:00:00.000Z",
        "requestContext": {
            "requestId": "run-1",
            "functionArn": f"{arn(function)}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorType": "CrashError", "errorMessage": "PutItem: Throttling"},
    }
    return json.dumps(record | changed)


def send(queue: str, body: str, **attributes: str) -> None:
    told: Any = {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()}
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=told)


def undelivered(queue: str, function: str, rule: str, event: object = EVENT) -> None:
    """Send what EventBridge does of an event that it could not deliver."""
    send(
        queue,
        json.dumps(event),
        RULE_ARN=f"arn:aws:events:us-east-1:123456789012:rule/{rule}",
        TARGET_ARN=arn(function),
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="not authorized",
        RETRY_ATTEMPTS="0",
    )


def in_sight(queue: str) -> list[str]:
    """Return the bodies of what a reader gets now; and let the next one get them too."""
    answer = boto3.client("sqs").receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [message["Body"] for message in answer.get("Messages", [])]


def test_a_failed_run_is_repeated_with_the_very_same_event(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send(queue, failed_run(DOOR, ASKED))

    code, out, _ = redrive()

    assert code == 0
    assert functions.given == [(DOOR, ASKED)]
    assert in_sight(queue) == []
    assert out == f"taken  {DOOR}  event event-1  RetriesExhausted\n1 taken, 0 kept\n"


def test_an_event_that_was_not_delivered_is_given_as_its_rule_would_have(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    undelivered(queue, DOOR, f"{BUS}/ours")

    code, out, _ = redrive()

    assert code == 0
    assert functions.given == [(DOOR, ASKED)]
    assert in_sight(queue) == []
    assert f"taken  {DOOR}  event event-1  NO_PERMISSIONS" in out


def test_where_the_rule_makes_nothing_of_an_event_it_is_given_itself(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    undelivered(queue, DOOR, "plain")

    redrive()

    assert functions.given == [(DOOR, EVENT)]


def test_where_the_rule_always_says_the_same_that_is_what_is_given(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    undelivered(queue, DOOR, "fixed")

    redrive()

    assert functions.given == [(DOOR, {"id": "fixed"})]


def test_what_fails_again_stays_in_sight_and_is_tried_once_a_run(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    functions.broken.add("event-1")
    send(queue, failed_run(DOOR, ASKED))

    code, out, _ = redrive()

    assert code == 1
    assert functions.given == [(DOOR, ASKED)]
    assert in_sight(queue) == [failed_run(DOOR, ASKED)]
    assert "kept" in out
    assert "failed again: CrashError: PutItem: ThrottlingException" in out
    assert out.endswith("0 taken, 1 kept\n")


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ("A letter", {}),
        ("[1]", {}),
        ("null", {}),
        ("{}", {}),
        (json.dumps({"requestContext": {"functionArn": "x", "condition": "y"}}), {}),
        (failed_run("x", ASKED, requestContext={"functionArn": 5, "condition": "y"}), {}),
        (failed_run("x", ASKED, requestContext={"functionArn": "x", "condition": "y"}), {}),
        (json.dumps(EVENT), {}),  # whose rule?
        (json.dumps(EVENT), {"RULE_ARN": "arn:aws:events:us-east-1:123456789012:rule/a"}),
        (json.dumps(EVENT), {"RULE_ARN": "a", "TARGET_ARN": "b", "ERROR_CODE": "c"}),
    ],
)
def test_a_message_that_makes_no_sense_stays_and_does_not_stand_in_the_way(
    redrive: Redrive,
    functions: Functions,
    queue: str,
    body: str,
    attributes: dict[str, str],
) -> None:
    send(queue, body, **attributes)
    send(queue, failed_run(DOOR, ASKED))

    code, out, _ = redrive()

    assert code == 1
    assert functions.given == [(DOOR, ASKED)]
    assert in_sight(queue) == [body]
    assert UNREADABLE in out
    assert out.endswith("1 taken, 1 kept\n")


def test_an_event_that_lacks_what_its_rule_takes_from_it_stays(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    undelivered(queue, DOOR, f"{BUS}/ours", {"id": "event-1"})

    code, out, _ = redrive()

    assert (code, functions.given) == (1, [])
    assert UNREADABLE in out


def test_only_functions_of_the_stack_are_run(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    """Somebody who may write to the queue does not get the rights of whoever reads it."""
    send(queue, failed_run("delete-everything", ASKED))

    code, out, _ = redrive()

    assert (code, functions.given) == (1, [])
    assert "function:delete-everything:$LATEST is no function of this stack" in out
    assert len(in_sight(queue)) == 1


@pytest.mark.parametrize(
    ("rule", "target", "said"),
    [
        ("gone", "", "its rule gone is gone"),
        ("plain", "-2", "its rule plain has other targets now"),
    ],
)
def test_an_event_of_a_rule_that_has_changed_stays(
    redrive: Redrive,
    functions: Functions,
    queue: str,
    rule: str,
    target: str,
    said: str,
) -> None:
    undelivered(queue, DOOR + target, rule)

    code, out, _ = redrive()

    assert (code, functions.given) == (1, [])
    assert said in out
    assert len(in_sight(queue)) == 1


def test_a_dry_run_lists_everything_and_does_nothing(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send(queue, failed_run(DOOR, ASKED))
    send(queue, "A letter")

    code, out, _ = redrive(DRY_RUN="1")

    assert (code, functions.given) == (0, [])
    assert f"waits  {DOOR}  event event-1  RetriesExhausted\n" in out
    assert UNREADABLE in out
    assert out.endswith("2 in the queue, and nothing was done\n")
    assert sorted(in_sight(queue)) == sorted([failed_run(DOOR, ASKED), "A letter"])


@pytest.mark.parametrize("value", ["", "0"])
def test_a_run_that_is_not_dry_may_be_said_to_be_that(
    redrive: Redrive, functions: Functions, queue: str, value: str
) -> None:
    send(queue, failed_run(DOOR, ASKED))

    assert redrive(DRY_RUN=value)[0] == 0

    assert len(functions.given) == 1


def test_more_than_sqs_hands_out_at_once_are_all_handled_once(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    ids = [f"event-{number:02}" for number in range(25)]
    functions.broken = {"event-03", "event-17"}
    for name in ids:
        send(queue, failed_run(DOOR, ASKED | {"id": name}))

    code, out, _ = redrive()

    assert code == 1
    assert sorted(payload["id"] for _, payload in functions.given) == ids
    assert len(in_sight(queue)) == 2
    assert out.endswith("23 taken, 2 kept\n")


def test_an_empty_queue_is_fine(redrive: Redrive) -> None:
    assert redrive() == (0, "0 taken, 0 kept\n", "")


def test_nothing_of_what_was_asked_for_is_printed_but_its_id(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    functions.broken.add("event-1")
    send(queue, failed_run(DOOR, ASKED))
    send(queue, failed_run(DOOR, ASKED | {"id": "event-2"}))
    send(queue, json.dumps(EVENT))

    _, out, err = redrive()

    assert "secret place" not in out + err


def test_what_aws_refuses_ends_the_run_in_one_sentence_and_loses_nothing(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    functions.refuses = True
    send(queue, failed_run(DOOR, ASKED))

    code, out, err = redrive()

    assert (code, out) == (1, "")
    assert err.startswith("failed: ")
    assert "AccessDenied" in err
    assert err.count("\n") == 1
    assert len(in_sight(queue)) == 1


def test_what_is_neither_yes_nor_no_is_said_in_one_sentence(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send(queue, failed_run(DOOR, ASKED))

    code, out, err = redrive(DRY_RUN="perhaps")

    assert (code, out, functions.given) == (1, "", [])
    assert err.startswith("failed: DRY_RUN: input should be a valid boolean")


def test_without_a_stack_the_way_to_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "STACK_FILE", tmp_path / "stack.json")

    assert dead_letters.main() == 1

    expected = "failed: no stack is up in this clone: `make up` first, or say STACK=name\n"
    assert capsys.readouterr().err == expected


def test_unless_said_otherwise_it_is_the_stack_that_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "STACK_FILE", tmp_path / "stack.json")
    STACK.write(tmp_path / "stack.json")

    client, name = dead_letters.target()

    assert name == STACK.stack_name
    assert client("sqs").meta.endpoint_url == STACK.emulator_url


def test_a_named_stack_is_one_on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK", "production")

    client, name = dead_letters.target()

    assert name == "production"
    assert client("sqs").meta.endpoint_url == "https://sqs.us-east-1.amazonaws.com"


def test_a_run_of_a_function_is_waited_for_and_not_started_again() -> None:
    config = dead_letters.clients(boto3.Session(), None)("lambda").meta.config

    assert config.read_timeout >= max(
        properties(name)["Timeout"] for name in ("OnUploadFunction", "OnRequestFunction")
    )
    assert config.retries["total_max_attempts"] == 1


def test_a_stack_of_something_else_is_said_to_be_that(queue: str) -> None:
    stacks = Stacks({"BucketName": "pages"}, [])

    with pytest.raises(LocalError, match="website: that is no Darkroom"):
        DeadLetters(lambda _service: stacks, "website")
