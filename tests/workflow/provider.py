"""The provider at the level of HTTP: what it has made, and a script of what it answers.

It makes a prediction for each POST that it takes, whatever its answer is, lists them, and signs
webhooks as the real one does.
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

from tests.workflow.answers import (
    API,
    CDN,
    HOOK_SECRET,
    KEY,
    OUTPUT,
    PREDICTION,
    Answer,
    Reply,
    body,
    completed,
    data,
    file,
    give,
    problem,
    standing,
)

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_GATEWAYS = (408, 499)  # of the refusals, those that prove nothing


@dataclass(frozen=True)
class Taken:
    """The provider makes a prediction, and answers with it, or with something else."""

    answer: Reply | None = None


@dataclass(frozen=True)
class Made:
    """A prediction: it costs money."""

    prediction_id: str
    model: str
    inputs: dict[str, Any]
    at: datetime
    webhook: str | None


@dataclass(frozen=True)
class Post:
    """A submit, as it came."""

    request: httpx.Request
    job_id: str
    made: Made | None
    is_proven: bool  # that nothing was made of it

    @property
    def webhook(self) -> str | None:
        """Where the provider is to call."""
        return dict(self.request.url.params).get("webhook")


class Provider:
    """Answers in the order of its scripts; the last answer of a script is given for ever."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.key = KEY
        self.secret = HOOK_SECRET
        self.price: float | None = 0.06
        self.lag = timedelta(0)  # of the list
        self.posts: list[Post] = []
        self.made: list[Made] = []
        self.gets = 0
        self.on_post: Callable[[str], None] = lambda _: None
        self.on_get: Callable[[str], None] = lambda _: None
        self.whose: Callable[[], str] = str
        self._now = now
        self.submits(Taken())
        self.checks(completed())
        self.files(file())
        self.lists(self.listing)

    def submits(self, *answers: Answer | Taken) -> None:
        """Script the answers to POSTs that make predictions."""
        self._submits = _script(answers)

    def checks(self, *answers: Answer) -> None:
        """Script the answers to GETs of a prediction."""
        self._checks = _script(answers)

    def files(self, *answers: Answer) -> None:
        """Script the answers of the CDN."""
        self._files = _script(answers)

    def lists(self, *answers: Answer) -> None:
        """Script the list of predictions, instead of what was made."""
        self._lists = _script(answers)

    def takes(self, seconds: float) -> None:
        """Let each prediction be ready so long after it was made."""

        def look(request: httpx.Request) -> httpx.Response:
            (asked,) = [m for m in self.made if m.prediction_id in request.url.path]
            is_ready = self._now() >= asked.at + timedelta(seconds=seconds)
            return completed() if is_ready else standing("processing")

        self.checks(look)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Stand in for httpx's transport."""
        if request.url.host == CDN:
            assert "authorization" not in request.headers, "the key must not go to the CDN"
            return give(next(self._files), request)
        assert request.url.host == API
        match request.method, request.url.path.removeprefix("/api/v3/"):
            case "POST", "predictions":
                return give(next(self._lists), request)
            case "POST", "model/price":
                return self._quote()
            case "GET", "webhook/secret":
                return data({"secret": self.secret})
            case "POST", model:
                return self._submit(request, model)
            case _, path:
                ids = {PREDICTION, *(made.prediction_id for made in self.made)}
                assert path in {f"predictions/{each}/result" for each in ids}
                self.gets += 1
                self.on_get("before GET")
                try:
                    return give(next(self._checks), request)
                finally:
                    self.on_get("after GET")

    def listing(self, request: httpx.Request) -> httpx.Response:
        """Answer with what was made, newest first."""
        asked = body(request)
        after, before = (
            datetime.fromisoformat(asked[name]) for name in ("created_after", "created_before")
        )
        assert asked["page"] == 1
        assert asked["include_inputs"] is True
        found = [
            {
                "id": made.prediction_id,
                "model": made.model,
                "status": "processing",
                "created_at": made.at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
                "inputs": made.inputs,
            }
            for made in reversed(self.made)
            if made.model == asked["model"]
            and after <= made.at <= before
            and self._now() - made.at >= self.lag
        ]
        return data({"page": 1, "items": found})

    def webhook(
        self, number: int = -1, *, secret: str = "", late: float = 0, **said: Any
    ) -> tuple[str, dict[str, str], bytes]:
        """Return the URL, headers and body of the webhook about a prediction."""
        made = self.made[number]
        assert made.webhook is not None, "it was not asked to call"
        told = {"id": made.prediction_id, "status": "completed", "outputs": [OUTPUT], **said}
        raw = json.dumps(told, separators=(",", ":")).encode()
        stamp = str(int(self._now().timestamp() - late))
        key = (secret or self.secret).removeprefix("whsec_").encode()
        signed = f"{made.prediction_id}.{stamp}.".encode() + raw
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": made.prediction_id,
            "webhook-timestamp": stamp,
            "webhook-signature": "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest(),
        }
        return made.webhook, headers, raw

    def _submit(self, request: httpx.Request, model: str) -> httpx.Response:
        self.on_post("before POST")
        answer = next(self._submits)
        if request.headers["authorization"] != f"Bearer {self.key}":
            answer = problem(401, "invalid key")
        made = self._make(request, model) if isinstance(answer, Taken) else None
        if made is not None and isinstance(answer, Taken):
            fresh = {"id": made.prediction_id, "status": "created", "outputs": []}
            answer = answer.answer or data(fresh)
        assert not isinstance(answer, Taken)
        # Proof that nothing was made: no connection, or the provider's own word.
        told = isinstance(answer, httpx.Response) and 400 <= answer.status_code < 500
        is_proven = made is None and (
            (told and isinstance(answer, httpx.Response) and answer.status_code not in _GATEWAYS)
            or answer in _NEVER_CONNECTED
        )
        self.posts.append(Post(request, self.whose(), made, is_proven))
        try:
            return give(answer, request)
        finally:
            self.on_post("after POST")

    def _make(self, request: httpx.Request, model: str) -> Made:
        number = len(self.made)
        fresh = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        called = dict(request.url.params).get("webhook")
        made = Made(fresh if number else PREDICTION, model, body(request), self._now(), called)
        self.made.append(made)
        return made

    def _quote(self) -> httpx.Response:
        if self.price is None:
            return problem(404, "no price")
        return data({"price": self.price, "discounted_price": self.price, "currency": "USD"})


def _script[T](answers: Iterable[T]) -> Iterator[T]:
    given = list(answers)
    return chain(given, repeat(given[-1]))
