"""DNS pinning: resolve a host name once, and connect only to public addresses.

This protects downloads against server-side request forgery and DNS rebinding.
"""

import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from darkroom.domain.references import is_public

# The local simulator: only these names may resolve to loopback, and to nothing else.
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_MAX_ADDRESSES = 8  # of one name; each connection attempt has its own timeout

type Resolve = Callable[[str, int], Sequence[str]]
type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotPublicError(Exception):
    """A host name has at least one address that is not public."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, in the order of preference of the operating system."""
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in results]


class PinnedTransport(httpx.HTTPTransport):
    """An httpx transport that connects only to validated addresses, without proxies.

    A name can resolve to another address at the next lookup. Each connection therefore resolves
    the name once, and connects to the address that was validated. The Host header, SNI and the
    certificate check use the name.

    `total_seconds` limits the life of a connection. httpx applies its timeouts to each read, so a
    server that sends single bytes would never reach them.
    """

    def __init__(
        self,
        resolve: Resolve = resolve,
        *,
        verify: ssl.SSLContext | bool = True,
        total_seconds: float | None = None,
    ) -> None:
        super().__init__(verify=verify, trust_env=False)
        # httpx has no parameter for the backend. A release that renames an attribute fails here.
        pool: Any = self._pool
        backend = pool._network_backend  # noqa: SLF001
        pool._network_backend = _PinningBackend(backend, resolve, total_seconds)  # noqa: SLF001


class _PinningBackend:
    """An httpcore network backend that resolves and validates host names itself."""

    def __init__(self, inner: Any, resolve: Resolve, total_seconds: float | None) -> None:
        self._inner = inner
        self._resolve = resolve
        self._total_seconds = total_seconds

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **options: Any
    ) -> Any:
        failure: Exception | None = None
        deadline = _Deadline(self._total_seconds)
        for address in self._addresses(host, port)[:_MAX_ADDRESSES]:
            limit = deadline.limit(timeout, httpx.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(str(address), port, timeout=limit, **options)
                return _LimitedStream(stream, deadline)
            except Exception as error:  # an httpcore error: try the next address
                failure = error
        raise failure or httpx.ConnectError("the name has no address")

    def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            addresses = [ipaddress.ip_address(text) for text in self._resolve(host, port)]
        except OSError as error:
            raise httpx.ConnectError("the name cannot be looked up") from error
        is_allowed = _is_loopback if host in LOOPBACK else is_public
        if not all(map(is_allowed, addresses)):
            raise NotPublicError
        return addresses


class _Deadline:
    """The end of a connection's life, if it has one."""

    def __init__(self, seconds: float | None) -> None:
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def limit(self, timeout: float | None, error: type[httpx.TimeoutException]) -> float | None:
        """Return a timeout that does not exceed the deadline. Raises `error` after the deadline."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise error("the connection took too long")
        limit = min(math.inf if timeout is None else timeout, left)
        return None if math.isinf(limit) else limit


class _LimitedStream:
    """An httpcore network stream that ends at a deadline."""

    def __init__(self, inner: Any, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:
        limit = self._deadline.limit(timeout, httpx.ReadTimeout)
        return self._inner.read(max_bytes, timeout=limit)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        limit = self._deadline.limit(timeout, httpx.WriteTimeout)
        self._inner.write(buffer, timeout=limit)

    def start_tls(self, *arguments: Any, timeout: float | None = None, **options: Any) -> Any:
        limit = self._deadline.limit(timeout, httpx.ConnectTimeout)
        stream = self._inner.start_tls(*arguments, timeout=limit, **options)
        return _LimitedStream(stream, self._deadline)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _is_loopback(address: Address) -> bool:
    return address.is_loopback
