"""A fake of the provider at the HTTP level, with scripted responses.

It creates a prediction for each accepted POST, independent of the response, lists predictions, and
signs webhooks like the real provider.
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

from tests.workflow.responses import (
    API,
    CDN,
    KEY,
    OUTPUT,
    PREDICTION,
    WEBHOOK_SECRET,
    Response,
    ScriptedResponse,
    body,
    completed,
    data,
    error_response,
    file,
    send_response,
    status_response,
)

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_GATEWAYS = (408, 499)  # 4xx statuses that do not prove that no prediction was created


@dataclass(frozen=True)
class Accepted:
    """The provider creates a prediction; the response can differ from it."""

    response: Response | None = None


@dataclass(frozen=True)
class CreatedPrediction:
    """A prediction of the provider; each one is charged."""

    prediction_id: str
    model: str
    inputs: dict[str, Any]
    created_at: datetime
    webhook: str | None


@dataclass(frozen=True)
class Post:
    """A received submit."""

    request: httpx.Request
    job_id: str
    prediction: CreatedPrediction | None
    is_proven: bool  # whether it is proven that no prediction was created

    @property
    def webhook(self) -> str | None:
        """The webhook URL of the submit, or None."""
        return dict(self.request.url.params).get("webhook")


class Provider:
    """Responds in the order of its scripts; the last response of a script repeats."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.key = KEY
        self.secret = WEBHOOK_SECRET
        self.price: float | None = 0.06
        self.list_delay = timedelta(0)  # delay until a prediction is listed
        self.posts: list[Post] = []
        self.predictions: list[CreatedPrediction] = []
        self.poll_count = 0
        self.on_post: Callable[[str], None] = lambda _: None
        self.on_get: Callable[[str], None] = lambda _: None
        self.current_job_id: Callable[[], str] = str
        self._now = now
        self.script_submits(Accepted())
        self.script_polls(completed())
        self.script_files(file())
        self.script_lists(self.listing)

    def script_submits(self, *responses: ScriptedResponse | Accepted) -> None:
        """Script the responses to submits."""
        self._submits = _script(responses)

    def script_polls(self, *responses: ScriptedResponse) -> None:
        """Script the responses to polls of a prediction."""
        self._checks = _script(responses)

    def script_files(self, *responses: ScriptedResponse) -> None:
        """Script the responses of the CDN."""
        self._files = _script(responses)

    def script_lists(self, *responses: ScriptedResponse) -> None:
        """Script the responses of the prediction list."""
        self._lists = _script(responses)

    def set_duration(self, seconds: float) -> None:
        """Complete each prediction so many seconds after its creation."""

        def poll(request: httpx.Request) -> httpx.Response:
            (prediction,) = [p for p in self.predictions if p.prediction_id in request.url.path]
            is_ready = self._now() >= prediction.created_at + timedelta(seconds=seconds)
            return completed() if is_ready else status_response("processing")

        self.script_polls(poll)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Handle a request in place of the httpx transport."""
        if request.url.host == CDN:
            assert "authorization" not in request.headers, "the key must not go to the CDN"
            return send_response(next(self._files), request)
        assert request.url.host == API
        match request.method, request.url.path.removeprefix("/api/v3/"):
            case "POST", "predictions":
                return send_response(next(self._lists), request)
            case "POST", "model/price":
                return self._quote()
            case "GET", "webhook/secret":
                return data({"secret": self.secret})
            case "POST", model:
                return self._submit(request, model)
            case _, path:
                ids = {PREDICTION, *(prediction.prediction_id for prediction in self.predictions)}
                assert path in {f"predictions/{prediction_id}/result" for prediction_id in ids}
                self.poll_count += 1
                self.on_get("before GET")
                try:
                    return send_response(next(self._checks), request)
                finally:
                    self.on_get("after GET")

    def listing(self, request: httpx.Request) -> httpx.Response:
        """Return the created predictions, newest first."""
        query = body(request)
        after, before = (
            datetime.fromisoformat(query[name]) for name in ("created_after", "created_before")
        )
        assert query["page"] == 1
        assert query["include_inputs"] is True
        items = [
            {
                "id": prediction.prediction_id,
                "model": prediction.model,
                "status": "processing",
                "created_at": prediction.created_at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
                "inputs": prediction.inputs,
            }
            for prediction in reversed(self.predictions)
            if prediction.model == query["model"]
            and after <= prediction.created_at <= before
            and self._now() - prediction.created_at >= self.list_delay
        ]
        return data({"page": 1, "items": items})

    def webhook(
        self, number: int = -1, *, secret: str = "", age_seconds: float = 0, **fields: Any
    ) -> tuple[str, dict[str, str], bytes]:
        """Return the URL, headers and body of the webhook of a prediction."""
        prediction = self.predictions[number]
        assert prediction.webhook is not None, "the submit had no webhook"
        payload = {
            "id": prediction.prediction_id,
            "status": "completed",
            "outputs": [OUTPUT],
            **fields,
        }
        raw = json.dumps(payload, separators=(",", ":")).encode()
        stamp = str(int(self._now().timestamp() - age_seconds))
        key = (secret or self.secret).removeprefix("whsec_").encode()
        signed = f"{prediction.prediction_id}.{stamp}.".encode() + raw
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": prediction.prediction_id,
            "webhook-timestamp": stamp,
            "webhook-signature": "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest(),
        }
        return prediction.webhook, headers, raw

    def _submit(self, request: httpx.Request, model: str) -> httpx.Response:
        self.on_post("before POST")
        response = next(self._submits)
        if request.headers["authorization"] != f"Bearer {self.key}":
            response = error_response(401, "invalid key")
        prediction = self._create(request, model) if isinstance(response, Accepted) else None
        if prediction is not None and isinstance(response, Accepted):
            created = {"id": prediction.prediction_id, "status": "created", "outputs": []}
            response = response.response or data(created)
        assert not isinstance(response, Accepted)
        # Proof that no prediction exists: no connection, or a 4xx response.
        is_refused = isinstance(response, httpx.Response) and 400 <= response.status_code < 500
        is_proven = prediction is None and (
            (
                is_refused
                and isinstance(response, httpx.Response)
                and response.status_code not in _GATEWAYS
            )
            or response in _NEVER_CONNECTED
        )
        self.posts.append(Post(request, self.current_job_id(), prediction, is_proven))
        try:
            return send_response(response, request)
        finally:
            self.on_post("after POST")

    def _create(self, request: httpx.Request, model: str) -> CreatedPrediction:
        number = len(self.predictions)
        prediction_id = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        webhook_url = dict(request.url.params).get("webhook")
        prediction = CreatedPrediction(
            prediction_id if number else PREDICTION, model, body(request), self._now(), webhook_url
        )
        self.predictions.append(prediction)
        return prediction

    def _quote(self) -> httpx.Response:
        if self.price is None:
            return error_response(404, "no price")
        return data({"price": self.price, "discounted_price": self.price, "currency": "USD"})


def _script[T](responses: Iterable[T]) -> Iterator[T]:
    script = list(responses)
    return chain(script, repeat(script[-1]))
