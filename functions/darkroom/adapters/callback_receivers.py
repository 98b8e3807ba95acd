"""Callbacks to the HTTP servers of callers. The URL, the server and its answer are untrusted."""

import ssl
import time
from collections.abc import Callable, Mapping

import httpx

from darkroom.adapters import addresses
from darkroom.adapters.addresses import NotPublicError, PinnedTransport, Resolve
from darkroom.adapters.wavespeed.http import tls_context
from darkroom.domain.callbacks import is_local, url_problem
from darkroom.ports import Answered, NoAnswer

_TOTAL_SECONDS = 10
_TIMEOUT = httpx.Timeout(_TOTAL_SECONDS, connect=5)
# A receiver that did not answer in time gets no callback of this process for this time. So a dead
# receiver occupies few of the concurrent runs.
_PAUSE_SECONDS = 30
_MAX_PAUSED = 1000
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "Darkroom",
    "Accept-Encoding": "identity",
    "Connection": "close",  # each attempt connects, and its address is validated, anew
}
_NOT_ALLOWED = NoAnswer("the URL is not allowed")


def pinned_transport(
    verify: ssl.SSLContext,
    resolve: Resolve = addresses.resolve,
    total_seconds: float = _TOTAL_SECONDS,
) -> PinnedTransport:
    """Return a transport that connects to public addresses only, for a limited time."""
    return PinnedTransport(resolve, verify=verify, total_seconds=total_seconds)


class HttpReceivers:
    """Port `CallbackReceivers`. `allows_local`: whether http:// URLs of this machine are called."""

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        allows_local: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allows_local = allows_local
        self._monotonic = monotonic
        self._paused: dict[str, float] = {}
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            transport=transport or pinned_transport(tls_context()),
            trust_env=False,
            follow_redirects=False,
        )

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered | NoAnswer:
        """Post a body. The content of the response is not read."""
        if not (self._allows_local if is_local(url) else url_problem(url) is None):
            return _NOT_ALLOWED
        receiver = url.partition("?")[0]
        if self._paused.get(receiver, 0.0) > self._monotonic():
            return NoAnswer("paused, because the receiver did not answer in time")
        try:
            with self._client.stream(
                "POST", url, content=body, headers=_HEADERS | dict(headers)
            ) as response:
                return Answered(response.status_code)
        except NotPublicError:
            return NoAnswer("the address is not public")
        except httpx.TimeoutException:
            self._pause(receiver)
            return NoAnswer("timeout")
        except (httpx.InvalidURL, UnicodeError):  # UnicodeError: an invalid xn-- host
            return _NOT_ALLOWED
        except httpx.HTTPError as error:
            return NoAnswer(type(error).__name__)

    def _pause(self, receiver: str) -> None:
        now = self._monotonic()
        if len(self._paused) >= _MAX_PAUSED:
            self._paused = {name: until for name, until in self._paused.items() if until > now}
        self._paused[receiver] = now + _PAUSE_SECONDS
