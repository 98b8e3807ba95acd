"""A command with a deployment to speak to: what every such command takes and is given."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate

import typer

from darkroom_cli import target
from darkroom_cli.client import Client
from darkroom_cli.show import Screen

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
URL = Annotated[str | None, typer.Option("--url", help="The deployment's ApiUrl.")]
KEY = Annotated[str | None, typer.Option("--key", help="An API key; better DARKROOM_KEY.")]


@dataclass(frozen=True)
class Session:
    """The deployment, and where results go."""

    client: Client
    screen: Screen


def command[**P](
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Make a function a command that has --url, --key and --json besides its own options."""

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        def run(*, url: URL = None, key: KEY = None, as_json: JSON = False, **given: Any) -> None:
            found = target.find(url, key, os.environ, target.here())
            with Client(found) as client:
                function(Session(client, Screen(as_json=as_json)), **given)  # type: ignore[call-arg]

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        ours = [
            each
            for each in inspect.signature(run, eval_str=True).parameters.values()
            if each.kind is each.KEYWORD_ONLY
        ]
        named = [each.replace(kind=each.KEYWORD_ONLY) for each in own]
        run.__signature__ = inspect.Signature([*named, *ours])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in [*named, *ours]}
        run.__doc__ = function.__doc__
        app.command(name)(run)
        return function

    return register
