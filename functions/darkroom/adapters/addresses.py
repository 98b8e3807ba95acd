"""Where a name leads: looked up once, refused unless it is public, and held on to from then on."""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from darkroom.domain.references import is_public

# A simulator on this machine: the only names that may lead to it, and nowhere else.
LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_TRIES = 8  # addresses of one name, each with a time-out of its own

type LookUp = Callable[[str, int], Sequence[str]]
type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotPublicError(Exception):
    """A name that leads, with one of its addresses at least, into a network that is not public."""


def look_up(host: str, port: int) -> list[str]:
    """Return a name's addresses, those first that can be reached best."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


class PinnedTransport(httpx.HTTPTransport):
    """httpx's transport, connected only to addresses that were judged; no proxies.

    A name may lead elsewhere the next time it is looked up, so it is looked up once: the address
    that was judged is the one that is connected to. Host, SNI and certificate are the name's.
    """

    def __init__(self, look_up: LookUp = look_up, *, verify: ssl.SSLContext | bool = True) -> None:
        super().__init__(verify=verify, trust_env=False)
        # httpx has no parameter for it; a release in which these names are others fails here.
        pool: Any = self._pool
        pool._network_backend = _Pinning(pool._network_backend, look_up)  # noqa: SLF001


class _Pinning:
    """httpcore's network backend, with names looked up here."""

    def __init__(self, inner: Any, look_up: LookUp) -> None:
        self._inner = inner
        self._look_up = look_up

    def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
        failure: Exception | None = None
        for address in self._judged(host, port)[:_TRIES]:
            try:
                return self._inner.connect_tcp(str(address), port, **options)
            except Exception as error:  # httpcore's own; the next address may answer
                failure = error
        raise failure or httpx.ConnectError("the name has no address")

    def _judged(self, host: str, port: int) -> list[Address]:
        try:
            addresses = [ipaddress.ip_address(text) for text in self._look_up(host, port)]
        except OSError as error:
            raise httpx.ConnectError("the name cannot be looked up") from error
        may_be = _is_loopback if host in LOOPBACK else is_public
        if not all(map(may_be, addresses)):
            raise NotPublicError
        return addresses


def _is_loopback(address: Address) -> bool:
    return address.is_loopback
