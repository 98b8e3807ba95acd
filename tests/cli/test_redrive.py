"""`darkroom redrive`: deliveries, output, and messages that stay in the queue."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from darkroom_cli import main
from darkroom_cli.errors import Exit
from darkroom_cli.operator import dead_letters, stack
from tests.infra.template import properties

BUS = "darkroom-events"
FUNCTION = "darkroom-OnRequestFunction-1A2B"
TRANSFORMER = properties("OnRequestFunction")["Events"]["JobRequested"]["Properties"][
    "InputTransformer"
]
EVENT = {
    "id": "event-1",
    "source": "my.shop",
    "detail-type": "JobRequested",
    "detail": {"prompt": 'A secret place, <id> and "quoted"'},
}
PAYLOAD = {"caller": "events", "can_read_all": True, "id": "event-1", "detail": EVENT["detail"]}
UNREADABLE = "neither an event of a rule nor the record of a failed invocation"

type Redrive = Callable[..., tuple[int, str, str]]


class Functions:
    """A fake of Lambda: records invocations and fails for `failing_ids`."""

    def __init__(self) -> None:
        self.invocations: list[tuple[str, Any]] = []
        self.failing_ids: set[str] = set()
        self.refuses = False

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Invoke")
        payload = json.loads(Payload)
        self.invocations.append((FunctionName, payload))
        if payload["id"] not in self.failing_ids:
            return {"StatusCode": 200, "Payload": io.BytesIO(b"{}")}
        error = {"errorType": "CrashError", "errorMessage": "PutItem: ThrottlingException"}
        body = io.BytesIO(json.dumps(error).encode())
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": body}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield


class FakeStack:
    """A fake of the stack: its queue, its function, and clients of moto except for Lambda."""

    def __init__(self, queue: str, callbacks: str, functions: Functions) -> None:
        self.outputs = {"DeadLettersUrl": queue, "CallbacksUrl": callbacks}
        self.lambda_client = functions

    def output(self, name: str) -> str:
        return self.outputs[name]

    def functions(self) -> set[str]:
        return {FUNCTION}

    def client(self, service: Any) -> Any:
        return self.lambda_client if service == "lambda" else boto3.client(service)


@pytest.fixture
def queue() -> str:
    url: str = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    return url


@pytest.fixture
def callbacks(queue: str) -> str:
    """Create the queue of callbacks, which moves a message after one attempt."""
    sqs = boto3.client("sqs")
    dead_letters = queue_arn(queue)
    policy = json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": "1"})
    url: str = sqs.create_queue(QueueName="callbacks", Attributes={"RedrivePolicy": policy})[
        "QueueUrl"
    ]
    return url


@pytest.fixture
def rules() -> None:
    """Create rules for the function: with a transformer, without, and with a constant input."""
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    for rule, bus, configuration in (
        ("transformed", BUS, {"InputTransformer": TRANSFORMER}),
        ("plain", "default", {}),
        ("fixed", "default", {"Input": json.dumps({"id": "fixed"})}),
    ):
        events.put_rule(
            Name=rule, EventBusName=bus, EventPattern='{"detail-type": ["JobRequested"]}'
        )
        target: Any = {"Id": "entry_point", "Arn": arn(FUNCTION), **configuration}
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def redrive(
    queue: str,
    callbacks: str,
    rules: None,
    functions: Functions,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Redrive:
    """Return a function that runs the command and returns its exit code, output and errors."""
    monkeypatch.setattr(stack, "find", lambda *_: FakeStack(queue, callbacks, functions))
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)

    def call(*options: str) -> tuple[int, str, str]:
        code = main.run(["redrive", *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def queue_arn(url: str) -> str:
    response = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(response["Attributes"]["QueueArn"])


def arn(function: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{function}"


def failed_run(function: str, payload: object, **changes: object) -> str:
    """Return the record that Lambda sends after three failed attempts."""
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
    return json.dumps(record | changes)


def send(queue: str, body: str, **attributes: str) -> None:
    message_attributes: Any = {
        n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()
    }
    boto3.client("sqs").send_message(
        QueueUrl=queue, MessageBody=body, MessageAttributes=message_attributes
    )


def send_undelivered(queue: str, function: str, rule: str, event: object = EVENT) -> None:
    """Send the message that EventBridge sends for an undelivered event."""
    send(
        queue,
        json.dumps(event),
        RULE_ARN=f"arn:aws:events:us-east-1:123456789012:rule/{rule}",
        TARGET_ARN=arn(function),
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="not authorized",
        RETRY_ATTEMPTS="0",
    )


def visible_messages(queue: str) -> list[str]:
    """Return the bodies of the visible messages, which stay visible."""
    response = boto3.client("sqs").receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [message["Body"] for message in response.get("Messages", [])]


def test_failed_invocation_is_repeated_with_the_same_payload(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send(queue, failed_run(FUNCTION, PAYLOAD))

    code, out, _ = redrive()

    assert code == 0
    assert functions.invocations == [(FUNCTION, PAYLOAD)]
    assert visible_messages(queue) == []
    assert out == f"delivered  {FUNCTION}  event event-1  RetriesExhausted\n1 delivered, 0 kept\n"


def test_undelivered_event_is_transformed_as_by_its_rule(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send_undelivered(queue, FUNCTION, f"{BUS}/transformed")

    code, out, _ = redrive()

    assert code == 0
    assert functions.invocations == [(FUNCTION, PAYLOAD)]
    assert visible_messages(queue) == []
    assert f"delivered  {FUNCTION}  event event-1  NO_PERMISSIONS" in out


def test_event_of_a_rule_with_constant_input_is_delivered_as_that_input(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send_undelivered(queue, FUNCTION, "fixed")

    redrive()

    assert functions.invocations == [(FUNCTION, {"id": "fixed"})]


def test_message_that_fails_again_stays_visible_and_is_tried_once(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    functions.failing_ids.add("event-1")
    send(queue, failed_run(FUNCTION, PAYLOAD))

    code, out, _ = redrive()

    assert code == Exit.INTERNAL
    assert functions.invocations == [(FUNCTION, PAYLOAD)]
    assert visible_messages(queue) == [failed_run(FUNCTION, PAYLOAD)]
    assert "kept" in out
    assert "failed again: CrashError: PutItem: ThrottlingException" in out
    assert out.endswith("0 delivered, 1 kept\n")


CALLBACK = {
    "id": "event-1",
    "detail-type": "JobCompleted",
    "detail": {"id": "job.completed", "job_id": "job", "has_callback": True},
}


def exhaust(callbacks: str) -> None:
    """Let SQS move a callback to the dead letters, as after its last attempt."""
    sqs = boto3.client("sqs")
    send(callbacks, json.dumps(CALLBACK))
    for _ in range(2):
        sqs.receive_message(QueueUrl=callbacks, VisibilityTimeout=0)


def test_callback_returns_to_its_queue(
    redrive: Redrive, functions: Functions, queue: str, callbacks: str
) -> None:
    exhaust(callbacks)

    listed, _, _ = redrive("--dry-run")
    assert [json.loads(body) for body in visible_messages(queue)] == [CALLBACK]
    code, out, _ = redrive()

    assert (listed, code) == (0, 0), out
    assert out.startswith("delivered  callback  event job.completed  no attempt was accepted\n")
    assert visible_messages(queue) == []
    assert [json.loads(body) for body in visible_messages(callbacks)] == [CALLBACK]
    assert functions.invocations == []


def test_callback_that_its_rule_could_not_queue_is_queued(
    redrive: Redrive, queue: str, callbacks: str
) -> None:
    rule = "arn:aws:events:us-east-1:123456789012:rule/bus/callbacks"
    send(
        queue, json.dumps(CALLBACK), RULE_ARN=rule, TARGET_ARN=queue_arn(callbacks),
        ERROR_CODE="NO_PERMISSIONS",
    )  # fmt: skip

    code, _, _ = redrive()

    assert code == 0
    assert [json.loads(body) for body in visible_messages(callbacks)] == [CALLBACK]


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ("Not JSON", {}),
        ("null", {}),
        (json.dumps({"requestContext": {"functionArn": "x", "condition": "y"}}), {}),
        (failed_run("x", PAYLOAD, requestContext={"functionArn": 5, "condition": "y"}), {}),
        (failed_run("x", PAYLOAD, requestContext={"functionArn": "x", "condition": "y"}), {}),
        (json.dumps(EVENT), {}),  # no rule
        (json.dumps({"detail": {"has_callback": False}}), {}),
        (json.dumps({"detail": ["has_callback"]}), {}),
        (json.dumps(EVENT), {"RULE_ARN": "arn:aws:events:us-east-1:123456789012:rule/a"}),
        (json.dumps(EVENT), {"RULE_ARN": "a", "TARGET_ARN": "b", "ERROR_CODE": "c"}),
    ],
)
def test_malformed_message_is_kept_and_does_not_block_others(
    redrive: Redrive,
    functions: Functions,
    queue: str,
    body: str,
    attributes: dict[str, str],
) -> None:
    send(queue, body, **attributes)
    send(queue, failed_run(FUNCTION, PAYLOAD))

    code, out, _ = redrive()

    assert code == Exit.INTERNAL
    assert functions.invocations == [(FUNCTION, PAYLOAD)]
    assert visible_messages(queue) == [body]
    assert UNREADABLE in out
    assert out.endswith("1 delivered, 1 kept\n")


def test_function_outside_the_stack_is_not_invoked(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    """Write access to the queue does not allow other invocations with the reader's permissions."""
    send(queue, failed_run("delete-everything", PAYLOAD))

    code, out, _ = redrive()

    assert (code, functions.invocations) == (1, [])
    assert "function:delete-everything:$LATEST is not a function of this stack" in out
    assert len(visible_messages(queue)) == 1


