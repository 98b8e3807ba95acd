"""The rules that start functions: what they match, what they pass on, and what is never lost."""

import re
from typing import Any

import pytest

from darkroom.domain import reconciliation
from darkroom.handlers import sweep
from tests.infra.template import functions, properties
from tests.workflow.entry_points import of_rule

ASYNCHRONOUS = [f for f in functions() if "Events" in properties(f)]
RULES = [
    pytest.param(event["Properties"], id=f"{function}.{name}")
    for function in ASYNCHRONOUS
    for name, event in properties(function)["Events"].items()
]
EACH_MINUTE = "rate(1 minute)"
RETRIES = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
# Whatever a sender may write into an event: names that ours has, our syntax, other sources.
DETAILS: list[dict[str, Any]] = [
    {"operation": "text-to-image", "prompt": "A lighthouse"},
    {"caller": "somebody else", "id": "another"},
    {"prompt": '", "caller": "somebody else"}'},
    {"prompt": "<id> <detail> <caller> <aws.events.rule-name> $.source"},
    {},
]


def rule(function: str, name: str) -> dict[str, Any]:
    given: dict[str, Any] = properties(function)["Events"][name]["Properties"]
    return given


def test_these_functions_are_started_by_events() -> None:
    assert ASYNCHRONOUS == [
        "OnUploadFunction",
        "OnRequestFunction",
        "SweepFunction",
        "ReconcileFunction",
        "OnExecutionEndedFunction",
        "RecordStatsFunction",
        "ThumbnailFunction",
    ]


@pytest.mark.parametrize("function", ASYNCHRONOUS)
def test_an_asynchronous_function_has_somewhere_to_put_what_it_cannot_do(function: str) -> None:
    config = properties(function)["EventInvokeConfig"]

    # A sweep that fails is not tried again: the next one comes in a minute.
    assert config["MaximumRetryAttempts"] == (0 if function == "SweepFunction" else 2)
    failure = config["DestinationConfig"]["OnFailure"]
    assert failure == {"Type": "SQS", "Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}


@pytest.mark.parametrize("given", RULES)
def test_a_rule_tries_for_a_day_or_comes_again_and_keeps_what_it_cannot_deliver(
    given: dict[str, Any],
) -> None:
    tries = (0, 60) if given.get("Schedule") == EACH_MINUTE else (185, 86400)

    assert given["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert given["RetryPolicy"] == dict(zip(RETRIES, tries, strict=True))


def test_the_event_door_takes_job_requests_from_anybody_on_our_bus() -> None:
    given = rule("OnRequestFunction", "JobRequested")

    assert given["EventBusName"] == {"Ref": "EventBus"}
    assert given["Pattern"] == {"detail-type": ["JobRequested"]}


def test_the_event_door_hears_the_rules_name_for_the_caller_and_the_event_itself() -> None:
    """The template has no other placeholder, and the id is EventBridge's own."""
    transformer = rule("OnRequestFunction", "JobRequested")["InputTransformer"]

    assert transformer["InputPathsMap"] == {"id": "$.id", "detail": "$.detail"}
    # A placeholder in quotes would be text: a detail with quotes of its own would break it.
    assert transformer["InputTemplate"] == (
        '{"caller": "events", "can_read_all": true, "id": <id>, "detail": <detail>}'
    )


@pytest.mark.parametrize("detail", DETAILS)
def test_a_sender_has_no_say_in_who_the_caller_is(detail: dict[str, Any]) -> None:
    event = {
        "id": "event-1",
        "source": "my.shop",
        "account": "111122223333",
        "detail-type": "JobRequested",
        "caller": "somebody else",
        "detail": detail,
    }

    told = of_rule("OnRequestFunction", "JobRequested", event)

    assert told == {"caller": "events", "can_read_all": True, "id": "event-1", "detail": detail}


def test_the_upload_door_sees_every_object_that_is_made_in_the_inbox_and_in_no_other_bucket() -> (
    None
):
    given = rule("OnUploadFunction", "ObjectCreated")

    assert "EventBusName" not in given  # S3 tells the default bus
    assert "InputTransformer" not in given
    assert given["Pattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": "InboxBucket"}]}},
    }


def test_the_last_resort_sees_every_execution_that_ends_badly() -> None:
    given = rule("OnExecutionEndedFunction", "ExecutionEnded")

    assert "EventBusName" not in given  # Step Functions tells the default bus
    assert given["Pattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [{"Ref": "ImageJobStateMachine"}],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }


def test_the_sweep_comes_every_minute() -> None:
    assert rule("SweepFunction", "EveryMinute")["Schedule"] == EACH_MINUTE


def test_a_sweep_stops_in_time_to_finish_what_it_has_begun() -> None:
    limit = properties("SweepFunction")["Timeout"]

    # A job's outputs are copied within it, and then it goes on only with enough time left.
    assert limit * 1000 > sweep._ENOUGH_MILLISECONDS
    assert sweep._ENOUGH_MILLISECONDS >= 120_000


def test_the_bills_are_compared_once_a_day_when_refunds_are_in() -> None:
    minute, hour, *every = re.fullmatch(  # type: ignore[union-attr]
        r"cron\((\d+) (\d+) (.) (.) (.) (.)\)",
        rule("ReconcileFunction", "EveryMorning")["Schedule"],
    ).groups()

    assert every == ["*", "*", "?", "*"]
    # The day before ends at midnight UTC, and what is not given back after six hours is told.
    assert int(hour) + int(minute) / 60 >= reconciliation.REFUNDED_AFTER.total_seconds() / 3600
