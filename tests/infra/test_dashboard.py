"""The dashboard: four questions, and plots of what is written, by the names it is written with."""

import json
import re
from typing import Any

import pytest

from tests.infra.template import ROOT
from tests.infra.test_alarms import ALARMS, NESTED

BODY = NESTED["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
WIDGETS: list[dict[str, Any]] = json.loads(BODY)["widgets"]
PLOTTED = [
    metric
    for widget in WIDGETS
    if widget["type"] == "metric"
    for metric in widget["properties"]["metrics"]
]
SOURCE = "\n".join(path.read_text() for path in (ROOT / "functions/darkroom").rglob("*.py"))
COUNTED = set(re.findall(r'metrics\.count\(\s*"(\w+)"', SOURCE))


def test_it_asks_the_four_questions_in_their_order() -> None:
    asked = [w["properties"]["markdown"] for w in WIDGETS if w["type"] == "text"]

    assert asked == [
        "## Is it working?",
        "## How long does it take?",
        "## What does it cost?",
        "## What is stuck?",
    ]


@pytest.mark.parametrize("metric", [each for each in PLOTTED if isinstance(each[0], str)], ids=str)
def test_what_it_plots_is_written_so(metric: list[Any]) -> None:
    namespace, name, *dimensions, options = metric

    assert options.keys() == {"label", "stat"}
    if namespace == "Darkroom":
        assert name in COUNTED
        assert dimensions == ["service", "darkroom"]
        # With a dimension more it would be another metric.
        further = r"\b(?!value\b|unit\b)\w+=[^=]"
        assert not re.search(rf'count\(\s*"{name}",[^)]*{further}', SOURCE)
    else:
        assert (namespace, *dimensions) in {
            ("AWS/SQS", "QueueName", "${DeadLettersName}"),
            ("AWS/States", "StateMachineArn", "${StateMachineArn}"),
        }


def test_what_it_searches_for_is_written_with_that_dimension() -> None:
    (searched,) = [each[0]["expression"] for each in PLOTTED if isinstance(each[0], dict)]

    assert "{Darkroom,code,service}" in searched
    assert 'MetricName="JobsFailed"' in searched
    assert re.search(r'count\("JobsFailed", code=', SOURCE)


@pytest.mark.parametrize(
    "metric",
    ["JobsAccepted", "JobsCompleted", "JobDuration", "DetectionLag", "ProviderDuration", "Checks",
     "QueueWait", "Cost", "SlotWait", "BreakerOpen", "StuckJobs"],
)  # fmt: skip
def test_it_shows(metric: str) -> None:
    assert metric in {each[1] for each in PLOTTED if isinstance(each[0], str)}


def test_it_shows_every_alarm() -> None:
    (shown,) = [w["properties"]["alarms"] for w in WIDGETS if w["type"] == "alarm"]

    assert set(shown) == {f"${{{name}.Arn}}" for name in ALARMS}


def test_nothing_lies_on_anything_else() -> None:
    cells = [
        (x, y)
        for w in WIDGETS
        for x in range(w["x"], w["x"] + w["width"])
        for y in range(w["y"], w["y"] + w["height"])
    ]

    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
