"""The rules that invoke functions: patterns, inputs, retries and dead letters."""

import json
import random
import re
from typing import Any

import pytest
from moto.events.models import EventPattern

from darkroom.adapters import callback_receivers
from darkroom.domain import reconciliation
from darkroom.domain.callbacks import MAX_ATTEMPTS, retry_after
from darkroom.handlers import sweep
from tests.infra.template import functions, parameters, properties
from tests.workflow.entry_points import rule_input

ASYNCHRONOUS = [f for f in functions() if "Events" in properties(f)]
RULES = [
    pytest.param(event["Properties"], id=f"{function}.{name}")
    for function in ASYNCHRONOUS
    for name, event in properties(function)["Events"].items()
    if event["Type"] != "CloudWatchLogs"  # CloudWatch Logs retries for 24 hours
]
EACH_MINUTE = "rate(1 minute)"
# Event details of senders: names of internal fields, template syntax, other sources.
DETAILS: list[dict[str, Any]] = [
    {"operation": "text-to-image", "prompt": "A lighthouse"},
    {"caller": "another caller", "id": "another"},
    {"prompt": '", "caller": "another caller"}'},
    {"prompt": "<id> <detail> <caller> <aws.events.rule-name> $.source"},
    {},
]


def rule_properties(function: str, name: str) -> dict[str, Any]:
    rule: dict[str, Any] = properties(function)["Events"][name]["Properties"]
    return rule


