"""A webhook receiver that verifies signatures by the published algorithm."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.simulator.client import AFTER_ANY_RUN, TEXT, Api

TOLERANCE = 300


class ReceivedWebhook(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def prediction(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.body)
        return body

    def verdict(self, secret: str) -> str:
        try:
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            webhook_id, timestamp, actual = (self.headers[name] for name in names)
        except KeyError as missing:
            return f"without {missing.args[0]}"
        signed = f"{webhook_id}.{timestamp}.".encode() + self.body
        key = secret.removeprefix("whsec_").encode()
        expected = hmac.new(key, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(actual, f"v3,{expected}"):
            return "forged"
        return "stale" if abs(time.time() - int(timestamp)) > TOLERANCE else "genuine"


class Receiver:
    """Answers the statuses in `answers`, then 204. `before_answer` runs before each response."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook?job=a%26b"
        self.answers: list[int] = []
        self.hooks: Queue[ReceivedWebhook] = Queue()
        self.before_answer: Callable[[], Any] = lambda: None

    def next(self) -> ReceivedWebhook:
        return self.hooks.get(timeout=5)

    def submit(self, api: Api, prompt: str = "x") -> dict[str, Any]:
        response = api.post(f"/{TEXT}?webhook={quote(self.url, safe='')}", {"prompt": prompt})
        prediction: dict[str, Any] = api.data(response)
        return prediction

    def run(self, api: Api, prompt: str = "x") -> dict[str, Any]:
        prediction = self.submit(api, prompt)
        api.provider.advance(AFTER_ANY_RUN)
        return prediction


def wait_for_deliveries(api: Api, count: int, **filters: Any) -> list[dict[str, Any]]:
    """Return the deliveries when at least `count` are recorded, after their responses."""
    deadline, pause = time.monotonic() + 5, threading.Event()
    while len(deliveries := api.provider.deliveries(**filters)) < count:
        assert time.monotonic() < deadline
        pause.wait(0.01)
    return deliveries


@contextmanager
def receiving() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.hooks.put(ReceivedWebhook(self.path, headers, body))
            receiver.before_answer()
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
