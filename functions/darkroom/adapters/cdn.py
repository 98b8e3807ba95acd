"""Downloads from the provider's CDN. The URL and the file are both untrusted."""

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import IO
from urllib.parse import unquote, unquote_to_bytes

import httpx

from darkroom.adapters.addresses import LOOPBACK, NotPublicError, PinnedTransport
from darkroom.adapters.wavespeed.http import tls_context
from darkroom.domain import media
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded

_TIMEOUT = httpx.Timeout(20, connect=5)
_TOTAL_SECONDS = 200  # for one output; the function timeout is 900 for all outputs
_MAX_REDIRECTS = 3
# Compression would only cost time: media files are compressed already.
_HEADERS = {"Accept-Encoding": "identity"}
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_URL = re.compile(r"https?://\S+", re.I)
_DATA_URI = re.compile(r"data:[^,]*,", re.I)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{64,}={0,2}\s*")
_NO_IMAGE = "the output is no known image file"
_PAGE = "the CDN answered with a page in place of the output"


@dataclass(frozen=True)
class _Source:
    """The file name of an output, and which of its contents are refused."""

    name: str
    only_images: bool
    can_be_page: bool  # whether a page may be served in place of the file

    def allows(self, detected: media.Format | None, header: bytes) -> bool:
        """Return whether the file may be the output, by its format and its first bytes."""
        if self.only_images:
            return detected is not None and detected.kind is media.MediaKind.IMAGE
        return not (self.can_be_page and media.is_error_page(header, self.name))


class Cdn:
    """Port `Downloads` over HTTP; `hosts` are the patterns of allowed host names."""

    def __init__(self, hosts: Sequence[str], transport: httpx.BaseTransport | None = None) -> None:
        self._hosts = tuple(hosts)
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            transport=transport or PinnedTransport(verify=tls_context()),
            trust_env=False,
        )

    def fetch(
        self, output: str, into: IO[bytes], *, only_images: bool = True
    ) -> Download | NotDownloaded:
        """Write an output into `into`, and validate it by its bytes, not by its headers.

        Most models return the URL of a file. Some return its content: a data URI, base64 or text.
        """
        deadline = time.monotonic() + _TOTAL_SECONDS
        if _URL.fullmatch(output):
            return self._fetch_url(output, into, deadline, only_images=only_images)
        content = _decode(output)
        if content is None:
            return _invalid("the output is not valid base64")
        if only_images and not media.sniff(content):
            return _invalid(_NO_IMAGE)
        source = _Source("", only_images, can_be_page=False)
        return _receive([content], source, into, deadline)

    def _fetch_url(
        self, output: str, into: IO[bytes], deadline: float, *, only_images: bool
    ) -> Download | NotDownloaded:
        url, is_moved = output, False
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                target = httpx.URL(url)
                if not self._is_allowed(target):
                    return _misplaced("the output lies on a host that is not allowed", is_moved)
                # Never send the API key: the CDN is public, and its URLs are untrusted.
                with self._client.stream("GET", target, headers=_HEADERS) as response:
                    if response.is_redirect:
                        is_moved = True
                        url = str(target.join(response.headers.get("location", "")))
                        continue
                    if response.status_code != httpx.codes.OK:
                        return _unavailable(f"the CDN answered {response.status_code}")
                    name = unquote(httpx.URL(output).path)
                    source = _Source(name, only_images, can_be_page=True)
                    received = _receive(response.iter_bytes(), source, into, deadline)
                    return received if _is_complete(response) else _SHORT
        except (httpx.InvalidURL, UnicodeError):  # UnicodeError: an invalid xn-- host
            return _misplaced("the output is not at a valid URL", is_moved)
        except NotPublicError:
            return _misplaced("the output lies at an address that is not public", is_moved)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _unavailable(f"the download broke off: {type(error).__name__}")
        return _invalid("the CDN redirects without end")

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


def _decode(output: str) -> bytes | None:
    """Return the content of an output that is not a URL; None if its data URI is not valid."""
    if match := _DATA_URI.match(output):
        data = output[match.end() :]
        if ";base64" not in match[0].lower():
            return unquote_to_bytes(data)
        return _base64(data)
    if _BASE64.fullmatch(output):
        decoded = _base64(output)
        if decoded and media.sniff(decoded):
            return decoded
    return output.encode(errors="replace")


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(unquote(text).split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _receive(
    chunks: Iterable[bytes], source: _Source, into: IO[bytes], deadline: float
) -> Download | NotDownloaded:
    digest, header, tail, size, detected = hashlib.sha256(), bytearray(), b"", 0, None
    limit = media.HEADER_BYTES
    for chunk in chunks:
        size += len(chunk)
        if len(header) < media.HEADER_BYTES:
            header += chunk
        if detected is None and size >= media.MAGIC_BYTES:
            detected = media.sniff(bytes(header[: media.MAGIC_BYTES]))
            if not source.allows(detected, bytes(header)):
                return _invalid(_NO_IMAGE if source.only_images else _PAGE)
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
    head = bytes(header[: media.HEADER_BYTES])
    kind = _identify(detected, head, tail, size, source)
    if isinstance(kind, NotDownloaded):
        return kind
    return Download(kind, size, digest.hexdigest(), media.dimensions(kind, head))


def _identify(
    detected: media.Format | None, head: bytes, tail: bytes, size: int, source: _Source
) -> media.Format | NotDownloaded:
    """Return the format of a received output, or the failure if it is not whole."""
    if not source.only_images:
        if not source.allows(detected, head):
            return _invalid(_PAGE)
        detected = media.identify(head, size, source.name)
        if detected is None:
            return _invalid("the output is not of the type that its name says")
    if detected is None or not media.is_whole(detected, head, tail, size):
        return _unavailable("the output is cut off")
    if detected in media.REFERENCE_FORMATS and media.dimensions(detected, head) is None:
        return _invalid("the output has no dimensions")
    return detected


def _is_complete(response: httpx.Response) -> bool:
    """Return False if the response has ended before its announced length."""
    length = response.headers.get("content-length", "")
    is_short = length.isdigit() and response.num_bytes_downloaded != int(length)
    return not (is_short and response.is_closed)


def _unavailable(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_UNAVAILABLE, reason)


def _invalid(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_INVALID, reason)


def _final(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_INVALID, reason, final=True)


def _misplaced(reason: str, is_moved: bool) -> NotDownloaded:  # noqa: FBT001
    """Return the failure for a location that is refused.

    A redirect may lead to a bot check for some minutes. The provider's own URL does not change.
    """
    return _invalid(reason) if is_moved else _final(reason)


_SHORT = _unavailable("the output came short of its announced length")
