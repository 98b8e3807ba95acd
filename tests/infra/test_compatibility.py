"""The field log: its page is current, and every row is proven by an existing test."""

import ast

import pytest

from infra.generate_compatibility import PAGE, ROOT, sections, text

ROWS = [row for section in sections() for row in section["rows"]]


def test_page_is_generated_from_the_log() -> None:
    assert PAGE.read_text() == text(), "run `make schemas`"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["test"].partition("::")[2])
def test_row_has_an_existing_test(row: dict[str, str]) -> None:
    assert row.keys() == {"tried", "result", "test"}
    file, _, name = row["test"].partition("::")
    functions = {
        node.name
        for node in ast.parse((ROOT / file).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }

    assert name in functions
