"""Commands for the operator of a stack, with AWS credentials: keys, dead letters, deletion.

They act on the local stack of the checkout, or with --stack on a stack in the AWS account. They
import their library on first use: boto3 would double the start-up time of the other commands.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.session import JSON
from darkroom_cli.show import Screen, usd
from darkroom_cli.target import current_folder

if TYPE_CHECKING:
    from darkroom.domain.keys import Key
    from darkroom_cli.operator.stack import Stack

top = typer.Typer()
keys = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)

_STACK = Annotated[
    str | None, typer.Option("--stack", help="Name of a stack on AWS; default: the local stack.")
]


@keys.command("create")
def create(
    name: Annotated[
        str, typer.Option(help="Name of the caller. Keys with the same name are one caller.")
    ],
    role: Annotated[
        Literal["submit", "read", "admin"], typer.Option(help="What the key permits.")
    ] = "submit",
    days: Annotated[
        int | None,
        typer.Option(min=1, max=3650, help="Days until the key expires; default: never."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0, max=1e6, help="Daily budget in USD, a hard limit; default: none."),
    ] = None,
    stack: _STACK = None,
    as_json: JSON = False,
) -> None:
    """Create an API key and print it. The key is shown only once."""
    from darkroom_cli.operator import keys as library

    screen = Screen(as_json=as_json)
    with _stack(stack) as found:
        table = found.client("dynamodb"), found.output("TableName")
        token, key = library.create(*table, name, role, days=days, budget=budget)
    if as_json:
        screen.document({"name": name, "role": role, "key": token})
        return
    screen.line(token)
    screen.note(f"{library.describe(key)}. Save the key now: only its digest is stored.")


@keys.command("list")
def list_keys(stack: _STACK = None, as_json: JSON = False) -> None:
    """List the API keys. Only a digest of each key is stored."""
    from darkroom_cli.operator import keys as library

    screen = Screen(as_json=as_json)
    with _stack(stack) as found:
        stored = library.all_keys(found.client("dynamodb"), found.output("TableName"))
    if as_json:
        screen.document({"keys": [_properties(key) for key in stored]})
        return
    columns = ["id", "name", "role", "created", "last used", "expires", "daily budget"]
    screen.table(columns, [_row(key) for key in stored])


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of the key, from: darkroom keys list")],
    stack: _STACK = None,
    as_json: JSON = False,
) -> None:
    """Revoke an API key. The key can work for another 30 seconds."""
    from darkroom_cli.operator import keys as library

    screen = Screen(as_json=as_json)
    with _stack(stack) as found:
        table = found.client("dynamodb"), found.output("TableName")
        revoked = library.revoke(*table, key_id)
    if as_json:
        screen.document({"revoked": key_id})
        return
    for key in revoked:
        screen.line(f"revoked {library.describe(key)}; it can work for up to 30 more seconds")


@top.command("redrive")
def redrive(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the messages and change nothing.")
    ] = False,
    stack: _STACK = None,
) -> None:
    """Redeliver dead letters: invoke the function of each message again."""
    from darkroom_cli.operator.dead_letters import DeadLetters

    screen = Screen(as_json=False)
    with _stack(stack) as found:
        delivered, kept = DeadLetters(found).redrive(dry_run=dry_run, say=screen.line)
    if dry_run:
        screen.line(f"{kept} messages in the queue; dry run, nothing delivered")
        return
    screen.line(f"{delivered} delivered, {kept} kept")
    if kept:
        raise typer.Exit(Exit.INTERNAL)


@top.command("destroy")
def destroy(
    stack: Annotated[str, typer.Option("--stack", help="Name of the stack on AWS.")],
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Keep the table and the buckets with the images.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a stack with all its images and records."""
    from darkroom_cli.operator import teardown

    screen = Screen(as_json=False)
    with _stack(stack) as found:
        data = teardown.data_of(found)
        deleted = f"the stack {stack}" if keep_data else f"the stack {stack}, {data}"
        screen.note(f"This deletes {deleted}. It cannot be undone.")
        if not yes and typer.prompt("Type the name of the stack to go on", err=True) != stack:
            raise CliError(Exit.USAGE, "The names differ. Nothing was deleted.")
        teardown.destroy(found, data, keep_data=keep_data, say=screen.line)


@contextmanager
def _stack(name: str | None) -> Iterator["Stack"]:
    """Yield the stack; an error of AWS ends the command with its message."""
    from botocore.exceptions import BotoCoreError, ClientError

    from darkroom_cli.operator import stack

    try:
        yield stack.find(name, current_folder())
    except (BotoCoreError, ClientError) as error:
        raise CliError(Exit.INTERNAL, str(error)) from None


def _properties(key: "Key") -> dict[str, Any]:
    fields = {"digest", "expires_at"}
    return {
        "id": key.key_id,
        **key.model_dump(mode="json", exclude=fields),
        "expires_at": key.expires and key.expires.isoformat(),
    }


def _row(key: "Key") -> list[str]:
    budget = key.daily_budget_micro_usd
    cells = (
        key.key_id, key.name, key.role, key.created_at.date(), key.last_used,
        key.expires and key.expires.date(), None if budget is None else usd(budget),
    )  # fmt: skip
    return [str(cell or "") for cell in cells]
