"""The queries of docs/operations.md, evaluated over the log of real handlers."""

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.observability import logger
from tests.infra.template import ROOT
from tests.workflow import deployment, insights
from tests.workflow.cloud import Cloud
from tests.workflow.insights import Row
from tests.workflow.machine import FunctionError
from tests.workflow.provider import error_response, failed

SECTION = (ROOT / "docs/operations.md").read_text().partition("## Log queries")[2]
QUERIES = dict(re.findall(r"^([A-Z][^\n]*):\n\n```logs-insights\n(.+?)```", SECTION, re.M | re.S))
STREAM = "2026/11/22/darkroom-SubmitFunction-1a2b[$LATEST]0123456789abcdef0123456789abcdef"
# Lines of Lambda's own for a cold start and a warm start.
LAMBDA = [
    "START RequestId: 8f507cfc Version: $LATEST\n",
    "REPORT RequestId: 8f507cfc\tDuration: 150.50 ms\tBilled Duration: 500 ms\t"
    "Memory Size: 256 MB\tMax Memory Used: 128 MB\tInit Duration: 349.50 ms\t\n",
    "REPORT RequestId: 9a617dfc\tDuration: 499.20 ms\tBilled Duration: 500 ms\t"
    "Memory Size: 256 MB\tMax Memory Used: 120 MB\t\n",
]


@dataclass(frozen=True)
class Log:
    """The events of the log group, and the jobs: a completed one, a failed and a stopped one."""

    events: list[Row]
    jobs: list[Job]

    def query(self, title: str, number: int = 0) -> list[Row]:
        """Return the rows of a query; the history is that of a job by its number."""
        query = QUERIES[title].replace("<job id>", self.jobs[number].job_id)
        return insights.run(query, self.events)


@pytest.fixture
def log(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    """Run a deferred job, a failed job, a crash, and two sweeps, one of which closes a job."""
    stream, handler = io.StringIO(), logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    logger.append_keys(function_name="darkroom-SubmitFunction-1a2b")
    cloud.provider.refusals = [error_response(402)]
    completed = cloud.run().job
    cloud.provider.script_polls(failed("content policy"))
    failed_id = cloud.request(event_id="failed")
    cloud.machine.run_pending()
    with pytest.raises(FunctionError):
        cloud.lambdas.invoke("SubmitFunction", {"job_id": None})
    deployment.set_flag("SubmitsFlag", "off")
    cloud.sweep()  # also reads the flag, which all functions share here in a cache
    stopped_id = cloud.request(event_id="stopped")
    cloud.clock.schedule(30, lambda: cloud.stop(stopped_id))
    cloud.clock.schedule(3600, cloud.sweep)
    cloud.machine.run_pending()

    lines = [*stream.getvalue().splitlines(), *capsys.readouterr().out.splitlines(), *LAMBDA]
    events = [insights.event(line, number, STREAM) for number, line in enumerate(lines)]
    yield Log(events, [completed, *map(cloud.job, (failed_id, stopped_id))])
    logger.remove_keys(["function_name"])
    handler.setStream(before)


def test_each_query_returns_rows_with_all_of_its_columns(log: Log) -> None:
    for title, query in QUERIES.items():
        rows = [*log.query(title), *log.query(title, number=1)]

        columns = {name for row in rows for name in row if row[name] is not None}
        assert columns >= set(expected_columns(query)), title


def expected_columns(query: str) -> list[str]:
    """Return the aliases of the aggregates, or else the fields of a query."""
    if aggregates := re.search(r"stats (.+) by ", query):
        return re.findall(r" as (\w+)", aggregates[1])
    (names,) = re.findall(r"fields (.+)", query)
    return str(names).split(", ")


def test_durations_and_cost_are_those_of_the_jobs(log: Log) -> None:
    """Powertools writes the value of a metric as an array, so its field is `<metric>.0`."""
    (durations,) = log.query("Time from request to image, by hour")
    (costs,) = log.query("Cost at WaveSpeed, by day")

    seconds = [(job.ended_at - job.accepted_at).total_seconds() for job in log.jobs if job.ended_at]
    assert (durations["jobs"], durations["p95"]) == (3, max(seconds))
    charged = [job.estimated_cost_micro_usd or 0 for job in log.jobs if job.charge is Charged.YES]
    assert (costs["images"], costs["usd"]) == (len(charged), sum(charged) / 1_000_000)


def test_history_has_the_lines_of_one_job_in_order(log: Log) -> None:
    lines = log.query("The history of one job")

    assert [line["message"] for line in lines] == [
        "request", "submit", "submit", "submit", "check", "finalize",
    ]  # fmt: skip
    assert lines[-1]["outcome"] == "stored"


def test_only_sweeps_that_repaired_a_job_are_listed(log: Log) -> None:
    (sweep,) = log.query("Repairs by Sweep")

    assert '"closed":[' in sweep["@message"]


def test_lambda_reports_are_grouped_by_function(log: Log) -> None:
    (cost,) = log.query("Cost at AWS in GB-seconds, by function")
    (starts,) = log.query("Cold starts and memory, by function")

    assert cost == {"runs": 2, "gbseconds": 0.25, "name": "darkroom-SubmitFunction-1a2b"}
    assert (starts["cold"], starts["p95"], starts["memory"]) == (1, 349.5, 0.5)


def test_every_query_has_a_title() -> None:
    assert len(QUERIES) == SECTION.count("```logs-insights") >= 8


@pytest.mark.parametrize("title", QUERIES)
def test_query_has_at_most_two_stats_commands(title: str) -> None:
    assert QUERIES[title].count("stats ") <= 2
