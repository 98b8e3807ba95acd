"""Commands that call a deployment: their shared options, client and output."""

import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate

import typer

from darkroom_cli import target
from darkroom_cli.client import Client
from darkroom_cli.requests import SETTINGS, Settings
from darkroom_cli.show import Screen

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
QUIET = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]
URL = Annotated[
    str | None, typer.Option("--url", help="URL of the deployment: the stack output ApiUrl.")
]
KEY = Annotated[
    str | None, typer.Option("--key", help="API key. DARKROOM_KEY keeps it out of shell history.")
]


@dataclass(frozen=True)
class Session:
    """The client of the deployment, and the output."""

    client: Client
    screen: Screen


def connect(url: str | None, key: str | None) -> Client:
    """Return a client of the deployment that the options, or other sources, select."""
    return Client(target.find(url, key, os.environ, target.current_folder()))


def command[**P](
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Register a function as a command with the options of all calls, such as --json.

    A parameter `settings` of the type Settings becomes the options of all image settings.
    """

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        def run(
            *,
            url: URL = None,
            key: KEY = None,
            as_json: JSON = False,
            quiet: QUIET = False,
            **options: Any,
        ) -> None:
            with connect(url, key) as client:
                session = Session(client, Screen(as_json=as_json, is_quiet=quiet))
                if "settings" in own:
                    options["settings"] = Settings.taken_from(options)
                function(session, **options)  # type: ignore[call-arg]

        _, *declared = inspect.signature(function, eval_str=True).parameters.values()
        own = {parameter.name: parameter for parameter in declared}
        shared = [
            parameter
            for parameter in inspect.signature(run, eval_str=True).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]
        options = [option for parameter in own.values() for option in _options(parameter)]
        parameters = [*options, *shared]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__doc__ = function.__doc__
        app.command(name)(run)
        return function

    return register


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """Yield the options of a command's parameter."""
    if parameter.annotation is not Settings:
        yield parameter.replace(kind=parameter.KEYWORD_ONLY)
        return
    for name, option in SETTINGS.items():
        annotation = Annotated[str | None, option]
        yield inspect.Parameter(name, parameter.KEYWORD_ONLY, default=None, annotation=annotation)
