"""The dashboard: four sections, and plots of metrics with the names and dimensions written."""

import json
import re
from typing import Any

import pytest

from tests.infra.template import ROOT
from tests.infra.test_alarms import ALARMS, NESTED_TEMPLATE

DASHBOARD = NESTED_TEMPLATE["Resources"]["Dashboard"]["Properties"]
BODY = DASHBOARD["DashboardBody"]["Fn::Sub"]
WIDGETS: list[dict[str, Any]] = json.loads(BODY)["widgets"]
PLOTTED = [
    metric
    for widget in WIDGETS
    if widget["type"] == "metric"
    for metric in widget["properties"]["metrics"]
]
SOURCE = "\n".join(path.read_text() for path in (ROOT / "functions/darkroom").rglob("*.py"))
COUNTED = set(re.findall(r'metrics\.count\(\s*"(\w+)"', SOURCE))


def test_dashboard_name_differs_by_stack_and_region() -> None:
    """CloudWatch replaces a dashboard of the same name, also one of another region."""
    assert DASHBOARD["DashboardName"] == {"Fn::Sub": "${Name}-${AWS::Region}"}


@pytest.mark.parametrize(
    "metric", [metric for metric in PLOTTED if isinstance(metric[0], str)], ids=str
)
def test_plotted_metric_is_written_with_these_dimensions(metric: list[Any]) -> None:
    namespace, name, *dimensions, options = metric

    assert options.keys() == {"label", "stat"}
    if namespace == "Darkroom":
        assert name in COUNTED
        assert dimensions == ["service", "${Name}"]
        # An additional dimension would make another metric.
        other_keyword = r"\b(?!value\b|unit\b)\w+=[^=]"
        assert not re.search(rf'count\(\s*"{name}",[^)]*{other_keyword}', SOURCE)
    else:
        assert (namespace, *dimensions) in {
            ("AWS/SQS", "QueueName", "${DeadLettersName}"),
            ("AWS/States", "StateMachineArn", "${StateMachineArn}"),
        }


def test_search_uses_a_written_dimension() -> None:
    (expression,) = [metric[0]["expression"] for metric in PLOTTED if isinstance(metric[0], dict)]

    assert "{Darkroom,code,service}" in expression
    assert 'service="${Name}"' in expression  # not the metrics of other stacks
    assert 'MetricName="JobsFailed"' in expression
    assert re.search(r'count\("JobsFailed", code=', SOURCE)


def test_all_alarms_are_shown() -> None:
    (alarms,) = [w["properties"]["alarms"] for w in WIDGETS if w["type"] == "alarm"]

    assert set(alarms) == {f"${{{name}.Arn}}" for name in ALARMS}
