"""Connections to public addresses, redirected to a server on this machine."""

import ipaddress
import socket

import pytest

type Addresses = list[tuple[str, int]]


def redirect_public(monkeypatch: pytest.MonkeyPatch, port: int) -> Addresses:
    """Redirect connections to public addresses to `port`; return the list of all addresses."""
    addresses: Addresses = []
    connect = socket.create_connection

    def record(address: tuple[str, int], *args: object, **options: object) -> socket.socket:
        addresses.append(address)
        if ipaddress.ip_address(address[0]).is_global:
            address = ("127.0.0.1", port)
        return connect(address, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", record)
    return addresses
