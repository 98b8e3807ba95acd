"""`python -m local.keys`: the commands of `make key`, `make keys` and `make revoke`.

The default stack is the one that `make up` runs in this clone. STACK=… selects a stack in the AWS
account of the environment's credentials.
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

from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key, KeyName
from local import paths
from local.errors import LocalError
from local.options import read
from local.stack import Stack

MICRO = 1_000_000


class NewKey(BaseModel):
    """The properties of a new key, read from environment variables with these names."""

    model_config = ConfigDict(frozen=True)

    name: KeyName
    role: Role = Role.SUBMIT
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    budget: Annotated[float, Field(ge=0, le=1_000_000)] | None = None


class KeyToRevoke(BaseModel):
    """The id of the key to revoke, as `make keys` prints it: the start of the key's digest."""

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
    """Store a new key; return the token and the stored record."""
    micro_usd = None if budget is None else round(budget * MICRO)
    token, key = keys.mint(
        name, role, now=datetime.now(UTC), days=days, daily_budget_micro_usd=micro_usd
    )
    KeyTable(dynamodb, table).add(key)
    return token, key


def create_key(dynamodb: Any, table: str) -> None:
    """Create a key; print the token to standard output and its properties to standard error."""
    options = read(NewKey, os.environ)
    token, key = create(
        dynamodb, table, options.name, options.role, days=options.days, budget=options.budget
    )
    print(token)
    print(f"{describe(key)}. Save the key now: only its digest is stored.", file=sys.stderr)


def list_keys(dynamodb: Any, table: str) -> None:
    """Print all keys, oldest first; as JSON if AS_JSON is set."""
    stored = sorted(KeyTable(dynamodb, table).all(), key=lambda key: key.created_at)
    if os.environ.get("AS_JSON"):
        print(json.dumps([_properties(key) for key in stored]))
        return
    for key in stored:
        print(describe(key))


def revoke(dynamodb: Any, table: str) -> None:
    """Delete a key. Raises LocalError for an unknown id."""
    requested, known = read(KeyToRevoke, os.environ), KeyTable(dynamodb, table)
    matches = [key for key in known.all() if key.key_id == requested.id]
    if not matches:
        raise LocalError(f"ID: no key {requested.id}; `make keys` lists all keys")
    for key in matches:
        known.remove(key.digest)
        print(f"revoked {describe(key)}; it can work for up to 30 more seconds")


def _properties(key: Key) -> dict[str, object]:
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
    """Return one line about a key."""
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
    """Return a DynamoDB client and the name of the table."""
    name = os.environ.get("STACK")
    if not name:
        if not paths.STACK_FILE.exists():
            raise LocalError("no stack is up in this clone: run `make up` or set STACK=name")
        stack = Stack.model_validate_json(paths.STACK_FILE.read_text())
        return stack.client("dynamodb"), stack.table
    description = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in description.get("Outputs", [])}
    if "TableName" not in outputs:
        raise LocalError(f"STACK={name} is not a Darkroom stack: it has no output TableName")
    return boto3.client("dynamodb"), outputs["TableName"]


COMMANDS: dict[str, Callable[[Any, str], None]] = {
    "create": create_key,
    "list": list_keys,
    "revoke": revoke,
}


def main() -> int:
    """Run the command and return its exit code; 1 comes with the reason in one sentence."""
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
