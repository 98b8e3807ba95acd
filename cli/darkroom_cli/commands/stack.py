"""Thin doors to what make does in a checkout: up, run, deploy, and the API keys."""

import json
import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.session import JSON
from darkroom_cli.show import Screen
from darkroom_cli.target import checkout, here

top = typer.Typer()
keys = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)

_STACK = Annotated[
    str | None, typer.Option("--stack", help="A stack on AWS; default: the one that is up here.")
]


@top.command("up")
def up() -> None:
    """Keep a local stack up until Ctrl-C."""
    _make("up")


@top.command("run")
def run(
    prompt: Annotated[str | None, typer.Argument(help="What to draw.")] = None,
    quality: Annotated[str | None, typer.Option(help="low, medium or high.")] = None,
    resolution: Annotated[str | None, typer.Option(help="1k, 2k or 4k.")] = None,
) -> None:
    """Make a picture by each door, on a local stack that is started for it."""
    _make("run", PROMPT=prompt, QUALITY=quality, RESOLUTION=resolution)


@top.command("deploy")
def deploy() -> None:
    """Build the stack and deploy it to AWS, with what the SAM CLI asks."""
    _make("deploy", ARGS="--guided")


@keys.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose it is: keys of one name are one caller.")],
    role: Annotated[str, typer.Option(help="submit, read or admin.")] = "submit",
    days: Annotated[int | None, typer.Option(help="Days until it expires.")] = None,
    budget: Annotated[float | None, typer.Option(help="USD a day, a hard cap.")] = None,
    stack: _STACK = None,
    as_json: JSON = False,
) -> None:
    """Make a key; it is shown this once."""
    screen = Screen(as_json=as_json)
    token = _tell("key", NAME=name, ROLE=role, DAYS=days, BUDGET=budget, STACK=stack).strip()
    if as_json:
        screen.document({"name": name, "role": role, "key": token})
    else:
        screen.line(token)


@keys.command("list")
def list_keys(stack: _STACK = None, as_json: JSON = False) -> None:
    """List the keys there are; what is kept of one is a digest."""
    screen = Screen(as_json=as_json)
    found = json.loads(_tell("keys", STACK=stack, AS_JSON="1"))
    if as_json:
        screen.document({"keys": found})
        return
    columns = ["id", "name", "role", "created", "last used", "expires", "budget"]
    screen.table(columns, [[str(value or "") for value in each.values()] for each in found])


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as list shows it.")],
    stack: _STACK = None,
    as_json: JSON = False,
) -> None:
    """Revoke a key; it may still work for half a minute."""
    screen = Screen(as_json=as_json)
    told = _tell("revoke", ID=key_id, STACK=stack).strip()
    if as_json:
        screen.document({"revoked": key_id})
    else:
        screen.line(told)


def _make(target: str, **variables: object) -> None:
    """Let make do it, in the terminal as it is."""
    code = subprocess.call(["make", "--silent", target], cwd=_root(), env=_with(variables))
    if code not in (0, -2, 130):
        raise CliError(Exit.INTERNAL, f"make {target} ended with {code}")


def _tell(target: str, **variables: object) -> str:
    """Let make do it; return what it printed."""
    done = subprocess.run(
        ["make", "--silent", target],
        cwd=_root(),
        env=_with(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [each for each in done.stderr.splitlines() if not each.startswith("make")]
        raise CliError(Exit.BAD_REQUEST, lines[-1] if lines else f"make {target} failed")
    return done.stdout


def _root() -> Path:
    root = checkout(here())
    if root is None:
        raise CliError(Exit.USAGE, "this needs a checkout of Darkroom", "Call it inside one.")
    return root


def _with(variables: dict[str, object]) -> dict[str, str]:
    given = {name: str(value) for name, value in variables.items() if value is not None}
    return {**os.environ, **given}
