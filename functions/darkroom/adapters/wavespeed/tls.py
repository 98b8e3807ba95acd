"""The shared TLS context: loading the CA certificates is slow, so they are loaded once."""

import ssl
from functools import cache

import httpx


@cache
def context() -> ssl.SSLContext:
    """Return the TLS context of all connections to the provider and its CDN."""
    return httpx.create_ssl_context()