@pytest.mark.parametrize("function", ASYNCHRONOUS)
def test_asynchronous_function_has_retries_and_a_dead_letter_queue(function: str) -> None:
    config = properties(function)["EventInvokeConfig"]

    # A failed or throttled sweep is not retried, because the next sweep starts within a minute.
    # Every other event is unique, and Lambda retries a throttled one for 6 hours by default.
    is_sweep = function == "SweepFunction"
    assert config["MaximumRetryAttempts"] == (0 if is_sweep else 2)
    assert config.get("MaximumEventAgeInSeconds") == (60 if is_sweep else None)
    failure = config["DestinationConfig"]["OnFailure"]
    assert failure == {"Type": "SQS", "Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}


@pytest.mark.parametrize("rule", RULES)
def test_rule_has_retries_and_a_dead_letter_queue(rule: dict[str, Any]) -> None:
    """EventBridge retries for 24 hours by default."""
    no_retries = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}

    assert rule["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert rule.get("RetryPolicy") == (no_retries if rule.get("Schedule") == EACH_MINUTE else None)


@pytest.mark.parametrize("detail", DETAILS)
def test_sender_cannot_set_the_caller(detail: dict[str, Any]) -> None:
    event = {
        "id": "event-1",
        "source": "my.shop",
        "account": "111122223333",
        "detail-type": "JobRequested",
        "caller": "another caller",
        "detail": detail,
    }

    function_input = rule_input("OnRequestFunction", "JobRequested", event)

    assert function_input == {
        "caller": "events",
        "can_read_all": True,
        "id": "event-1",
        "detail": detail,
    }


@pytest.mark.parametrize(
    ("envelope", "detail", "is_matched"),
    [
        ({}, {}, True),
        ({}, {"idempotency_key": "order-1"}, True),
        ({"replay-name": "after-the-fix"}, {"idempotency_key": "order-1"}, True),
        ({"replay-name": "after-the-fix"}, {}, False),
        ({"replay-name": "after-the-fix"}, {"idempotency_key": None}, False),
    ],
)
def test_replayed_request_needs_an_idempotency_key(
    envelope: dict[str, str], detail: dict[str, Any], *, is_matched: bool
) -> None:
    """The id of a replayed event, the default key, may be another one."""
    pattern = rule_properties("OnRequestFunction", "JobRequested")["Pattern"]
    event = {"id": "event-1", "detail-type": "JobRequested", "detail": detail} | envelope

    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is is_matched  # type: ignore[arg-type]


def test_archived_requests_are_younger_than_the_records_of_their_jobs() -> None:
    oldest, record = parameters()["ArchiveDays"], parameters()["RecordRetentionDays"]

    assert properties("EventArchive")["RetentionDays"] == {"Ref": "ArchiveDays"}
    assert oldest["Default"] == 0
    assert oldest["MaxValue"] < record["MinValue"]


def test_archive_keeps_requests_and_published_events() -> None:
    archive = properties("EventArchive")
    pattern = EventPattern.load(json.dumps(archive["EventPattern"]))

    assert archive["SourceArn"] == {"Fn::GetAtt": ["EventBus", "Arn"]}
    kinds = [("darkroom", "JobFailed"), ("my.shop", "JobRequested"), ("my.shop", "OrderPaid")]
    events: list[Any] = [{"source": s, "detail-type": kind, "detail": {}} for s, kind in kinds]
    assert [pattern.matches_event(event) for event in events] == [True, True, False]


def test_ended_jobs_of_uploads_are_noted() -> None:
    rule = rule_properties("OnUploadFunction", "JobEnded")

    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert "InputTransformer" not in rule
    assert rule["Pattern"] == {
        "source": ["darkroom"],
        "detail-type": [
            "JobCompleted", "JobFailed", "JobRecovered", "ChainCompleted", "ChainFailed",
        ],
        "detail": {"source": {"bucket": [{"Ref": "InboxBucket"}]}},
    }  # fmt: skip


def test_ended_steps_continue_their_chain() -> None:
    """`step` is null in the events of jobs without further steps, and null is no number."""
    rule = rule_properties("ContinueChainFunction", "StepEnded")

    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert "InputTransformer" not in rule
    assert rule["Pattern"] == {
        "source": ["darkroom"],
        "detail-type": ["JobCompleted", "JobFailed", "JobRecovered"],
        "detail": {"step": [{"numeric": [">=", 0]}]},
    }


def test_on_execution_ended_matches_failed_executions() -> None:
    rule = rule_properties("OnExecutionEndedFunction", "ExecutionEnded")

    assert "EventBusName" not in rule  # Step Functions publishes to the default bus
    assert rule["Pattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [{"Ref": "ImageJobStateMachine"}],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }


def test_terminal_events_of_jobs_with_a_callback_are_queued() -> None:
    """Other jobs cause no message and no run."""
    rule, queue = properties("CallbacksRule"), properties("Callbacks")

    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert rule["EventPattern"] == {
        "source": ["darkroom"],
        "detail-type": [
            "JobCompleted", "JobFailed", "JobRecovered", "ChainCompleted", "ChainFailed",
        ],
        "detail": {"has_callback": [True]},
    }  # fmt: skip
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Callbacks", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
        "maxReceiveCount": MAX_ATTEMPTS,
    }


def test_slow_receivers_occupy_a_bounded_number_of_runs() -> None:
    function = properties("SendCallbackFunction")
    source = properties("CallbacksMapping")

    assert source["EventSourceArn"] == {"Fn::GetAtt": ["Callbacks", "Arn"]}
    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 2 <= source["ScalingConfig"]["MaximumConcurrency"] <= 100
    assert function["Timeout"] > callback_receivers._TOTAL_SECONDS + 10
    # A shorter one would deliver the message again while the function runs.
    assert properties("Callbacks")["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_queue_keeps_a_callback_longer_than_its_attempts_take() -> None:
    longest = sum(retry_after(n, Longest()) for n in range(1, MAX_ATTEMPTS))

    assert longest < 0.5 * properties("Callbacks")["MessageRetentionPeriod"]
    assert 20 * 3600 < longest < 36 * 3600


class Longest(random.Random):
    def uniform(self, _: float, high: float) -> float:
        return high


def test_sweep_stops_before_its_timeout() -> None:
    limit = properties("SweepFunction")["Timeout"]

    # The sweep copies outputs of a job and continues only with enough remaining time.
    assert limit * 1000 > sweep._RESERVED_MILLISECONDS
    assert sweep._RESERVED_MILLISECONDS >= 120_000


def test_reconcile_runs_daily_after_the_refund_period() -> None:
    minute, hour, *other_fields = re.fullmatch(  # type: ignore[union-attr]
        r"cron\((\d+) (\d+) (.) (.) (.) (.)\)",
        rule_properties("ReconcileFunction", "EveryMorning")["Schedule"],
    ).groups()

    assert other_fields == ["*", "*", "?", "*"]
    # The previous day ends at midnight UTC; charges not refunded after six hours are reported.
    assert int(hour) + int(minute) / 60 >= reconciliation.REFUNDED_AFTER.total_seconds() / 3600
