"""Downloads from the provider's CDN: an untrusted URL to an untrusted file, within bounds."""

import hashlib
import re
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import IO

import httpx

from darkroom.adapters import tls
from darkroom.adapters.addresses import LOOPBACK, NotPublicError, PinnedTransport
from darkroom.domain import media
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded

_TIMEOUT = httpx.Timeout(20, connect=5)
_TOTAL_SECONDS = 200  # for one output; the function has 900 for all
_REDIRECTS = 3
# Compression would hide the file's own bytes, and its length, behind another's.
_HEADERS = {"Accept-Encoding": "identity"}
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


class Cdn:
    """The port Downloads over HTTP; `hosts` are the patterns of host names it may come from."""

    def __init__(self, hosts: Sequence[str], transport: httpx.BaseTransport | None = None) -> None:
        self._hosts = tuple(hosts)
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            transport=transport or PinnedTransport(verify=tls.context()),
            trust_env=False,
        )

    def fetch(self, url: str, into: IO[bytes]) -> Download | NotDownloaded:
        """Stream a file into `into` and judge it by its own bytes."""
        give_up_at = time.monotonic() + _TOTAL_SECONDS
        try:
            for _ in range(_REDIRECTS + 1):
                target = httpx.URL(url)
                if not self._is_allowed(target):
                    return _refuse("the output lies on a host that is not allowed")
                # Never the key: the CDN is public, and its URLs are the provider's word.
                with self._client.stream("GET", target, headers=_HEADERS) as response:
                    if response.is_redirect:
                        url = str(target.join(response.headers.get("location", "")))
                        continue
                    if response.status_code != httpx.codes.OK:
                        return _missing(f"the CDN answered {response.status_code}")
                    return _receive(response, into, give_up_at)
        except (httpx.InvalidURL, UnicodeError):  # the latter: an odd xn-- host
            return _refuse("the output is not at a valid URL")
        except NotPublicError:
            return _refuse("the output lies at an address that is not public")
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _missing(f"the download broke off: {type(error).__name__}")
        return _refuse("the CDN redirects without end")

    def _is_allowed(self, url: httpx.URL) -> bool:
        host = url.raw_host.decode("ascii")  # as it is looked up, not as it is shown
        # Credentials would be sent on, and a name before an @ is there to be taken for the host.
        if url.userinfo:
            return False
        if host in LOOPBACK:
            # A simulator on this machine has no certificate, and is meant by name, not by pattern.
            return url.scheme == "http" and host in self._hosts
        return (
            (url.scheme, url.port) == ("https", None)
            and _NAME.fullmatch(host) is not None
            and any(fnmatchcase(host, pattern) for pattern in self._hosts)
        )


def _receive(
    response: httpx.Response, into: IO[bytes], give_up_at: float
) -> Download | NotDownloaded:
    digest, header, tail, size, known = hashlib.sha256(), bytearray(), b"", 0, None
    limit = media.HEADER_BYTES
    for chunk in response.iter_raw():
        size += len(chunk)
        if len(header) < media.HEADER_BYTES:
            header += chunk
        if known is None and size >= media.MAGIC_BYTES:
            known = media.sniff(bytes(header[: media.MAGIC_BYTES]))
            if known is None:
                return NotDownloaded(Code.ASSET_INVALID, "the output is no known media file")
            limit = media.max_bytes(known)
        if size > limit:
            return _refuse(f"the output is larger than {limit // 1_000_000} MB")
        if time.monotonic() > give_up_at:
            return _missing("the download took too long")
        into.write(chunk)
        digest.update(chunk)
        tail = (tail + chunk)[-media.TAIL_BYTES :]
    if size == 0:
        return _missing("the output is empty")
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) != size:
        return _missing("the output came short of its announced length")
    head = bytes(header)
    if known is None or not media.is_whole(known, head, tail, size):
        return _missing("the output is cut off")
    dimensions = media.dimensions(known, head)
    if known in media.PICTURES and dimensions is None:
        return NotDownloaded(Code.ASSET_INVALID, "the output has no dimensions")
    return Download(known, size, digest.hexdigest(), dimensions)


def _missing(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_UNAVAILABLE, reason)


def _refuse(reason: str) -> NotDownloaded:
    return NotDownloaded(Code.ASSET_INVALID, reason, final=True)
