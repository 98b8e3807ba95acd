"""The program: its commands, and what the shell is told at the end."""

import sys
from collections.abc import Sequence

import typer

from darkroom_cli.commands import batch, jobs, money, stack, stats, watch
from darkroom_cli.errors import CliError
from darkroom_cli.show import Screen

app = typer.Typer(
    name="darkroom",
    help="Pictures by GPT Image 2, as durable jobs of your own deployment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for each in (jobs.top, watch.top, money.top, stats.top, stack.top):
    app.add_typer(each)
app.add_typer(jobs.jobs, name="jobs")
app.add_typer(batch.batch, name="batch")
app.add_typer(stack.keys, name="keys")


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        app(list(arguments), prog_name="darkroom")
    except CliError as error:
        Screen(as_json=False).error(error)
        return int(error.code)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def main() -> None:
    """Be the program `darkroom`."""
    sys.exit(run(sys.argv[1:]))
