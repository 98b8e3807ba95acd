"""Alarms watch metrics that the functions do write: by their names, namespace and dimensions."""

import json
from typing import Any

import pytest

from darkroom.observability import PowertoolsMetrics
from tests.infra.template import properties, resources, template

ALARMS = list(resources("AWS::CloudWatch::Alarm"))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what CloudWatch makes of the line that a count writes, in a function of ours."""
    for name, value in template()["Globals"]["Function"]["Environment"]["Variables"].items():
        if isinstance(value, str):
            monkeypatch.setenv(name, value)

    def write(metric: str) -> dict[str, Any]:
        PowertoolsMetrics().count(metric)
        line = json.loads(capsys.readouterr().out)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        (dimensions,) = directive["Dimensions"]
        return {
            "Namespace": directive["Namespace"],
            "MetricName": directive["Metrics"][0]["Name"],
            "Dimensions": [{"Name": name, "Value": line[name]} for name in dimensions],
        }

    return write


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_watches_a_metric_that_is_written(alarm: str, written: Any) -> None:
    given = properties(alarm)
    watched = {name: given[name] for name in ("Namespace", "MetricName", "Dimensions")}

    assert watched == written(given["MetricName"])


def test_one_upload_that_meets_broken_presets_is_enough() -> None:
    alarm = properties("PresetsBrokenAlarm")

    assert alarm["MetricName"] == "PresetsBroken"
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Sum", "GreaterThanThreshold")
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)
    # No upload, no metric: that is fine.
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_says_what_it_means(alarm: str) -> None:
    assert len(properties(alarm)["AlarmDescription"]) > 40
