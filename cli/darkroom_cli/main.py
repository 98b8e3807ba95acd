"""Entry point of the program: registers the commands and returns the exit code."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from darkroom_cli.commands import (
    batch,
    jobs,
    keys,
    mcp,
    models,
    money,
    operator,
    settings,
    stats,
    watch,
)
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.show import Screen

_INTERRUPTED = 130  # 128 plus the number of the signal, as in a shell
_TRACEBACK = "DARKROOM_TRACEBACK"

app = typer.Typer(
    name="darkroom",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for module in (jobs, models, watch, money, settings, stats, mcp, operator):
    app.add_typer(module.top)
app.add_typer(jobs.jobs, name="jobs")
app.add_typer(batch.batch, name="batch")
app.add_typer(keys.keys, name="keys")
app.add_typer(settings.presets, name="presets")


def _print_version(wanted: bool) -> None:
    if wanted:
        Screen(as_json=False).line(f"darkroom {version('darkroom')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Generate and edit images, and run other models, as durable jobs on your own deployment."""


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code. Every error becomes a message."""
    try:
        try:
            app(list(arguments), prog_name="darkroom")
        finally:
            sys.stdout.flush()
    except CliError as error:
        return _report(error)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        if error.errno == errno.EPIPE:
            return Exit.INTERNAL  # the reader of the output has ended
        name = error.filename or "the output"
        return _report(CliError(Exit.INTERNAL, f"Cannot use {name}: {error.strerror or error}."))
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        message = f"This is a defect of the program: {type(error).__name__}: {error}"
        return _report(CliError(Exit.INTERNAL, message, f"{_TRACEBACK}=1 shows where."))
    return 0


def main() -> None:
    """Run the program with the arguments of the process, and exit."""
    for name in ("stdout", "stderr"):
        # Python has no stream that the shell has closed.
        stream = getattr(sys, name) or Path(os.devnull).open("w")  # noqa: SIM115 - until the end
        setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without UTF-8 shows escapes.
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        # Python flushes them again when it exits, and would report a full disk or a closed pipe.
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _report(error: CliError) -> int:
    with suppress(OSError):  # stderr is closed or full
        Screen(as_json=False).error(error)
    return int(error.code)
