"""Command-line options: those of several commands, and groups of them."""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Self

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.show import Screen

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def check_id(value: str | None) -> str | None:
    """Return an id from the command line; raises CliError if nothing can have it."""
    if value is not None and not _ID.fullmatch(value):
        raise CliError(Exit.BAD_REQUEST, f'"{value}" is not the id of a job, batch or key.')
    return value


JobId = Annotated[str, typer.Argument(callback=check_id, help="The id of the job.")]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
QUIET = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]
URL = Annotated[
    str | None, typer.Option("--url", help="URL of the deployment: the stack output ApiUrl.")
]
KEY = Annotated[
    str | None, typer.Option("--key", help="API key. DARKROOM_KEY keeps it out of shell history.")
]
Timeout = Annotated[
    int | None,
    typer.Option(min=0, help="Seconds to wait at most. Jobs continue after the timeout."),
]
Out = Annotated[
    str | None, typer.Option("--out", "-o", help="Folder, or file name with an image's extension.")
]
Once = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", help="The same key and request return the same job, charged once."
    ),
]


class Options:
    """A group of options. A command with a parameter of a subclass has all options of the group.

    The options are the parameters of the constructor.
    """

    @classmethod
    def parameters(cls) -> Iterator[inspect.Parameter]:
        """Yield the options."""
        yield from inspect.signature(cls, eval_str=True).parameters.values()

    @classmethod
    def taken_from(cls, values: dict[str, Any]) -> Self:
        """Remove the options of the group from `values`, and return the group."""
        return cls(**{parameter.name: values.pop(parameter.name) for parameter in cls.parameters()})


@dataclass(frozen=True)
class Connection[S](Options):
    """The options of each call: they select a deployment and the output."""

    url: URL = None
    key: KEY = None
    as_json: JSON = False
    quiet: QUIET = False

    @property
    def screen(self) -> Screen:
        """The output that the options select."""
        return Screen(as_json=self.as_json, is_quiet=self.quiet)

    def open(self) -> AbstractContextManager[S]:
        """Yield the first argument of a command."""
        raise NotImplementedError


def command[S, **P](
    app: typer.Typer, name: str, connection: type[Connection[S]]
) -> Callable[[Callable[Concatenate[S, P], None]], Callable[Concatenate[S, P], None]]:
    """Register a function as a command with its own options and those of the connection."""

    def register(
        function: Callable[Concatenate[S, P], None],
    ) -> Callable[Concatenate[S, P], None]:
        _, *declared = inspect.signature(function, eval_str=True).parameters.values()
        groups = {each.name: each.annotation for each in declared if _is_group(each)}

        def run(**values: Any) -> None:
            with connection.taken_from(values).open() as session:
                for group, kind in groups.items():
                    values[group] = kind.taken_from(values)
                function(session, **values)  # type: ignore[call-arg]

        own = [option for parameter in declared for option in _options(parameter)]
        parameters = [
            option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for option in (*own, *connection.parameters())
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__doc__ = function.__doc__
        app.command(name)(run)
        return function

    return register


def _is_group(parameter: inspect.Parameter) -> bool:
    kind = parameter.annotation
    return isinstance(kind, type) and issubclass(kind, Options)


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """Yield the options of a command's parameter."""
    if _is_group(parameter):
        yield from parameter.annotation.parameters()
    else:
        yield parameter
