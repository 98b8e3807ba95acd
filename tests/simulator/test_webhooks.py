import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import NamedTuple
from urllib.parse import quote

import pytest

from local.provider.webhooks import signature
from tests.simulator.client import LONG_ENOUGH, TEXT, Api

SECRET = "whsec_simulator_test_secret_0001"
ID, AT = "e6832d4abffb4d79bfbca19783fca133", 1790000000


class Hook(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver(NamedTuple):
    url: str
    answers: list[int]
    hooks: "Queue[Hook]"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    answers: list[int] = []
    hooks: Queue[Hook] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()
            headers = {name.lower(): value for name, value in self.headers.items()}
            hooks.put(Hook(self.path, headers, body))

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hook?job=a%26b", answers, hooks)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"id":"e6832d4abffb4d79bfbca19783fca133","model":"openai/gpt-image-2/edit",'
            b'"status":"completed","outputs":["https://cdn.test/output/a.png"],"error":""}',
            "v3,4ab3b706bcb54bec4db2216ac01c668320c7884d5b6e15379a42ca59a12f3de0",
        ),
        (b'{"a":1}', "v3,9aaa21b9548800e5217625e8b450ccb88b8df6f9832ad758647695278ffe67cd"),
        (b'{"a": 1}', "v3,f27ff55878d3c344fd7a54834e06c66a1d31d1095ae52b731379bede9f2ca405"),
    ],
)
def test_the_signature_agrees_with_the_published_vectors(body: bytes, expected: str) -> None:
    assert signature(SECRET, ID, AT, body) == expected


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_the_end_of_a_prediction_is_posted_bare_and_signed(
    api: Api, receiver: Receiver, status: str
) -> None:
    if status == "failed":
        api.provider.fault("run.failed")
    reply = api.post(f"/{TEXT}?webhook={quote(receiver.url, safe='')}", {"prompt": "x"})
    prediction = api.data(reply)
    secret = api.data(api.get("/webhook/secret"))["secret"]

    api.provider.advance(LONG_ENOUGH)
    hook = receiver.hooks.get(timeout=5)

    headers = hook.headers
    expected = signature(secret, prediction["id"], int(headers["webhook-timestamp"]), hook.body)
    assert hmac.compare_digest(headers["webhook-signature"], expected)
    assert headers["webhook-id"] == prediction["id"]
    assert hook.path == "/hook?job=a%26b"
    assert json.loads(hook.body) == api.result(prediction) | {"input": {"prompt": "x"}}
    assert json.loads(hook.body)["status"] == status


def test_a_webhook_is_tried_again_until_it_is_taken(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.01)
    receiver.answers.extend([500, 503])
    api.data(api.post(f"/{TEXT}?webhook={quote(receiver.url, safe='')}", {"prompt": "x"}))

    api.provider.advance(LONG_ENOUGH)
    bodies = [receiver.hooks.get(timeout=5).body for _ in range(3)]

    assert bodies[0] == bodies[1] == bodies[2]
    deadline = threading.Event()
    while len(api.provider.deliveries()) < 3 and not deadline.wait(0.01):
        continue
    assert [each["status"] for each in api.provider.deliveries()] == [500, 503, 204]


def test_each_key_has_a_secret_of_its_own(api: Api, other_api: Api) -> None:
    one, other = (each.data(each.get("/webhook/secret"))["secret"] for each in (api, other_api))

    assert one.startswith("whsec_")
    assert one != other


def test_a_webhook_must_be_a_url(api: Api) -> None:
    assert api.post(f"/{TEXT}?webhook=somewhere", {"prompt": "x"}).status_code == 400
