"""Commands for API keys: over the API with an admin key, or with AWS credentials (--stack)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import typer

from darkroom_cli.client import Client
from darkroom_cli.commands.operator import open_stack
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.options import Connection, check_id, command
from darkroom_cli.session import connect
from darkroom_cli.show import Screen

type Json = dict[str, Any]

keys = typer.Typer(help="API keys: create, list, change, revoke.", no_args_is_help=True)

LOCAL = "local"  # the local stack of the checkout
_KEY_ID = Annotated[
    str, typer.Argument(help="The id of the key, from: darkroom keys list", callback=check_id)
]
_BUDGET = Annotated[
    float | None,
    typer.Option(min=0, max=1e6, help="Daily budget in USD of the caller: all keys of the name."),
]


class Keys(Protocol):
    """The API keys of a deployment, as documents of the API."""

    def create(self, body: Mapping[str, Any]) -> Json:
        """Create a key."""

    def list(self) -> Json:
        """Return all keys."""

    def change_budget(self, key_id: str, body: Mapping[str, Any]) -> Json:
        """Change the daily budget of a key's caller."""

    def revoke(self, key_id: str) -> Json:
        """Revoke a key."""


class _ApiKeys:
    """The API keys over HTTP."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, body: Mapping[str, Any]) -> Json:
        return self._client.post_once("/v1/keys", dict(body))

    def list(self) -> Json:
        return self._client.get("/v1/keys")

    def change_budget(self, key_id: str, body: Mapping[str, Any]) -> Json:
        return self._client.patch(f"/v1/keys/{key_id}", dict(body))

    def revoke(self, key_id: str) -> Json:
        return self._client.delete(f"/v1/keys/{key_id}")


@dataclass(frozen=True)
class _KeySession:
    """The API keys of the deployment, and the output."""

    keys: Keys
    screen: Screen


@dataclass(frozen=True)
class _Access(Connection[_KeySession]):
    """The options that select a stack, or the deployment that other commands would call."""

    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            help="Use AWS credentials for this stack, or `local` for the local stack. Default: the"
            " API of the deployment, with an admin key.",
        ),
    ] = None

    @contextmanager
    def open(self) -> Iterator[_KeySession]:
        """Yield the keys and the output."""
        if self.stack:
            from darkroom_cli.operator.keys import TableKeys

            with open_stack(None if self.stack == LOCAL else self.stack) as found:
                warn = Screen(as_json=False).note
                table, audit_log = found.output("TableName"), found.output("AuditLogName")
                yield _KeySession(TableKeys(found.client, table, audit_log, warn), self.screen)
            return
        with connect(self.url, self.key) as client:
            yield _KeySession(_ApiKeys(client), self.screen)


@command(keys, "create", _Access)
def create(
    session: _KeySession,
    name: Annotated[
        str, typer.Option(help="Name of the caller. Keys with the same name are one caller.")
    ],
    role: Annotated[
        Literal["submit", "read", "admin"], typer.Option(help="What the key permits.")
    ] = "submit",
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until the key expires.")
    ] = None,
    budget: _BUDGET = None,
    unlimited: Annotated[
        bool,
        typer.Option(
            "--unlimited", help="Without --days, no expiry; without --budget, no new budget."
        ),
    ] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Allow only this model, or maker/*. Can be repeated."),
    ] = None,
    source_cidr: Annotated[
        list[str] | None,
        typer.Option(help="Allow only this network, for example 203.0.113.0/24. Can be repeated."),
    ] = None,
    callback_url: Annotated[
        str | None,
        typer.Option(help="URL that receives the terminal events of the key's jobs."),
    ] = None,
    reuse: Annotated[
        int | None,
        typer.Option(min=0, help="Seconds in which an identical request gets the same images."),
    ] = None,
) -> None:
    """Create an API key and print it. The key is shown only once."""
    if not unlimited and None in (days, budget):
        message = "A key needs --days and --budget, or --unlimited."
        raise CliError(Exit.USAGE, message, "With make key: DAYS=90 BUDGET=5, or UNLIMITED=1.")
    body: Json = {
        "name": name,
        "role": role,
        "unlimited": unlimited,
        "expires_in_days": days,
        "daily_budget_usd": budget,
        "models": model,
        "source_cidrs": source_cidr,
        "callback_url": callback_url,
        "reuse_seconds": reuse,
    }
    created = session.keys.create({n: value for n, value in body.items() if value is not None})
    session.screen.result(created, created["key"])
    session.screen.note(f"{_describe(created)}. Save the key now: only its digest is stored.")


@command(keys, "list", _Access)
def list_keys(session: _KeySession) -> None:
    """List the API keys. Only a digest of each key is stored."""
    stored = session.keys.list()
    session.screen.listing(stored, list(_COLUMNS), map(_row, stored["keys"]))


@command(keys, "budget", _Access)
def change_budget(
    session: _KeySession,
    key_id: _KEY_ID,
    budget: _BUDGET = None,
    unlimited: Annotated[
        bool, typer.Option("--unlimited", help="Lift the budget of the caller.")
    ] = False,
) -> None:
    """Change the daily budget of a key's caller: --budget or --unlimited."""
    if unlimited == (budget is not None):
        raise CliError(Exit.USAGE, "Set either --budget or --unlimited.")
    body: Json = {"unlimited": unlimited}
    if budget is not None:
        body["daily_budget_usd"] = budget
    changed = session.keys.change_budget(key_id, body)
    session.screen.result(changed, _describe(changed))


@command(keys, "revoke", _Access)
def revoke(session: _KeySession, key_id: _KEY_ID) -> None:
    """Revoke an API key. The key can work for another 30 seconds."""
    revoked = session.keys.revoke(key_id)
    text = f"revoked {revoked['id']}  {revoked['name']}; it can work for up to 30 more seconds"
    session.screen.result(revoked, text)


_COLUMNS = (
    "id", "name", "role", "created", "created by", "last used", "expires", "daily budget",
    "used today", "models", "networks", "callbacks",
)  # fmt: skip


def _row(key: Json) -> list[str]:
    cells = (
        key["id"], key["name"], key["role"], _day(key["created_at"]),
        (key["created_by"] or {}).get("name"), key["last_used"], _day(key["expires_at"]),
        _usd(key["daily_budget_usd"]), _usd(key["used_today_usd"]), " ".join(key["models"]),
        " ".join(key["source_cidrs"]), key["callback_host"],
    )  # fmt: skip
    return [str(cell or "") for cell in cells]


def _describe(key: Json) -> str:
    """Return one line about a key."""
    budget = key["daily_budget_usd"]
    parts = [
        f"{key['id']}  {key['name']}  {key['role']}  created {_day(key['created_at'])}",
        f"expires {_day(key['expires_at']) or 'never'}",
        "no daily budget" if budget is None else f"{_usd(budget)} a day for the caller",
        *(f"only {name}" for name in (*key["models"], *key["source_cidrs"])),
        *([f"callbacks to {key['callback_host']}"] if key["callback_host"] else []),
    ]
    return ", ".join(parts)


def _day(time: str | None) -> str:
    return "" if time is None else time[:10]


def _usd(amount: float | None) -> str:
    """Return an amount with two to four decimals."""
    if amount is None:
        return ""
    dollars, _, decimals = f"{amount:.4f}".partition(".")
    return f"${dollars}.{decimals[:2]}{decimals[2:].rstrip('0')}"
