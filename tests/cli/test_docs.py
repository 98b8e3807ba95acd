"""docs/cli.md names every command."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from darkroom_cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", ALL)
def test_command_is_in_the_table(name: str) -> None:
    """The row of a group begins with one of its commands: `jobs list`, `show`, …"""
    group, _, verb = name.rpartition(" ")
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]

    names = [row for row in rows if not group or row.strip().startswith(f"`{group} ")]
    assert re.search(rf"`({group} )?{verb}( [A-Z]+)?`", " ".join(names))


@pytest.mark.parametrize("name", ALL)
def test_command_has_a_help_text_for_each_option(name: str) -> None:
    command = ALL[name]

    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name}"
