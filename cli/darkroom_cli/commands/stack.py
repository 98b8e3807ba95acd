"""Commands that run `make` targets in a checkout: up, run, deploy and the API keys."""

import json
import os
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.session import JSON
from darkroom_cli.show import Screen, usd
from darkroom_cli.target import checkout, current_folder

top = typer.Typer()
keys = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)

_STACK = Annotated[
    str | None, typer.Option("--stack", help="Name of a stack on AWS; default: the local stack.")
]


@top.command("up")
def up() -> None:
    """Run a local stack until Ctrl-C."""
    _run_make("up")


@top.command("run")
def run(
    prompt: Annotated[str | None, typer.Argument(help="The prompt.")] = None,
    quality: Annotated[str | None, typer.Option(help="low, medium or high.")] = None,
    resolution: Annotated[str | None, typer.Option(help="1k, 2k or 4k.")] = None,
) -> None:
    """Start a local stack, and generate an image by each of the three ways in."""
    _run_make("run", PROMPT=prompt, QUALITY=quality, RESOLUTION=resolution)


@top.command("deploy")
def deploy() -> None:
    """Build the stack and deploy it to AWS; the SAM CLI asks for the settings."""
    _run_make("deploy", ARGS="--guided")


@keys.command("create")
def create(
    name: Annotated[
        str, typer.Option(help="Name of the caller. Keys with the same name are one caller.")
    ],
    role: Annotated[str, typer.Option(help="submit, read or admin.")] = "submit",
    days: Annotated[
        int | None, typer.Option(help="Days until the key expires; default: never.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Daily budget in USD, a hard limit; default: none.")
    ] = None,
    stack: _STACK = None,
    as_json: JSON = False,
) -> None:
    """Create an API key and print it. The key is shown only once."""
    screen = Screen(as_json=as_json)
    variables = {"NAME": name, "ROLE": role, "DAYS": days, "BUDGET": budget, "STACK": stack}
    token = _make_output("key", **variables).strip()
    if as_json:
        screen.document({"name": name, "role": role, "key": token})
    else:
        screen.line(token)


@keys.command("list")
def list_keys(stack: _STACK = None, as_json: JSON = False) -> None:
    """List the API keys. Only a digest of each key is stored."""
    screen = Screen(as_json=as_json)
    records = json.loads(_make_output("keys", STACK=stack, AS_JSON="1"))
    if as_json:
        screen.document({"keys": records})
        return
    columns = ["id", "name", "role", "created", "last used", "expires", "daily budget"]
    screen.table(columns, [_row(record) for record in records])


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of the key, from: darkroom keys list")],
    stack: _STACK = None,
    as_json: JSON = False,
) -> None:
    """Revoke an API key. The key can work for another 30 seconds."""
    screen = Screen(as_json=as_json)
    message = _make_output("revoke", ID=key_id, STACK=stack).strip()
    if as_json:
        screen.document({"revoked": key_id})
    else:
        screen.line(message)


def _row(record: dict[str, Any]) -> list[str]:
    budget = record.get("daily_budget_micro_usd")
    fields = {**record, "daily_budget_micro_usd": None if budget is None else usd(budget)}
    return [str(value or "") for value in fields.values()]


def _run_make(target: str, **variables: object) -> None:
    """Run a make target in the terminal; raises CliError if it fails."""
    code = subprocess.call(["make", "--silent", target], cwd=_root(), env=_environment(variables))
    if code not in (0, -2, 130):  # -2, 130: Ctrl-C
        raise CliError(Exit.INTERNAL, f"make {target} failed with exit code {code}.")


def _make_output(target: str, **variables: object) -> str:
    """Run a make target and return its stdout; raises CliError with the last line of its stderr."""
    process = subprocess.run(
        ["make", "--silent", target],
        cwd=_root(),
        env=_environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        lines = [line for line in process.stderr.splitlines() if not line.startswith("make")]
        raise CliError(Exit.BAD_REQUEST, lines[-1] if lines else f"make {target} failed.")
    return process.stdout


def _root() -> Path:
    root = checkout(current_folder())
    if root is None:
        message = "This command needs a Darkroom checkout."
        raise CliError(Exit.USAGE, message, "Run it inside a clone of the repository.")
    return root


def _environment(variables: dict[str, object]) -> dict[str, str]:
    present = {name: str(value) for name, value in variables.items() if value is not None}
    return {**os.environ, **present}
