"""A fake of the provider and its CDN at the HTTP level, with scripted responses.

It creates a prediction for each accepted POST, lists predictions, and signs webhooks like the real
provider.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any

import httpx

from tests.fakes.images import PNG

API, CDN = "api.wavespeed.ai", "cdn.wavespeed.ai"
KEY = "wsk-key-of-the-tests"
WEBHOOK_SECRET = "whsec_of_the_tests"
SIGNATURE = "signature-that-must-not-be-logged"
OUTPUT = f"https://{CDN}/output/1.png?sig={SIGNATURE}"

type Response = httpx.Response | Callable[[httpx.Request], httpx.Response]


def data(value: dict[str, Any] | list[Any]) -> httpx.Response:
    return httpx.Response(200, json={"code": 200, "message": "success", "data": value})


def accepted(prediction_id: str) -> httpx.Response:
    return data({"id": prediction_id, "status": "created", "outputs": []})


def processing() -> httpx.Response:
    return data({"id": "p", "status": "processing", "outputs": []})


def completed(output: str = OUTPUT) -> httpx.Response:
    return data({"id": "p", "status": "completed", "outputs": [output]})


def failed(error: str) -> httpx.Response:
    return data({"id": "p", "status": "failed", "error": error, "code": 0})


def error_response(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": status, "message": "no"}, headers=headers)


def file() -> httpx.Response:
    return httpx.Response(200, content=PNG, headers={"content-type": "image/png"})


def body(request: httpx.Request) -> dict[str, Any]:
    """Return the JSON body of a request."""
    value: dict[str, Any] = json.loads(request.content)
    return value


@dataclass(frozen=True)
class Prediction:
    """A prediction of the provider; each one is charged."""

    prediction_id: str
    model: str
    inputs: dict[str, Any]
    created_at: datetime
    webhook: str | None


@dataclass(frozen=True)
class Post:
    """A received submit, with the prediction that it created."""

    request: httpx.Request
    job_id: str
    prediction: Prediction | None


class Provider:
    """Responds in the order of its scripts; the last response of a script repeats.

    A script of submits contains refusals; after them, each POST is accepted.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.posts: list[Post] = []
        self.refusals: list[httpx.Response] = []
        self.report: Callable[[str], None] = lambda _: None
        self.current_job_id: Callable[[], str] = str
        self._now = now
        self.script_polls(completed())
        self.script_files(file())

    @property
    def predictions(self) -> list[Prediction]:
        """The created predictions, oldest first."""
        return [post.prediction for post in self.posts if post.prediction]

    def script_polls(self, *responses: Response) -> None:
        """Script the responses to polls of a prediction."""
        self._polls = _script(responses)

    def script_files(self, *responses: Response) -> None:
        """Script the responses of the CDN."""
        self._files = _script(responses)

    def set_duration(self, seconds: float) -> None:
        """Complete each prediction so many seconds after its creation."""

        def poll(request: httpx.Request) -> httpx.Response:
            (prediction,) = [p for p in self.predictions if p.prediction_id in request.url.path]
            is_ready = self._now() >= prediction.created_at + timedelta(seconds=seconds)
            return completed() if is_ready else processing()

        self.script_polls(poll)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Handle a request in place of the httpx transport."""
        if request.url.host == CDN:
            assert "authorization" not in request.headers, "the key must not go to the CDN"
            return _send(next(self._files), request)
        assert request.url.host == API
        assert request.headers["authorization"] == f"Bearer {KEY}"
        match request.method, request.url.path.removeprefix("/api/v3/"):
            case "POST", "predictions":
                return self._list(body(request))
            case "POST", "model/price":
                return data({"price": 0.06, "discounted_price": 0.06, "currency": "USD"})
            case "GET", "models":
                return data([{"model_id": "maker/model", "base_price": 0.01}])
            case "GET", "webhook/secret":
                return data({"secret": WEBHOOK_SECRET})
            case "POST", model:
                return self._submit(request, model)
        self.report("before GET")
        response = _send(next(self._polls), request)
        self.report("after GET")
        return response

    def webhook(self) -> tuple[str, dict[str, str], bytes]:
        """Return the URL, headers and body of the webhook of the newest prediction."""
        prediction = self.predictions[-1]
        assert prediction.webhook is not None, "the submit had no webhook"
        payload = {"id": prediction.prediction_id, "status": "completed", "outputs": [OUTPUT]}
        raw = json.dumps(payload, separators=(",", ":")).encode()
        stamp = str(int(self._now().timestamp()))
        signed = f"{prediction.prediction_id}.{stamp}.".encode() + raw
        key = WEBHOOK_SECRET.removeprefix("whsec_").encode()
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": prediction.prediction_id,
            "webhook-timestamp": stamp,
            "webhook-signature": "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest(),
        }
        return prediction.webhook, headers, raw

    def _list(self, query: dict[str, Any]) -> httpx.Response:
        after, before = (
            datetime.fromisoformat(query[name]) for name in ("created_after", "created_before")
        )
        items = [
            {
                "id": prediction.prediction_id,
                "model": prediction.model,
                "status": "processing",
                "created_at": prediction.created_at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
                "inputs": prediction.inputs,
            }
            for prediction in reversed(self.predictions)
            if prediction.model == query["model"] and after <= prediction.created_at <= before
        ]
        return data({"page": 1, "items": items})

    def _submit(self, request: httpx.Request, model: str) -> httpx.Response:
        self.report("before POST")
        prediction = None
        if self.refusals:
            response = self.refusals.pop(0)
        else:
            prediction = Prediction(
                prediction_id=f"{len(self.posts):032x}",
                model=model,
                inputs=body(request),
                created_at=self._now(),
                webhook=dict(request.url.params).get("webhook"),
            )
            response = accepted(prediction.prediction_id)
        self.posts.append(Post(request, self.current_job_id(), prediction))
        self.report("after POST")
        return _send(response, request)


def _script(responses: Iterable[Response]) -> Iterator[Response]:
    script = list(responses)
    return chain(script, repeat(script[-1]))


def _send(response: Response, request: httpx.Request) -> httpx.Response:
    """Return a new response each time, because a response can be read only once."""
    if not isinstance(response, httpx.Response):
        response = response(request)
    return httpx.Response(
        response.status_code, headers=response.headers, stream=_Body(response.content)
    )


class _Body(httpx.SyncByteStream):
    """A response body that is not read yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
