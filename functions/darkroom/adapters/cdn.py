"""Downloads from the provider's CDN. The URL and the file are both untrusted."""

import hashlib
import re
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import IO

import httpx

from darkroom.adapters.addresses import LOOPBACK, NotPublicError, PinnedTransport
from darkroom.adapters.wavespeed.http import tls_context
from darkroom.domain import media
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded

_TIMEOUT = httpx.Timeout(20, connect=5)
_TOTAL_SECONDS = 200  # for one output; the function timeout is 900 for all outputs
_MAX_REDIRECTS = 3
# With compression, the received bytes and Content-Length would not be those of the file.
_HEADERS = {"Accept-Encoding": "identity"}
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


class Cdn:
    """Port `Downloads` over HTTP; `hosts` are the patterns of allowed host names."""

    def __init__(self, hosts: Sequence[str], transport: httpx.BaseTransport | None = None) -> None:
        self._hosts = tuple(hosts)
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            transport=transport or PinnedTransport(verify=tls_context()),
            trust_env=False,
        )

    def fetch(self, url: str, into: IO[bytes]) -> Download | NotDownloaded:
        """Stream a file into `into` and validate it by its bytes, not by its headers."""
        deadline = time.monotonic() + _TOTAL_SECONDS
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                target = httpx.URL(url)
                if not self._is_allowed(target):
                    return _final("the output lies on a host that is not allowed")
                # Never send the API key: the CDN is public, and its URLs are untrusted.
                with self._client.stream("GET", target, headers=_HEADERS) as response:
                    if response.is_redirect:
                        url = str(target.join(response.headers.get("location", "")))
                        continue
                    if response.status_code != httpx.codes.OK:
                        return _unavailable(f"the CDN answered {response.status_code}")
                    return _receive(response, into, deadline)
        except (httpx.InvalidURL, UnicodeError):  # UnicodeError: an invalid xn-- host
            return _final("the output is not at a valid URL")
        except NotPublicError:
            return _final("the output lies at an address that is not public")
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _unavailable(f"the download broke off: {type(error).__name__}")
        return _final("the CDN redirects without end")

    def _is_allowed(self, url: httpx.URL) -> bool:
        host = url.raw_host.decode("ascii")  # as DNS resolves it, not as it is displayed
        # Refuse user information: credentials would be sent, and a name before @ imitates a host.
        if url.userinfo:
            return False
        if host in LOOPBACK:
            # The local simulator has no certificate. It must be listed by name, not by pattern.
            return url.scheme == "http" and host in self._hosts
        return (
            (url.scheme, url.port) == ("https", None)
            and _HOST_NAME.fullmatch(host) is not None
            and any(fnmatchcase(host, pattern) for pattern in self._hosts)
        )


def _receive(
    response: httpx.Response, into: IO[bytes], deadline: float
) -> Download | NotDownloaded:
    digest, header, tail, size, detected = hashlib.sha256(), bytearray(), b"", 0, None
    limit = media.HEADER_BYTES
    for chunk in response.iter_raw():
        size += len(chunk)
        if len(header) < media.HEADER_BYTES:
            header += chunk
        if detected is None and size >= media.MAGIC_BYTES:
            detected = media.sniff(bytes(header[: media.MAGIC_BYTES]))
            if detected is None:
                return NotDownloaded(Code.ASSET_INVALID, "the output is no known media file")
            limit = media.max_bytes(detected)
        if size > limit:
            return _final(f"the output is larger than {limit // 1_000_000} MB")
        if time.monotonic() > deadline:
            return _unavailable("the download took too long")
        into.write(chunk)
        digest.update(chunk)
        tail = (tail + chunk)[-media.TAIL_BYTES :]
    if size == 0:
        return _unavailable("the output is empty")
    content_length = response.headers.get("content-length", "")
    if content_length.isdigit() and int(content_length) != size:
        return _unavailable("the output came short of its announced length")
    head = bytes(header)
    if detected is None or not media.is_whole(detected, head, tail, size):
        return _unavailable("the output is cut off")
    dimensions = media.dimensions(detected, head)
    if detected in media.REFERENCE_FORMATS and dimensions is None:
        return NotDownloaded(Code.ASSET_INVALID, "the output has no dimensions")
    return Download(detected, size, digest.hexdigest(), dimensions)


def _unavailable(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_UNAVAILABLE, reason)


def _final(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_INVALID, reason, final=True)
