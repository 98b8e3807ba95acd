"""Entry point of the program: registers the commands and returns the exit code."""

import sys
from collections.abc import Sequence

import typer

from darkroom_cli.commands import batch, jobs, money, operator, stats, watch
from darkroom_cli.errors import CliError
from darkroom_cli.show import Screen

app = typer.Typer(
    name="darkroom",
    help="Generate and edit images with GPT Image 2, as durable jobs on your own deployment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for top_level in (jobs.top, watch.top, money.top, stats.top, operator.top):
    app.add_typer(top_level)
app.add_typer(jobs.jobs, name="jobs")
app.add_typer(batch.batch, name="batch")
app.add_typer(operator.keys, name="keys")


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        app(list(arguments), prog_name="darkroom")
    except CliError as error:
        Screen(as_json=False).error(error)
        return int(error.code)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def main() -> None:
    """Run the program with the arguments of the process, and exit."""
    sys.exit(run(sys.argv[1:]))
