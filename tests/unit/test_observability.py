"""Logs, metrics and crashes: the job id on every line, and no words of an exception anywhere."""

import io
import json
import logging
import traceback
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from darkroom.observability import CrashError, PowertoolsMetrics, correlate, logger, observed

SECRET = "sesame-4711"
CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Generator[Lines]:
    """Give what has been logged so far."""
    stream = io.StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(before)
    correlate(None)


def crash(error: Exception, event: dict[str, Any] | None = None) -> CrashError:
    """What the platform gets to see of `error`."""

    @observed()
    def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        prompt = SECRET
        raise error from ValueError(prompt)

    with pytest.raises(CrashError) as caught:
        handler(event or {"job_id": "job-1"}, CONTEXT)
    return caught.value


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
def test_a_crash_tells_its_kind_and_place_but_none_of_its_words(
    lines: Lines, error: Exception, kind: str
) -> None:
    crashed = crash(error)

    [line] = lines()
    assert str(crashed) == line["error"] == kind
    assert line["level"] == "ERROR"
    assert any("crash" in place or "handler" in place for place in line["at"])
    assert SECRET not in json.dumps(line)
    assert SECRET not in "".join(traceback.format_exception(crashed))


def test_every_line_has_the_job_id_and_the_invocation(lines: Lines) -> None:
    @observed()
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        logger.info("one")
        logger.warning("two", checks=1)
        return event

    assert handler({"job_id": "job-1"}, CONTEXT) == {"job_id": "job-1"}

    assert [line["correlation_id"] for line in lines()] == ["job-1", "job-1"]
    assert {line["function_request_id"] for line in lines()} == {"invocation-1"}


def test_a_door_without_a_job_yet_does_not_inherit_the_last_ones_id(lines: Lines) -> None:
    @observed()
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        logger.info("before")
        correlate("job-2")
        logger.info("after")
        return event

    crash(ValueError())
    handler({"detail": {}}, CONTEXT)

    assert [line.get("correlation_id") for line in lines()] == ["job-1", None, "job-2"]


def test_a_crash_in_one_invocation_leaves_nothing_to_the_next(lines: Lines) -> None:
    crash(ValueError())
    logger.info("outside")

    assert "function_request_id" not in lines()[-1]


def test_httpx_does_not_log_the_urls_it_calls(lines: Lines) -> None:
    @observed()
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        return event

    handler({"job_id": "job-1"}, CONTEXT)

    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Darkroom")


@pytest.mark.usefixtures("namespace")
def test_a_metric_is_one_embedded_line_with_its_dimension(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PowertoolsMetrics().count("JobsFailed", code="moderated")

    [line] = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    [definition] = told["_aws"]["CloudWatchMetrics"]
    assert told["code"] == "moderated"
    assert told["JobsFailed"] == [1.0]
    assert "code" in definition["Dimensions"][0]
    assert definition["Namespace"] == "Darkroom"
    assert definition["Metrics"] == [{"Name": "JobsFailed", "Unit": "Count"}]


@pytest.mark.usefixtures("namespace")
def test_metrics_do_not_leak_into_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    PowertoolsMetrics().count("JobsFailed", code="moderated")
    PowertoolsMetrics().count("JobDuration", 41.5, "Seconds")
    PowertoolsMetrics().count("Checks", 0)

    _, duration, checks = map(json.loads, capsys.readouterr().out.splitlines())
    assert duration["JobDuration"] == [41.5]
    assert duration["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Seconds"
    assert "code" not in duration
    assert checks["Checks"] == [0.0]
    assert "JobDuration" not in checks


def test_what_a_handler_uses_is_built_on_lambda_before_its_first_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[str] = []
    observed(lambda: built.append("elsewhere"))
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    observed(lambda: built.append("one"), lambda: built.append("two"))

    assert built == ["one", "two"]
