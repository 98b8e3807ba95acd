"""Commands that call a deployment: their client and output."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Concatenate

import typer

from darkroom_cli import options, target
from darkroom_cli.client import Client
from darkroom_cli.options import Connection
from darkroom_cli.show import Screen


@dataclass(frozen=True)
class Session:
    """The client of the deployment, and the output."""

    client: Client
    screen: Screen


def connect(url: str | None, key: str | None) -> Client:
    """Return a client of the deployment that the options, or other sources, select."""
    return Client(target.find(url, key, os.environ, target.current_folder()))


class _Call(Connection[Session]):
    """The options of a command that calls a deployment."""

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Yield a session with the deployment."""
        with connect(self.url, self.key) as client:
            yield Session(client, self.screen)


def command[**P](
    app: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Register a function as a command with the options of all calls, such as --json."""
    return options.command(app, name, _Call)
