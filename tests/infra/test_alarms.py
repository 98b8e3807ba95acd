"""Alarms: they watch what is written, say what it means, and have a row in docs/operations.md."""

import json
import re
from typing import Any

import pytest

from darkroom.observability import PowertoolsMetrics
from local.machines import load_template
from tests.infra.template import ROOT, parameters, properties, resources, template
from tests.infra.tools import CFN_LINT, run

FILE = ROOT / "infra/observability.yaml"
NESTED = load_template(FILE)
ALARMS = {
    name: resource["Properties"]
    for name, resource in NESTED["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
OURS = {name: alarm for name, alarm in ALARMS.items() if alarm["Namespace"] == "Darkroom"}
PAGE = (ROOT / "docs/operations.md").read_text()
# What goes off when: statistic, comparison and threshold, seconds a period, periods that have to
# be so and of how many, and what no data means.
WHEN = {
    "DeadLettersAlarm": ("Maximum", "> 0", 300, (1, 1), "ignore"),
    "StuckJobsAlarm": ("Maximum", "> 0", 900, (2, 2), "missing"),
    "FailureRateAlarm": ("Average", "> 0.2", 300, (3, 6), "notBreaching"),
    "ExecutionThrottledAlarm": ("Sum", "> 0", 300, (1, 1), "notBreaching"),
    "ProviderUnreachableAlarm": ("Sum", ">= 10", 300, (1, 1), "notBreaching"),
    "BreakerOpenAlarm": ("Maximum", ">= 1", 300, (1, 1), "ignore"),
    "CopyFailuresAlarm": ("Sum", ">= 3", 900, (1, 1), "notBreaching"),
    "BudgetAlarm": ("Sum", "> 0", 300, (1, 1), "notBreaching"),
    "OrphanChargesAlarm": ("Sum", "> 0", 86400, (1, 1), "notBreaching"),
    "PresetsBrokenAlarm": ("Sum", "> 0", 300, (1, 1), "notBreaching"),
}
SIGNS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what CloudWatch makes of the line that a count writes, in a function of ours."""
    for name, value in template()["Globals"]["Function"]["Environment"]["Variables"].items():
        if isinstance(value, str):
            monkeypatch.setenv(name, value)

    def write(metric: str, **dimensions: str) -> dict[str, Any]:
        PowertoolsMetrics().count(metric, 1, "Count", **dimensions)
        line = json.loads(capsys.readouterr().out)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (names,) = directive["Dimensions"]
        return {
            "Namespace": directive["Namespace"],
            "MetricName": directive["Metrics"][0]["Name"],
            "Dimensions": [{"Name": name, "Value": line[name]} for name in names],
        }

    return write


@pytest.mark.parametrize("alarm", OURS)
def test_an_alarm_watches_a_metric_as_it_is_written(alarm: str, written: Any) -> None:
    given = ALARMS[alarm]
    watched = {name: given[name] for name in ("Namespace", "MetricName", "Dimensions")}

    assert watched == written(given["MetricName"])


def test_a_metric_with_a_dimension_more_is_another_one(written: Any) -> None:
    """So no alarm would hear of what is counted with one."""
    assert written("BreakerOpen", code="unauthorized") != written("BreakerOpen")


@pytest.mark.parametrize("alarm", OURS)
def test_what_an_alarm_watches_is_counted_somewhere_and_with_no_dimension_of_its_own(
    alarm: str,
) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "functions/darkroom").rglob("*.py"))
    metric = ALARMS[alarm]["MetricName"]

    assert f'"{metric}"' in source
    further = r"\b(?!value\b|unit\b)\w+=[^=]"
    assert not re.search(rf'count\(\s*"{metric}",[^)]*{further}', source)


@pytest.mark.parametrize("alarm", WHEN)
def test_an_alarm_goes_off_when_it_should(alarm: str) -> None:
    given = ALARMS[alarm]
    periods = given["EvaluationPeriods"]

    assert WHEN[alarm] == (
        given["Statistic"],
        f"{SIGNS[given['ComparisonOperator']]} {given['Threshold']}",
        given["Period"],
        (given.get("DatapointsToAlarm", periods), periods),
        given["TreatMissingData"],
    )


def test_this_is_every_alarm() -> None:
    assert set(ALARMS) == set(WHEN)
    assert not resources("AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_looks_back_no_longer_than_cloudwatch_lets_it(alarm: str) -> None:
    given = ALARMS[alarm]

    assert given["Period"] % 60 == 0
    assert given["Period"] * given["EvaluationPeriods"] <= 24 * 60 * 60


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_says_what_it_means_and_where_to_look(alarm: str) -> None:
    said = ALARMS[alarm]["AlarmDescription"]

    assert 80 < len(said) <= 1024
    assert "Look at" in said or "GET /v1/presets" in said


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_tells_the_topic_of_its_beginning_and_end_if_there_is_one(alarm: str) -> None:
    told = {"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}

    assert ALARMS[alarm]["AlarmActions"] == told
    assert ALARMS[alarm]["OKActions"] == told


def test_without_a_topic_nobody_is_told() -> None:
    is_set = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}

    assert NESTED["Conditions"] == {"HasTopic": is_set}
    assert parameters()["AlarmTopicArn"]["Default"] == ""


@pytest.mark.parametrize(
    ("topic", "fits"),
    [
        ("", True),
        ("arn:aws:sns:eu-central-1:123456789012:on-call", True),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:on-call", True),
        ("on-call", False),
        ("arn:aws:sqs:eu-central-1:123456789012:on-call", False),
    ],
)
def test_a_topic_is_named_by_its_arn(topic: str, *, fits: bool) -> None:
    pattern = parameters()["AlarmTopicArn"]["AllowedPattern"]

    assert bool(re.search(pattern, topic)) is fits


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_has_a_row_that_says_what_to_do(alarm: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{alarm}` |")]

    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert len(cells) == 4  # which, what it means, what to look at, what to do
    assert all(cells)


def test_the_page_names_no_alarm_that_is_gone() -> None:
    pages = [PAGE, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]
    named = {name for page in pages for name in re.findall(r"`(\w+Alarm)`", page)}

    assert named <= set(ALARMS)


def test_the_stack_hands_its_alarms_what_they_ask_for() -> None:
    nested = properties("Observability")

    assert ROOT / nested["TemplateURL"] == FILE
    assert nested["Parameters"] == {
        "Name": {"Ref": "AWS::StackName"},
        "DeadLettersName": {"Fn::GetAtt": ["DeadLetters", "QueueName"]},
        "StateMachineArn": {"Ref": "ImageJobStateMachine"},
        "AlarmTopicArn": {"Ref": "AlarmTopicArn"},
    }
    assert set(nested["Parameters"]) == set(NESTED["Parameters"])


def test_awss_own_metrics_are_those_of_our_queue_and_our_machine() -> None:
    queue, machine = ALARMS["DeadLettersAlarm"], ALARMS["ExecutionThrottledAlarm"]

    assert (queue["Namespace"], queue["MetricName"], queue["Dimensions"]) == (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        [{"Name": "QueueName", "Value": {"Ref": "DeadLettersName"}}],
    )
    assert (machine["Namespace"], machine["MetricName"], machine["Dimensions"]) == (
        "AWS/States",
        "ExecutionThrottled",
        [{"Name": "StateMachineArn", "Value": {"Ref": "StateMachineArn"}}],
    )


def test_who_deploys_has_to_allow_no_more_than_without_the_alarms() -> None:
    """A nested stack with a Transform of its own would ask for CAPABILITY_AUTO_EXPAND."""
    assert "Transform" not in NESTED
    assert {resource["Type"] for resource in NESTED["Resources"].values()} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
    }


@pytest.mark.linters
def test_cfn_lint_has_nothing_to_say_about_the_alarms() -> None:
    """By itself: of a nested template it sees only the parameters."""
    assert run(CFN_LINT, FILE) == (0, "")
