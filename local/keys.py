"""`python -m local.keys`: what make key, make keys and make revoke call, on any stack.

The stack is the one that `make up` keeps up in this clone, or, with STACK=…, one in the AWS
account that the environment's own credentials lead to.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field

from darkroom.adapters.key_table import KeyTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key, KeyName
from local import paths
from local.errors import LocalError
from local.options import read
from local.stack import Stack

MICRO = 1_000_000


class NewKey(BaseModel):
    """What a person may say of a new key, by variables named like the fields."""

    model_config = ConfigDict(frozen=True)

    name: KeyName
    role: Role = Role.SUBMIT
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    budget: Annotated[float, Field(ge=0, le=1_000_000)] | None = None


class OldKey(BaseModel):
    """The key that is to be revoked: the beginning of its digest, as `make keys` shows it."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


def create(
    dynamodb: Any,
    table: str,
    name: str,
    role: Role,
    *,
    days: int | None = None,
    budget: float | None = None,
) -> tuple[str, Key]:
    """Store a new key; return it, and what is kept of it."""
    micro_usd = None if budget is None else round(budget * MICRO)
    token, key = keys.mint(
        name, role, now=datetime.now(UTC), days=days, daily_budget_micro_usd=micro_usd
    )
    KeyTable(dynamodb, table).add(key)
    return token, key


def make(dynamodb: Any, table: str) -> None:
    """Create a key and show it, once."""
    asked = read(NewKey, os.environ)
    token, key = create(
        dynamodb, table, asked.name, asked.role, days=asked.days, budget=asked.budget
    )
    print(token)
    print(f"{describe(key)}. It is shown this once and kept as a digest only.", file=sys.stderr)


def show(dynamodb: Any, table: str) -> None:
    """List all keys, as JSON if AS_JSON is set."""
    found = sorted(KeyTable(dynamodb, table).all(), key=lambda key: key.created_at)
    if os.environ.get("AS_JSON"):
        print(json.dumps([_facts(key) for key in found]))
        return
    for key in found:
        print(describe(key))


def revoke(dynamodb: Any, table: str) -> None:
    """Forget a key."""
    wanted, known = read(OldKey, os.environ), KeyTable(dynamodb, table)
    found = [key for key in known.all() if key.key_id == wanted.id]
    if not found:
        raise LocalError(f"ID: there is no key {wanted.id}; `make keys` lists them")
    for key in found:
        known.remove(key.digest)
        print(f"revoked {describe(key)}; it may still work for half a minute")


def _facts(key: Key) -> dict[str, object]:
    expires = key.expires_at and datetime.fromtimestamp(key.expires_at, UTC)
    return {
        "id": key.key_id,
        "name": key.name,
        "role": key.role,
        "created_at": key.created_at.isoformat(),
        "last_used": key.last_used and key.last_used.isoformat(),
        "expires_at": expires and expires.isoformat(),
        "daily_budget_micro_usd": key.daily_budget_micro_usd,
    }


def describe(key: Key) -> str:
    """A key in one line."""
    budget = key.daily_budget_micro_usd
    expires = key.expires_at and datetime.fromtimestamp(key.expires_at, UTC).date()
    parts = [
        f"{key.key_id}  {key.name}  {key.role}  created {key.created_at.date()}",
        f"last used {key.last_used or 'never'}",
        f"expires {expires or 'never'}",
        "no daily budget" if budget is None else f"${budget / MICRO:.2f} a day",
    ]
    return ", ".join(parts)


def target() -> tuple[Any, str]:
    """A DynamoDB client and the name of the table."""
    name = os.environ.get("STACK")
    if not name:
        if not paths.STACK_FILE.exists():
            raise LocalError("no stack is up in this clone: `make up` first, or say STACK=name")
        stack = Stack.model_validate_json(paths.STACK_FILE.read_text())
        return stack.client("dynamodb"), stack.table
    found = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", [])}
    if "TableName" not in outputs:
        raise LocalError(f"STACK={name}: that is no Darkroom, it has no output TableName")
    return boto3.client("dynamodb"), outputs["TableName"]


COMMANDS: dict[str, Callable[[Any, str], None]] = {"create": make, "list": show, "revoke": revoke}


def main() -> int:
    """Run the command; 0, or 1 with one sentence that says why."""
    parser = argparse.ArgumentParser(prog="python -m local.keys", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        COMMANDS[parser.parse_args().command](*target())
    except (LocalError, BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
