"""Run a simulator in the process of a test: `with running() as provider: …`."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

from simulator.clock import Clock
from simulator.options import Options, Setup
from simulator.server import Ready, serve

START_SECONDS = 15


class Provider:
    """A running simulator: its addresses, its first key, and its admin API as methods."""

    def __init__(self, ready: Ready, keys: tuple[str, ...], admin: httpx.Client) -> None:
        self.provider_url = ready.provider_url
        self.provider_admin_url = ready.provider_admin_url
        self.cdn_url = ready.cdn_url
        self.keys = keys
        self.key = keys[0]
        self._admin = admin

    def fault(self, name: str, *, times: int = 1, lasts: float = 0,
              match: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:  # fmt: skip
        """Script a fault; `match` may have prompt, model, nth and probability."""
        rule = {"fault": name, "times": times, "lasts": lasts, "match": match or {},
                "params": params}  # fmt: skip
        return self._object("POST", "/faults", rule)

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock forward."""
        self._object("POST", "/clock", {"advance": seconds})

    def options(self, **changes: Any) -> dict[str, Any]:
        """Change options and return all of them."""
        return self._object("PATCH", "/options", changes)

    def set_balance(self, usd: float, key: str | None = None) -> None:
        """Set the balance of an account (default: the first)."""
        self._object("PUT", "/balance", {"usd": usd, "key": key})

    def requests(self, **filters: Any) -> list[dict[str, Any]]:
        """Return the request log; filters: origin, method, path, status, contains."""
        return self._list("/requests", **filters)

    def submissions(self) -> list[dict[str, Any]]:
        """Return the logged submit requests, whatever their outcome."""
        posts = self.requests(origin="api", method="POST")
        others = ("/predictions", "/model/", "/billings/", "/user/", "/media/")
        return [post for post in posts if not post["path"][len("/api/v3") :].startswith(others)]

    def ledger(self, prediction: str | None = None) -> list[dict[str, Any]]:
        """Return the charges and refunds, optionally of one prediction."""
        filters = {} if prediction is None else {"prediction": prediction}
        response = self._admin.get("/ledger", params=filters)
        entries: list[dict[str, Any]] = response.raise_for_status().json()["entries"]
        return entries

    def predictions(self, **filters: Any) -> list[dict[str, Any]]:
        """Return all predictions; filters: status, model."""
        return self._list("/predictions", **filters)

    def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
        """Return all webhook deliveries; withheld ones have attempt 0. Filter: prediction."""
        return self._list("/webhooks", **filters)

    def replay(self, **selector: Any) -> dict[str, Any]:
        """Post a webhook again, byte for byte; selector: prediction (its last) or number."""
        return self._object("POST", "/webhooks/replay", selector)

    def webhook_secret(self, key: str | None = None) -> str:
        """Return the webhook secret of an account (default: the first)."""
        secret: str = self._object("GET", "/webhook-secret", {"key": key})["secret"]
        return secret

    def served(self) -> dict[str, list[dict[str, Any]]]:
        """Return the length and SHA-256 of every body that the CDN sent, by path."""
        bodies: dict[str, list[dict[str, Any]]] = (
            self._admin.get("/served").raise_for_status().json()
        )
        return bodies

    def reset(self) -> None:
        """Restore the initial state; the clock stays."""
        self._admin.post("/reset").raise_for_status()

    def _object(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._admin.request(method, path, json=body)
        if response.is_error:
            raise ValueError(response.text)
        item: dict[str, Any] = response.json()
        return item

    def _list(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (
            self._admin.get(path, params=filters).raise_for_status().json()
        )
        return items


@contextmanager
def running(setup: Setup | None = None, *, clock: Clock | None = None,
            **options: Any) -> Generator[Provider]:  # fmt: skip
    """Run a simulator in a thread on free ports; keywords are options (time_scale=0.01, …)."""
    setup = setup or Setup()
    setup = setup.model_copy(update={"options": setup.options.changed(options)})
    started: list[Ready] = []
    is_up = threading.Event()
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        handles.append((asyncio.get_running_loop(), stop))

        def on_ready(ready: Ready) -> None:
            started.append(ready)
            is_up.set()

        await serve(setup, on_ready, stop, clock)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="provider", daemon=True)
    thread.start()
    if not is_up.wait(START_SECONDS):
        msg = "the provider simulator did not start"
        raise RuntimeError(msg)
    try:
        admin_url = started[0].provider_admin_url
        with httpx.Client(base_url=admin_url, trust_env=False, timeout=30) as admin:
            yield Provider(started[0], setup.keys, admin)
    finally:
        loop, stop = handles[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)


__all__ = ["Options", "Provider", "Setup", "running"]
