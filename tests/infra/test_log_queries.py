"""The queries of docs/operations.md: of known commands, over fields that are written.

No parser of CloudWatch Logs Insights is to be had; this is its grammar as far as they use it.
"""

import re

import pytest

from darkroom.domain.steps import Step
from tests.infra.template import ROOT
from tests.infra.test_dashboard import COUNTED

PAGE = (ROOT / "docs/operations.md").read_text()
QUERIES = re.findall(r"```logs-insights\n(.+?)```", PAGE, re.S)
SOURCE = "\n".join(path.read_text() for path in (ROOT / "functions/darkroom").rglob("*.py"))
COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
FUNCTIONS = {"avg", "bin", "count", "ispresent", "latest", "max", "pct", "sum"}
WORDS = {"and", "or", "not", "like", "as", "by", "asc", "desc"}
# What Lambda and Logs Insights know of a line, and what Powertools writes on each.
OURS = {"message", "correlation_id", "error", *Step.model_fields, *COUNTED}
LAMBDAS = {"timestamp", "message", "log", "type", "billedDuration", "memorySize", "initDuration",
           "maxMemoryUsed"}  # fmt: skip


def stages(query: str) -> list[str]:
    text = re.sub(r'"[^"]*"|/[^/\s]+/', "''", query)
    return [stage.strip() for stage in text.split("|")]


@pytest.mark.parametrize("query", QUERIES)
def test_each_stage_begins_with_a_command_and_closes_what_it_opens(query: str) -> None:
    for stage in stages(query):
        assert stage.split()[0] in COMMANDS
        assert stage.count("(") == stage.count(")")
    assert query.count('"') % 2 == 0
    assert sum(stage.startswith("stats") for stage in stages(query)) <= 2


@pytest.mark.parametrize("query", QUERIES)
def test_it_asks_for_fields_that_are_written_or_that_it_names_itself(query: str) -> None:
    named = set(re.findall(r"\bas (\w+)", query))
    for stage in stages(query):
        _, _, rest = stage.partition(" ")
        assert set(re.findall(r"(\w+)\(", rest)) <= FUNCTIONS
        assert set(re.findall(r"@(\w+)", rest)) <= LAMBDAS
        words = re.findall(r"(?<![@\w.])[A-Za-z_]\w*\b(?!\()", re.sub(r"bin\(\w+\)", "", rest))
        assert set(words) <= OURS | named | WORDS


def test_messages_that_are_asked_for_are_logged() -> None:
    asked = {word for query in QUERIES for word in re.findall(r'message = "(\w+)"', query)}

    assert asked >= {"crashed", "check", "submit", "sweep"}
    for word in asked:
        assert re.search(rf'logger\.\w+\(\s*"{word}"', SOURCE), word


def test_there_is_one_for_each_question_of_the_dashboard() -> None:
    section = PAGE.partition("## Questions to the logs")[2].partition("\n## ")[0]

    for asked in ("Is it working", "How long does it take", "What does it cost", "What waits"):
        assert asked in section
    assert len(QUERIES) >= 8
