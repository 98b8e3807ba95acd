"""DNS pinning: resolve a host name once, and connect only to public addresses.

This protects downloads against server-side request forgery and DNS rebinding.
"""

import ipaddress
import socket
import ssl
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
    """

    def __init__(self, resolve: Resolve = resolve, *, verify: ssl.SSLContext | bool = True) -> None:
        super().__init__(verify=verify, trust_env=False)
        # httpx has no parameter for the backend. A release that renames an attribute fails here.
        pool: Any = self._pool
        pool._network_backend = _PinningBackend(pool._network_backend, resolve)  # noqa: SLF001


class _PinningBackend:
    """An httpcore network backend that resolves and validates host names itself."""

    def __init__(self, inner: Any, resolve: Resolve) -> None:
        self._inner = inner
        self._resolve = resolve

    def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
        failure: Exception | None = None
        for address in self._addresses(host, port)[:_MAX_ADDRESSES]:
            try:
                return self._inner.connect_tcp(str(address), port, **options)
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


def _is_loopback(address: Address) -> bool:
    return address.is_loopback
