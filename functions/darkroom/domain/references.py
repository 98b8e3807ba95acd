"""Reference images: what a caller may give, and what a job keeps of it."""

import base64
import binascii
import ipaddress
import re
from typing import Annotated, Literal
from unicodedata import category, normalize
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

# The provider states no limit; 20 MB of PNG, JPEG or WebP is what every source agrees to take.
MAX_REFERENCE_BYTES = 20 * 1000 * 1000
ALLOWED_FORMS = (
    "an https:// URL, s3://bucket/key, upload:id, a data URI or base64 of a PNG, JPEG or WebP image"
)

_MAX_URL, _MAX_NAME = 8_192, 253
_DATA_URI = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(;[^,;]*)*),", re.A | re.I)
_S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.{1,1024})", re.S)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Of the public ranges what no public server has, whichever Python's tables say so yet: addresses
# that each network gives a meaning of its own, retired tunnels, a cloud's host, documentation.
RESERVED_NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "2002::/16",
                 "3fff::/20")
]  # fmt: skip
_PRIVATE_SUFFIXES = (
    ".localhost", ".localdomain", ".local", ".internal", ".intranet", ".private", ".corp", ".home",
    ".lan", ".home.arpa",
)  # fmt: skip
# Controls, halves of surrogate pairs, and every kind of space.
_NOT_IN_A_URL = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})
# Letters and marks that are not seen, and that some resolvers leave out of a name.
_NOT_SEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


class Url(BaseModel):
    """A public picture that the provider fetches itself."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
    kind: Literal["url"] = "url"
    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        # A query may be a signature: it never leaves the record.
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


class S3Object(BaseModel):
    """One version of an object in S3; presigned only when the job is submitted."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
    kind: Literal["s3"] = "s3"
    bucket: str
    key: str
    version_id: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def has_dots(self) -> bool:
        """Whether a URL of it means another object: clients resolve such parts of a path."""
        return not {".", ".."}.isdisjoint(self.key.split("/"))


type Reference = Annotated[Url | S3Object, Field(discriminator="kind")]


class BadReferenceError(ValueError):
    """A reference that cannot be used; the message says what is wrong with it."""


def parse_reference(text: str) -> Url | S3Object | bytes:
    """Return what `text` refers to, bytes if it carries them; raises BadReferenceError."""
    scheme = text[:16].lower()
    if scheme.startswith("https://"):
        return _url(text)
    if scheme.startswith("s3://"):
        match = _S3_URI.fullmatch(text)
        # Directory buckets (…--x-s3) are read by other rules than all others.
        if match is None or match["bucket"].endswith("--x-s3"):
            raise BadReferenceError("is not an s3://bucket/key URI of a general purpose bucket")
        return S3Object(bucket=match["bucket"], key=match["key"])
    if scheme.startswith("data:"):
        match = _DATA_URI.match(text)
        if match is None or ";base64" not in match["parameters"].lower():
            raise BadReferenceError("is not a base64 data URI")
        return _decode(text[match.end() :])
    if "://" in text[:64]:
        raise BadReferenceError("has a scheme that is not allowed")
    return _decode(text)


def _decode(text: str) -> bytes:
    if len(text) > MAX_REFERENCE_BYTES * 4 // 3 + 4:
        raise BadReferenceError(f"is larger than {MAX_REFERENCE_BYTES // 1_000_000} MB")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadReferenceError("is neither a URI nor valid base64") from None
    if not data:
        raise BadReferenceError("is empty")
    return data


def _url(text: str) -> Url:
    # The provider fetches it, not we: so names are not resolved here, and what can be read off the
    # text is refused. Nothing that our own network could answer is ever asked for.
    # A backslash is a slash to some readers, and so the host another one.
    if len(text) > _MAX_URL or any(c == "\\" or category(c) in _NOT_IN_A_URL for c in text):
        raise BadReferenceError("is not a valid URL")
    # Some readers look for an @ beyond the ? or # where the host ends for others.
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise BadReferenceError("carries credentials")
    try:
        parts = urlsplit(text)
        host, _ = _plain(parts.hostname or ""), parts.port
    except ValueError:
        raise BadReferenceError("is not a valid URL") from None
    if host.strip(".") and _is_private(host.rstrip(".")):
        raise BadReferenceError("points at a private address")
    if not (_is_ipv6(host) if "[" in parts.netloc else _is_name(host.removesuffix("."))):
        raise BadReferenceError("is not a valid URL")
    return Url(url=text)


def _plain(host: str) -> str:
    """Return a host as a resolver reads it, to whom wide letters, digits and dots are plain."""
    return normalize("NFKC", host).replace("\u3002", ".").lower()


def _is_name(host: str) -> bool:
    """Tell whether a host consists of what names consist of: so no %31, and nothing unseen."""
    return (
        len(host) <= _MAX_NAME
        and all(host.split("."))
        and not _NOT_SEEN.search(host)
        and all(c in "-_." or category(c)[0] in "LMN" for c in host)
    )


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _is_private(host: str) -> bool:
    """Tell whether `host` is no public name: private or odd IP literals, local and bare names."""
    try:
        # A zone is a network card of whoever asks.
        return not is_public(ipaddress.ip_address(host)) or "%" in host
    except ValueError:
        pass
    last = host.rsplit(".", 1)[-1]
    # 2130706433, 0x7f.1 and 127.1 are addresses to a resolver, though not to the ipaddress module.
    looks_numeric = last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None
    return looks_numeric or "." not in host or f".{host}".endswith(_PRIVATE_SUFFIXES)


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether an address is one that servers on the internet have."""
    if not address.is_global or address.is_multicast:
        return False
    # Of IPv6 only what is given out as global unicast: not NAT64, nor the retired forms that hold
    # an IPv4 address.
    return (address.version == 4 or address in _GLOBAL_UNICAST) and not any(
        address in network for network in RESERVED_NETWORKS
    )
