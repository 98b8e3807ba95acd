"""Alarms: each watches a written metric, has a description and a row in docs/operations.md."""

import json
import re
from typing import Any

import pytest

from darkroom.observability import PowertoolsMetrics
from local.built_template import load_template
from tests.infra.template import ROOT, template

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
STACK_NAME = {"Ref": "AWS::StackName"}


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


def test_alarm_is_raised_when_sweep_does_not_run() -> None:
    """Each sweep writes the metric, also for no stuck jobs."""
    assert ALARMS["StuckJobsAlarm"]["MetricName"] == "StuckJobs"
    assert ALARMS["StuckJobsAlarm"]["TreatMissingData"] == "breaching"


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
