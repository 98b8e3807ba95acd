"""HTTP client of a Darkroom deployment: retries, idempotency keys and error messages."""

import time
import uuid
from types import TracebackType
from typing import IO, Any, Self

import httpx

from darkroom_cli.errors import CliError, Exit, ProblemError
from darkroom_cli.files import LocalFile
from darkroom_cli.target import Target, is_header
from darkroom_cli.text import is_unicode

type Json = dict[str, Any]

_TIMEOUT = 40  # seconds; a long poll of the API takes at most 25
_ATTEMPTS = 4
_RETRYABLE = frozenset({429, 500, 502, 503, 504})
# A deployment answers these with a type. Without its stage, an API Gateway answers 403 "Forbidden".
_TYPED = frozenset({401, 403, 404})
LONG_POLL_SECONDS = 20


class Client:
    """A client of one deployment with one API key."""

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        self._target = target
        try:
            self._api = httpx.Client(
                base_url=target.url,
                headers={"Authorization": f"Bearer {target.key}"},
                timeout=_TIMEOUT,
                transport=transport,
                # A redirect could lead the key to another host.
                follow_redirects=False,
                # A proxy would get the key of a stack on this machine unencrypted.
                trust_env=not target.is_loopback,
            )
            # For presigned URLs. Requests to S3 must not carry the API key.
            self._storage = httpx.Client(timeout=_TIMEOUT, transport=transport)
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            message = f"Cannot use {target.url}: {error}."
            hint = "Check the URL, and the variables for proxies and certificates."
            raise CliError(Exit.NO_TARGET, message, hint) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._api.close()
        self._storage.close()

    def get(self, path: str, **query: Any) -> Json:
        """Return the response of a GET without the parameters that are None; raises CliError."""
        parameters = {name: value for name, value in query.items() if value is not None}
        _check_unicode(parameters)
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: Json, idempotency_key: str | None = None) -> Json:
        """Return the response of a POST; raises CliError. Retries reuse one idempotency key."""
        key = f"cli-{uuid.uuid4()}" if idempotency_key is None else idempotency_key
        if not is_header(key):
            message = "--idempotency-key must have 1 to 256 ASCII characters without spaces."
            raise CliError(Exit.USAGE, message)
        _check_unicode(body)
        try:
            return self._call("POST", path, json=body, headers={"Idempotency-Key": key})
        except KeyboardInterrupt:
            message = f"Stopped. {self._target.url} may have accepted the request."
            hint = f"Repeat it with --idempotency-key {key}, or check: darkroom jobs list"
            raise CliError(Exit.STILL_RUNNING, message, hint) from None

    def post_once(self, path: str, body: Json) -> Json:
        """Return the response of a POST that is not idempotent: no retries. Raises CliError."""
        _check_unicode(body)
        return self._call("POST", path, attempts=1, json=body)

    def put(self, path: str, body: Json) -> Json:
        """Return the response of a PUT, without retries; raises CliError."""
        _check_unicode(body)
        return self._call("PUT", path, attempts=1, json=body)

    def patch(self, path: str, body: Json) -> Json:
        """Return the response of a PATCH; raises CliError."""
        _check_unicode(body)
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> Json:
        """Return the response of a DELETE; raises CliError."""
        return self._call("DELETE", path)

    def upload(self, file: LocalFile) -> str:
        """Upload a file by a presigned URL; return its reference. Raises CliError."""
        data = file.read()
        presigned = self.post("/v1/uploads", {"content_type": file.content_type, "size": len(data)})
        response = self._send(
            self._storage, "PUT", presigned["url"], content=data, headers=presigned["headers"]
        )
        # 412: an earlier attempt has already stored the file.
        if response.status_code not in (200, 412):
            message = f"Upload of {file.path} failed: HTTP {response.status_code}."
            raise CliError(Exit.INTERNAL, message, "Run the command again.")
        return str(presigned["reference"])

    def download(self, url: str, file: IO[bytes]) -> None:
        """Write the body of a presigned URL to a file; raises CliError, or OSError of the file."""
        try:
            with self._storage.stream("GET", url) as response:
                response.raise_for_status()
                for chunk in response.iter_bytes(1 << 20):
                    file.write(chunk)
        except httpx.HTTPStatusError as error:
            raise CliError(Exit.INTERNAL, f"HTTP {error.response.status_code}.") from None
        except httpx.HTTPError as error:
            raise CliError(Exit.INTERNAL, f"{type(error).__name__}.") from None

    def _call(self, method: str, path: str, **options: Any) -> Json:
        response = self._send(self._api, method, path, **options)
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.is_success and isinstance(body, dict):
            return body
        if response.is_error and isinstance(body, dict) and {"detail", "message"} & body.keys():
            problem = ProblemError(response.status_code, body)
            if problem.is_typed or response.status_code not in _TYPED:
                raise problem
        message = f"{self._target.url} is not a Darkroom API (HTTP {response.status_code})."
        hint = "Use the stack output ApiUrl as the URL, including its stage."
        raise CliError(Exit.NO_TARGET, message, hint)

    def _send(
        self,
        http: httpx.Client,
        method: str,
        url: str,
        *,
        attempts: int = _ATTEMPTS,
        **options: Any,
    ) -> httpx.Response:
        """Send a request and retry transient failures, unless `attempts` is 1."""
        for remaining in reversed(range(attempts)):
            pause = 0.5 * (attempts - remaining)
            try:
                response = http.request(method, url, **options)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                is_url_error = isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL)
                if remaining and not is_url_error:
                    time.sleep(pause)
                    continue
                message = f"No response from {self._target.url} ({type(error).__name__})."
                hint = "Check the URL and the network. A local stack is started by: make up"
                raise CliError(Exit.NO_TARGET, message, hint) from None
            if response.status_code not in _RETRYABLE or not remaining:
                return response
            time.sleep(pause)
        raise AssertionError("unreachable")


def _check_unicode(fields: Json) -> None:
    for name, value in fields.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not is_unicode(text):
                raise CliError(Exit.USAGE, f"{name} is not UTF-8: {text}")
        if isinstance(value, dict):
            _check_unicode(value)