@pytest.mark.parametrize(
    ("rule", "suffix", "reason"),
    [
        ("deleted", "", "its rule deleted no longer exists"),
        ("plain", "-2", "its rule plain no longer has this target"),
    ],
)
def test_event_of_a_changed_rule_is_kept(
    redrive: Redrive,
    functions: Functions,
    queue: str,
    rule: str,
    suffix: str,
    reason: str,
) -> None:
    send_undelivered(queue, FUNCTION + suffix, rule)

    code, out, _ = redrive()

    assert (code, functions.invocations) == (1, [])
    assert reason in out
    assert len(visible_messages(queue)) == 1


def test_dry_run_lists_all_messages_and_invokes_nothing(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    send(queue, failed_run(FUNCTION, PAYLOAD))
    send(queue, "Not JSON")

    code, out, _ = redrive("--dry-run")

    assert (code, functions.invocations) == (0, [])
    assert f"pending    {FUNCTION}  event event-1  RetriesExhausted\n" in out
    assert UNREADABLE in out
    assert out.endswith("2 messages in the queue; dry run, nothing delivered\n")
    assert sorted(visible_messages(queue)) == sorted([failed_run(FUNCTION, PAYLOAD), "Not JSON"])


def test_each_of_25_messages_is_handled_once(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    process_ids = [f"event-{number:02}" for number in range(25)]
    functions.failing_ids = {"event-03", "event-17"}
    for name in process_ids:
        send(queue, failed_run(FUNCTION, PAYLOAD | {"id": name}))

    code, out, _ = redrive()

    assert code == Exit.INTERNAL
    assert sorted(payload["id"] for _, payload in functions.invocations) == process_ids
    assert len(visible_messages(queue)) == 2
    assert out.endswith("23 delivered, 2 kept\n")


def test_output_contains_no_request_content(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    functions.failing_ids.add("event-1")
    send(queue, failed_run(FUNCTION, PAYLOAD))
    send(queue, failed_run(FUNCTION, PAYLOAD | {"id": "event-2"}))
    send(queue, json.dumps(EVENT))

    _, out, err = redrive()

    assert "secret place" not in out + err


def test_aws_error_is_printed_in_one_line_and_keeps_the_message(
    redrive: Redrive, functions: Functions, queue: str
) -> None:
    functions.refuses = True
    send(queue, failed_run(FUNCTION, PAYLOAD))

    code, out, err = redrive()

    assert (code, out) == (Exit.INTERNAL, "")
    assert err.startswith("darkroom: ")
    assert "AccessDenied" in err
    assert err.count("\n") == 1
    assert len(visible_messages(queue)) == 1
