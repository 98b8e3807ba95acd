"""A simulator inside a test's process: `with running() as provider: …`."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

from local.provider.clock import Clock
from local.provider.options import Options, Setup
from local.provider.server import Ready, serve

PATIENCE = 15


class Provider:
    """A running simulator: its addresses, its first key, and its admin API as methods."""

    def __init__(self, ready: Ready, keys: tuple[str, ...], admin: httpx.Client) -> None:
        self.provider_url = ready.provider_url
        self.provider_admin_url = ready.provider_admin_url
        self.cdn_url = ready.cdn_url
        self.keys = keys
        self.key = keys[0]
        self._admin = admin

    def fault(self, name: str, *, times: int = 1, match: dict[str, Any] | None = None,
              **params: Any) -> dict[str, Any]:  # fmt: skip
        """Script a fault; `match` may have prompt, model, nth and probability."""
        rule = {"fault": name, "times": times, "match": match or {}, "params": params}
        return self._object("POST", "/faults", rule)

    def advance(self, seconds: float) -> None:
        """Let simulated time pass at once."""
        self._object("POST", "/clock", {"advance": seconds})

    def options(self, **changes: Any) -> dict[str, Any]:
        """Flip switches; returns them all."""
        return self._object("PATCH", "/options", changes)

    def set_balance(self, usd: float, key: str | None = None) -> None:
        """Give an account this much credit."""
        self._object("PUT", "/balance", {"usd": usd, "key": key})

    def requests(self, **filters: Any) -> list[dict[str, Any]]:
        """The log of requests, by origin, method, path, status and contains."""
        return self._list("/requests", **filters)

    def submissions(self) -> list[dict[str, Any]]:
        """The log of POSTs that ask for a prediction, whatever became of them."""
        posts = self.requests(origin="api", method="POST")
        known = ("/predictions", "/model/", "/billings/", "/user/", "/media/")
        return [post for post in posts if not post["path"][len("/api/v3") :].startswith(known)]

    def ledger(self, prediction: str | None = None) -> list[dict[str, Any]]:
        """Charges and refunds."""
        filters = {} if prediction is None else {"prediction": prediction}
        reply = self._admin.get("/ledger", params=filters)
        entries: list[dict[str, Any]] = reply.raise_for_status().json()["entries"]
        return entries

    def predictions(self, **filters: Any) -> list[dict[str, Any]]:
        """All predictions, by status and model."""
        return self._list("/predictions", **filters)

    def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
        """Webhooks posted, and kept back (attempt 0), by prediction."""
        return self._list("/webhooks", **filters)

    def replay(self, **which: Any) -> dict[str, Any]:
        """Post a webhook again, byte for byte: the last of a prediction, or one by its number."""
        return self._object("POST", "/webhooks/replay", which)

    def webhook_secret(self, key: str | None = None) -> str:
        """What an account's webhooks are signed with."""
        secret: str = self._object("GET", "/webhook-secret", {"key": key})["secret"]
        return secret

    def rotate_webhook_secret(self, secret: str | None = None, key: str | None = None) -> str:
        """Give an account this webhook secret, or a fresh one."""
        body = {"secret": secret, "key": key}
        rotated: str = self._object("POST", "/webhook-secret", body)["secret"]
        return rotated

    def served(self) -> dict[str, list[dict[str, Any]]]:
        """What the CDN sent, by path."""
        bodies: dict[str, list[dict[str, Any]]] = (
            self._admin.get("/served").raise_for_status().json()
        )
        return bodies

    def reset(self) -> None:
        """As if just started."""
        self._admin.post("/reset").raise_for_status()

    def _object(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = self._admin.request(method, path, json=body)
        if reply.is_error:
            raise ValueError(reply.text)
        found: dict[str, Any] = reply.json()
        return found

    def _list(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            self._admin.get(path, params=filters).raise_for_status().json()
        )
        return found


@contextmanager
def running(setup: Setup | None = None, *, clock: Clock | None = None,
            **options: Any) -> Generator[Provider]:  # fmt: skip
    """A simulator in a thread, on free ports; keywords are its options (time_scale=0.01, …)."""
    chosen = setup or Setup()
    chosen = chosen.model_copy(update={"options": chosen.options.changed(options)})
    started: list[Ready] = []
    is_up = threading.Event()
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        handles.append((asyncio.get_running_loop(), stop))

        def announce(ready: Ready) -> None:
            started.append(ready)
            is_up.set()

        await serve(chosen, announce, stop, clock)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="provider", daemon=True)
    thread.start()
    if not is_up.wait(PATIENCE):
        msg = "the provider simulator did not start"
        raise RuntimeError(msg)
    try:
        admin_url = started[0].provider_admin_url
        with httpx.Client(base_url=admin_url, trust_env=False, timeout=30) as admin:
            yield Provider(started[0], chosen.keys, admin)
    finally:
        loop, stop = handles[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


__all__ = ["Options", "Provider", "Setup", "running"]
