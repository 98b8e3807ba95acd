"""Commands for API keys: over the API with an admin key, or with AWS credentials (--stack)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal, Protocol

import typer

from darkroom_cli.client import Client
from darkroom_cli.commands.operator import open_stack
from darkroom_cli.requests import check_id
from darkroom_cli.session import JSON, KEY, URL, connect
from darkroom_cli.show import Screen

type Json = dict[str, Any]

keys = typer.Typer(help="API keys: create, list, change, revoke.", no_args_is_help=True)

LOCAL = "local"  # the local stack of the checkout
_STACK = Annotated[
    str | None,
    typer.Option(
        "--stack",
        help="Use AWS credentials for this stack, or `local` for the local stack. Default: the API"
        " of the deployment, with an admin key.",
    ),
]
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


@contextmanager
def _open(stack: str | None, url: str | None, key: str | None) -> Iterator[Keys]:
    """Yield the keys of a stack, or of the deployment that other commands would call."""
    if stack:
        from darkroom_cli.operator.keys import TableKeys

        with open_stack(None if stack == LOCAL else stack) as found:
            warn = Screen(as_json=False).note
            table, audit_log = found.output("TableName"), found.output("AuditLogName")
            yield TableKeys(found.client, table, audit_log, warn)
        return
    with connect(url, key) as client:
        yield _ApiKeys(client)


@keys.command("create")
def create(
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
    stack: _STACK = None,
    url: URL = None,
    key: KEY = None,
    as_json: JSON = False,
) -> None:
    """Create an API key and print it. The key is shown only once."""
    screen = Screen(as_json=as_json)
    body: Json = {"name": name, "role": role, "unlimited": unlimited}
    body |= {"expires_in_days": days, "daily_budget_usd": budget}
    body |= {
        "models": model,
        "source_cidrs": source_cidr,
        "callback_url": callback_url,
        "reuse_seconds": reuse,
    }
    with _open(stack, url, key) as found:
        created = found.create({n: value for n, value in body.items() if value is not None})
    if as_json:
        screen.document(created)
        return
    screen.line(created["key"])
    screen.note(f"{_describe(created)}. Save the key now: only its digest is stored.")


@keys.command("list")
def list_keys(
    stack: _STACK = None, url: URL = None, key: KEY = None, as_json: JSON = False
) -> None:
    """List the API keys. Only a digest of each key is stored."""
    screen = Screen(as_json=as_json)
    with _open(stack, url, key) as found:
        stored = found.list()
    if as_json:
        screen.document(stored)
        return
    screen.table(list(_COLUMNS), [_row(each) for each in stored["keys"]])


@keys.command("budget")
def change_budget(
    key_id: _KEY_ID,
    budget: _BUDGET = None,
    unlimited: Annotated[
        bool, typer.Option("--unlimited", help="Lift the budget of the caller.")
    ] = False,
    stack: _STACK = None,
    url: URL = None,
    key: KEY = None,
    as_json: JSON = False,
) -> None:
    """Change the daily budget of a key's caller: --budget or --unlimited."""
    screen = Screen(as_json=as_json)
    body: Json = {"unlimited": unlimited}
    if budget is not None:
        body["daily_budget_usd"] = budget
    with _open(stack, url, key) as found:
        changed = found.change_budget(key_id, body)
    if as_json:
        screen.document(changed)
        return
    screen.line(_describe(changed))


@keys.command("revoke")
def revoke(
    key_id: _KEY_ID,
    stack: _STACK = None,
    url: URL = None,
    key: KEY = None,
    as_json: JSON = False,
) -> None:
    """Revoke an API key. The key can work for another 30 seconds."""
    screen = Screen(as_json=as_json)
    with _open(stack, url, key) as found:
        revoked = found.revoke(key_id)
    if as_json:
        screen.document(revoked)
        return
    screen.line(
        f"revoked {revoked['id']}  {revoked['name']}; it can work for up to 30 more seconds"
    )


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
