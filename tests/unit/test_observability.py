"""Logs, metrics and crashes: the job id on every line, and no exception messages."""

import json
import logging
import traceback
from collections.abc import Callable, Generator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from darkroom.observability import (
    CrashError,
    PowertoolsMetrics,
    correlate,
    log_stale_value,
    logger,
    observed,
)
from tests.unit.http import CONTEXT, capture_logs

SECRET = "sesame-4711"

type ReadLogs = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def read_logs() -> Generator[ReadLogs]:
    """Yield a function that returns the log lines so far."""
    with capture_logs() as stream:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    correlate(None)


def crash(error: Exception, event: dict[str, Any] | None = None) -> CrashError:
    """Return the error that Lambda receives when a handler raises `error`."""

    @observed()
    def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        prompt = SECRET
        raise error from ValueError(prompt)

    with pytest.raises(CrashError) as raised:
        handler(event or {"job_id": "job-1"}, CONTEXT)
    return raised.value


CLIENT_ERROR = ClientError(
    {"Error": {"Code": "ValidationException", "Message": SECRET}}, "UpdateItem"
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError(SECRET), "ValueError"),
        (KeyError(SECRET), "KeyError"),
        (CLIENT_ERROR, "UpdateItem: ValidationException"),
    ],
)
def test_crash_log_has_type_and_location_but_no_message(
    read_logs: ReadLogs, error: Exception, kind: str
) -> None:
    crash_error = crash(error)

    [line] = read_logs()
    assert str(crash_error) == line["error"] == kind
    assert line["level"] == "ERROR"
    assert any("crash" in location or "handler" in location for location in line["at"])
    assert SECRET not in json.dumps(line)
    assert SECRET not in "".join(traceback.format_exception(crash_error))


def test_every_log_line_has_the_job_id_and_the_request_id(read_logs: ReadLogs) -> None:
    @observed()
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        logger.info("one")
        logger.warning("two", checks=1)
        return event

    assert handler({"job_id": "job-1"}, CONTEXT) == {"job_id": "job-1"}

    assert [line["correlation_id"] for line in read_logs()] == ["job-1", "job-1"]
    assert {line["function_request_id"] for line in read_logs()} == {"invocation-1"}


def test_event_without_a_job_does_not_keep_the_last_correlation_id(read_logs: ReadLogs) -> None:
    @observed()
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        logger.info("before")
        correlate("job-2")
        logger.info("after")
        return event

    crash(ValueError())
    handler({"detail": {}}, CONTEXT)

    assert [line.get("correlation_id") for line in read_logs()] == ["job-1", None, "job-2"]


def test_httpx_does_not_log_urls(read_logs: ReadLogs) -> None:
    @observed()
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        return event

    handler({"job_id": "job-1"}, CONTEXT)

    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Darkroom")


@pytest.mark.usefixtures("namespace")
def test_metric_is_one_embedded_line_with_its_dimension(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PowertoolsMetrics().count("JobsFailed", code="moderated")

    [line] = capsys.readouterr().out.splitlines()
    metric = json.loads(line)
    [definition] = metric["_aws"]["CloudWatchMetrics"]
    assert metric["code"] == "moderated"
    assert metric["JobsFailed"] == [1.0]
    assert "code" in definition["Dimensions"][0]
    assert definition["Namespace"] == "Darkroom"
    assert definition["Metrics"] == [{"Name": "JobsFailed", "Unit": "Count"}]


@pytest.mark.usefixtures("namespace")
def test_metrics_do_not_share_dimensions_or_values(capsys: pytest.CaptureFixture[str]) -> None:
    PowertoolsMetrics().count("JobsFailed", code="moderated")
    PowertoolsMetrics().count("JobDuration", 41.5, "Seconds")
    PowertoolsMetrics().count("Checks", 0)

    _, duration, checks = map(json.loads, capsys.readouterr().out.splitlines())
    assert duration["JobDuration"] == [41.5]
    assert duration["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Seconds"
    assert "code" not in duration
    assert checks["Checks"] == [0.0]
    assert "JobDuration" not in checks


def test_dependencies_are_built_at_initialization_on_lambda(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[str] = []
    observed(lambda: built.append("elsewhere"))
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    observed(lambda: built.append("one"), lambda: built.append("two"))

    assert built == ["one", "two"]


def test_stale_value_is_logged_as_a_warning_without_the_message(read_logs: ReadLogs) -> None:
    log_stale_value(CLIENT_ERROR)

    (line,) = read_logs()
    assert (line["level"], line["message"]) == ("WARNING", "stale value")
    assert line["error"] == "UpdateItem: ValidationException"
    assert SECRET not in json.dumps(line)
