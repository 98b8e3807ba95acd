"""Commands for the operator of a stack, with AWS credentials: dead letters, deletion.

They act on the local stack of the checkout, or with --stack on a stack in the AWS account. They
import their library on first use: boto3 would double the start-up time of the other commands.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.show import Screen
from darkroom_cli.target import current_folder

if TYPE_CHECKING:
    from darkroom_cli.operator.stack import Stack

top = typer.Typer()

_STACK = Annotated[
    str | None, typer.Option("--stack", help="Name of a stack on AWS; default: the local stack.")
]


_SET_AWS = "Set AWS_PROFILE or AWS credentials, and AWS_DEFAULT_REGION."


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
    with open_stack(stack) as found:
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
    with open_stack(stack) as found:
        data = teardown.data_of(found)
        deleted = f"the stack {stack}" if keep_data else f"the stack {stack}, {data}"
        screen.note(f"This deletes {deleted}. It cannot be undone.")
        if not yes and typer.prompt("Type the name of the stack to go on", err=True) != stack:
            raise CliError(Exit.USAGE, "The names differ. Nothing was deleted.")
        teardown.destroy(found, data, keep_data=keep_data, say=screen.line)


@contextmanager
def open_stack(name: str | None) -> Iterator["Stack"]:
    """Yield the stack; an error of AWS ends the command with its message."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        ProfileNotFound,
    )

    from darkroom_cli.operator import stack

    try:
        yield stack.find(name, current_folder())
    except (NoCredentialsError, NoRegionError, ProfileNotFound) as error:
        raise CliError(Exit.NO_TARGET, str(error), _SET_AWS) from None
    except (BotoCoreError, ClientError) as error:
        raise CliError(Exit.INTERNAL, str(error)) from None
