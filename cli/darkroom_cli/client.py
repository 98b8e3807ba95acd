"""The HTTP API, as a caller sees it: safe to repeat, and errors that say what to do."""

import mimetypes
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from darkroom_cli.errors import CliError, Exit, ProblemError
from darkroom_cli.target import Target

type Json = dict[str, Any]

_TIMEOUT = 40  # seconds; the API holds an answer for 25 at most
_TRIES = 4
_AGAIN = frozenset({429, 500, 502, 503, 504})
_TYPES = {".csv": "text/csv", ".jsonl": "application/x-ndjson", ".ndjson": "application/x-ndjson"}
WAIT = 20  # seconds that a look at a job may be held


class Client:
    """One deployment and one key."""

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        self._target = target
        self._http = httpx.Client(
            base_url=target.url,
            headers={"Authorization": f"Bearer {target.key}"},
            timeout=_TIMEOUT,
            transport=transport,
        )
        # Where files go: no header of ours may be on the way there.
        self._plain = httpx.Client(timeout=_TIMEOUT, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()
        self._plain.close()

    def get(self, path: str, **query: Any) -> Json:
        """Read something; raises CliError."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """Ask for something; raises CliError. All its tries have one idempotency key."""
        headers = {"Idempotency-Key": key or f"cli-{uuid.uuid4()}"}
        return self._call("POST", path, json=body, headers=headers)

    def delete(self, path: str) -> Json:
        """Cancel something; raises CliError."""
        return self._call("DELETE", path)

    def upload(self, path: Path) -> str:
        """Put a file by a ticket; return what a request calls it. Raises CliError."""
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = error.strerror or "no such file"
            raise CliError(Exit.BAD_REQUEST, f"{path}: {reason}", "") from None
        kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
        ticket = self.post("/v1/uploads", {"content_type": kind or "", "size": len(data)})
        answer = self._send(
            self._plain, "PUT", ticket["url"], content=data, headers=ticket["headers"]
        )
        # 412: an earlier try of ours has put it.
        if answer.status_code not in (200, 412):
            raise CliError(Exit.INTERNAL, f"{path} was not taken: HTTP {answer.status_code}")
        return str(ticket["reference"])

    def download(self, url: str, path: Path) -> None:
        """Save what is at a URL; raises CliError."""
        try:
            with self._plain.stream("GET", url) as answer:
                answer.raise_for_status()
                with path.open("wb") as file:
                    for chunk in answer.iter_bytes(1 << 20):
                        file.write(chunk)
        except (httpx.HTTPError, OSError) as error:
            told = f"{path} was not saved: {type(error).__name__}"
            raise CliError(Exit.INTERNAL, told, "Try: darkroom jobs open") from None

    def _call(self, method: str, path: str, **given: Any) -> Json:
        answer = self._send(self._http, method, path, **given)
        try:
            told = answer.json()
        except ValueError:
            told = None
        if answer.is_success and isinstance(told, dict):
            return told
        if answer.is_error and isinstance(told, dict) and {"detail", "message"} & told.keys():
            raise ProblemError(answer.status_code, told)
        hint = "The URL is the stack's output ApiUrl, its stage included."
        told = f"{self._target.url} does not answer like a Darkroom: HTTP {answer.status_code}"
        raise CliError(Exit.NO_TARGET, told, hint)

    def _send(self, http: httpx.Client, method: str, url: str, **given: Any) -> httpx.Response:
        """Send, and again if it failed in passing: each request here is safe to repeat."""
        for left in reversed(range(_TRIES)):
            pause = 0.5 * (_TRIES - left)
            try:
                answer = http.request(method, url, **given)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if left and not isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
                    time.sleep(pause)
                    continue
                hint = "Is it up? A local one is started by: make up"
                told = f"nothing answers at {self._target.url} ({type(error).__name__})"
                raise CliError(Exit.NO_TARGET, told, hint) from None
            if answer.status_code not in _AGAIN or not left:
                return answer
            time.sleep(pause)
        raise AssertionError("unreachable")
