"""Alarms: each watches a written metric, has a description and a row in docs/operations.md."""

import json
import re
from typing import Any

import pytest

from darkroom.observability import PowertoolsMetrics
from local.built_template import load_template
from tests.infra.template import ROOT, parameters, properties, resources, template
from tests.infra.tools import CFN_LINT, run

FILE = ROOT / "infra/observability.yaml"
NESTED_TEMPLATE = load_template(FILE)
ALARMS = {
    name: resource["Properties"]
    for name, resource in NESTED_TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
OWN_METRIC_ALARMS = {
    name: alarm for name, alarm in ALARMS.items() if alarm["Namespace"] == "Darkroom"
}
PAGE = (ROOT / "docs/operations.md").read_text()
# Conditions of the alarms: statistic, comparison and threshold, period in seconds, datapoints to
# alarm of evaluated periods, and treatment of missing data.
CONDITIONS = {
    "DeadLettersAlarm": ("Maximum", "> 0", 300, (1, 1), "ignore"),
    "StuckJobsAlarm": ("Maximum", "> 0", 900, (2, 2), "breaching"),
    "FailureRateAlarm": ("Average", "> 0.2", 300, (3, 6), "notBreaching"),
    "ExecutionThrottledAlarm": ("Sum", "> 0", 300, (1, 1), "notBreaching"),
    "ProviderUnreachableAlarm": ("Sum", ">= 10", 300, (1, 1), "notBreaching"),
    "BreakerOpenAlarm": ("Maximum", ">= 1", 300, (1, 1), "ignore"),
    "CopyFailuresAlarm": ("Sum", ">= 3", 900, (1, 1), "notBreaching"),
    "BudgetAlarm": ("Sum", "> 0", 300, (1, 1), "notBreaching"),
    "OrphanChargesAlarm": ("Sum", "> 0", 86400, (1, 1), "notBreaching"),
    "PresetsBrokenAlarm": ("Sum", "> 0", 300, (1, 1), "notBreaching"),
}
STACK_NAME = {"Ref": "AWS::StackName"}
OPERATORS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}


@pytest.fixture
def write_metric(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that counts a metric and returns the CloudWatch metric that is written."""
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == STACK_NAME
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "the stack")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", variables["POWERTOOLS_METRICS_NAMESPACE"])

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


@pytest.mark.parametrize("alarm", OWN_METRIC_ALARMS)
def test_alarm_watches_the_metric_that_is_written(alarm: str, write_metric: Any) -> None:
    definition = ALARMS[alarm]
    metric = {name: definition[name] for name in ("Namespace", "MetricName", "Dimensions")}
    metric["Dimensions"] = [
        dimension | {"Value": "the stack"} if dimension["Value"] == {"Ref": "Name"} else dimension
        for dimension in metric["Dimensions"]
    ]

    assert metric == write_metric(definition["MetricName"])


def test_additional_dimension_makes_another_metric(write_metric: Any) -> None:
    """An alarm would not see a metric that is counted with an additional dimension."""
    assert write_metric("BreakerOpen", code="unauthorized") != write_metric("BreakerOpen")


def test_metric_with_an_additional_dimension_still_names_its_stack(write_metric: Any) -> None:
    dimensions = write_metric("JobsFailed", code="unauthorized")["Dimensions"]

    assert {"Name": "service", "Value": "the stack"} in dimensions


@pytest.mark.parametrize("alarm", OWN_METRIC_ALARMS)
def test_alarm_metric_is_counted_without_additional_dimensions(
    alarm: str,
) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "functions/darkroom").rglob("*.py"))
    metric = ALARMS[alarm]["MetricName"]

    assert f'"{metric}"' in source
    other_keyword = r"\b(?!value\b|unit\b)\w+=[^=]"
    assert not re.search(rf'count\(\s*"{metric}",[^)]*{other_keyword}', source)


@pytest.mark.parametrize("alarm", CONDITIONS)
def test_alarm_has_the_expected_condition(alarm: str) -> None:
    definition = ALARMS[alarm]
    periods = definition["EvaluationPeriods"]

    assert CONDITIONS[alarm] == (
        definition["Statistic"],
        f"{OPERATORS[definition['ComparisonOperator']]} {definition['Threshold']}",
        definition["Period"],
        (definition.get("DatapointsToAlarm", periods), periods),
        definition["TreatMissingData"],
    )


def test_all_alarms_have_an_expected_condition() -> None:
    assert set(ALARMS) == set(CONDITIONS)
    assert not resources("AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_evaluates_at_most_one_day(alarm: str) -> None:
    definition = ALARMS[alarm]

    assert definition["Period"] % 60 == 0
    assert definition["Period"] * definition["EvaluationPeriods"] <= 24 * 60 * 60


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_description_says_what_to_check(alarm: str) -> None:
    description = ALARMS[alarm]["AlarmDescription"]

    assert 80 < len(description) <= 1024
    assert "Look at" in description or "GET /v1/presets" in description


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_notifies_the_topic_on_alarm_and_ok(alarm: str) -> None:
    topic_action = {"Fn::If": ["HasTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}

    assert ALARMS[alarm]["AlarmActions"] == topic_action
    assert ALARMS[alarm]["OKActions"] == topic_action


def test_alarms_without_a_topic_have_no_actions() -> None:
    is_set = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}

    assert NESTED_TEMPLATE["Conditions"] == {"HasTopic": is_set}
    assert parameters()["AlarmTopicArn"]["Default"] == ""


@pytest.mark.parametrize(
    ("topic", "is_valid"),
    [
        ("", True),
        ("arn:aws:sns:eu-central-1:123456789012:on-call", True),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:on-call", True),
        ("on-call", False),
        ("arn:aws:sqs:eu-central-1:123456789012:on-call", False),
    ],
)
def test_topic_parameter_must_be_an_arn(topic: str, *, is_valid: bool) -> None:
    pattern = parameters()["AlarmTopicArn"]["AllowedPattern"]

    assert bool(re.search(pattern, topic)) is is_valid


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_has_a_row_in_the_operations_page(alarm: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{alarm}` |")]

    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert len(cells) == 4  # alarm, meaning, what to check, what to do
    assert all(cells)


def test_docs_name_only_existing_alarms() -> None:
    pages = [PAGE, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]
    named = {name for page in pages for name in re.findall(r"`(\w+Alarm)`", page)}

    assert named <= set(ALARMS)


def test_nested_stack_gets_all_its_parameters() -> None:
    nested = properties("Observability")

    assert ROOT / nested["TemplateURL"] == FILE
    assert nested["Parameters"] == {
        "Name": STACK_NAME,
        "DeadLettersName": {"Fn::GetAtt": ["DeadLetters", "QueueName"]},
        "StateMachineArn": {"Ref": "ImageJobStateMachine"},
        "AlarmTopicArn": {"Ref": "AlarmTopicArn"},
    }
    assert set(nested["Parameters"]) == set(NESTED_TEMPLATE["Parameters"])


def test_aws_metrics_have_the_dimensions_of_the_stack_resources() -> None:
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


def test_nested_stack_requires_no_additional_capability() -> None:
    """A nested stack with its own Transform would require CAPABILITY_AUTO_EXPAND."""
    assert "Transform" not in NESTED_TEMPLATE
    assert {resource["Type"] for resource in NESTED_TEMPLATE["Resources"].values()} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
    }


@pytest.mark.linters
def test_cfn_lint_accepts_the_alarms() -> None:
    """Linted directly, because cfn-lint reads only the parameters of a nested template."""
    assert run(CFN_LINT, FILE) == (0, "")
