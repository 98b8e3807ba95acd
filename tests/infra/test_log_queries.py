"""The queries of docs/operations.md use known commands and fields that are logged.

There is no public parser of CloudWatch Logs Insights; this file covers the grammar that they use.
"""

import re

import pytest

from darkroom.domain.steps import Step
from tests.infra.template import ROOT
from tests.infra.test_dashboard import COUNTED

PAGE = (ROOT / "docs/operations.md").read_text()
QUERIES = re.findall(r"```logs-insights\n(.+?)```", PAGE, re.S)
SOURCE = "\n".join(path.read_text() for path in (ROOT / "functions/darkroom").rglob("*.py"))
COMMANDS = {"fields", "filter", "parse", "stats", "sort", "limit"}
FUNCTIONS = {"avg", "bin", "count", "ispresent", "latest", "max", "pct", "sum"}
KEYWORDS = {"and", "or", "not", "like", "as", "by", "asc", "desc"}
# Fields that Powertools writes, and fields of Lambda and Logs Insights.
LOGGED_FIELDS = {
    "message",
    "correlation_id",
    "function_name",
    "error",
    *Step.model_fields,
    *COUNTED,
}
LAMBDA_FIELDS = {
    "timestamp", "message", "logStream", "type", "billedDuration", "memorySize", "initDuration",
    "maxMemoryUsed",
}  # fmt: skip


def stages(query: str) -> list[str]:
    text = re.sub(r'"[^"]*"|/[^/\s]+/', "''", query)
    return [stage.strip() for stage in text.split("|")]


@pytest.mark.parametrize("query", QUERIES)
def test_each_stage_has_a_command_and_balanced_brackets(query: str) -> None:
    for stage in stages(query):
        assert stage.split()[0] in COMMANDS
        assert stage.count("(") == stage.count(")")
    assert query.count('"') % 2 == 0
    assert sum(stage.startswith("stats") for stage in stages(query)) <= 2


@pytest.mark.parametrize("query", QUERIES)
def test_query_uses_logged_fields_or_its_own_aliases(query: str) -> None:
    aliases = {
        alias for names in re.findall(r"\bas (\w+(?:, \w+)*)", query) for alias in names.split(", ")
    }
    for stage in stages(query):
        _, _, arguments = stage.partition(" ")
        assert set(re.findall(r"(\w+)\(", arguments)) <= FUNCTIONS
        assert set(re.findall(r"@(\w+)", arguments)) <= LAMBDA_FIELDS
        names_used = re.findall(
            r"(?<![@\w.])[A-Za-z_]\w*\b(?!\()", re.sub(r"bin\(\w+\)", "", arguments)
        )
        assert set(names_used) <= LOGGED_FIELDS | aliases | KEYWORDS


def test_queried_messages_are_logged() -> None:
    queried_messages = {
        message for query in QUERIES for message in re.findall(r'message = "(\w+)"', query)
    }

    assert "crashed" in queried_messages
    for message in queried_messages:
        assert re.search(rf'logger\.\w+\(\s*"{message}"', SOURCE), message


def test_every_query_has_a_title() -> None:
    section = PAGE.partition("## Log queries")[2].partition("\n## ")[0]

    assert (
        len(re.findall(r"^[A-Z][^\n]*:\n\n```logs-insights$", section, re.M)) == len(QUERIES) >= 8
    )
