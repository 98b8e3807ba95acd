"""Create, list and revoke API keys in the table of a stack."""

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain import keys
from darkroom.domain.callers import Role
from darkroom.domain.keys import Key
from darkroom.usecases.keys.revoke_key import RevokeKey
from darkroom_cli.errors import CliError, Exit

MICRO = 1_000_000
_INVALID_NAME = "A name has 1 to 40 letters, digits or ._- and begins with a letter or a digit."


def create(
    dynamodb: Any,
    table: str,
    name: str,
    role: str = Role.SUBMIT,
    *,
    days: int | None = None,
    budget: float | None = None,
) -> tuple[str, Key]:
    """Store a new key; return the key and its record. `budget` is in USD a day.

    Raises CliError if the name is not valid.
    """
    micro_usd = None if budget is None else round(budget * MICRO)
    try:
        token, key = keys.mint(
            name, Role(role), now=datetime.now(UTC), days=days, daily_budget_micro_usd=micro_usd
        )
    except ValidationError:
        raise CliError(Exit.BAD_REQUEST, _INVALID_NAME) from None
    KeyTable(dynamodb, table).add(key)
    return token, key


def all_keys(dynamodb: Any, table: str) -> list[Key]:
    """Return the records of all keys, oldest first."""
    return sorted(KeyTable(dynamodb, table).all(), key=lambda key: key.created_at)


def revoke(dynamodb: Any, table: str, key_id: str) -> list[Key]:
    """Revoke the keys with this id and return them. Raises CliError if there is none."""
    revoked = RevokeKey(KeyTable(dynamodb, table), lambda: datetime.now(UTC)).run(key_id)
    if not revoked:
        message = f"There is no key with the id {key_id}."
        raise CliError(Exit.BAD_REQUEST, message, "List all keys: darkroom keys list")
    return revoked


def describe(key: Key) -> str:
    """Return one line about a key."""
    budget, expires = key.daily_budget_micro_usd, key.expires
    parts = [
        f"{key.key_id}  {key.name}  {key.role}  created {key.created_at.date()}",
        f"expires {expires.date() if expires else 'never'}",
        "no daily budget" if budget is None else f"${budget / MICRO:.2f} a day",
    ]
    return ", ".join(parts)
