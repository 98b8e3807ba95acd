"""The certificates that servers are known by, read once: it takes longer than a client does."""

import ssl
from functools import cache

import httpx


@cache
def context() -> ssl.SSLContext:
    """Return the one context of all connections to the provider and its CDN."""
    return httpx.create_ssl_context()
