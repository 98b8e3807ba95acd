"""Reference images: what a caller may give, and what a job keeps of it."""

import base64
import binascii
import ipaddress
import re
import unicodedata
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

# The provider states no limit; 20 MB of PNG, JPEG or WebP is what every source agrees to take.
MAX_REFERENCE_BYTES = 20 * 1000 * 1000
ALLOWED_FORMS = (
    "an https:// URL, s3://bucket/key, upload:id, a data URI or base64 of a PNG, JPEG or WebP image"
)

_MAX_URL = 8_192
_DATA_URI = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(;[^,;]*)*),", re.A | re.I)
_S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.{1,1024})", re.S)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")


class Url(BaseModel):
    """A public picture that the provider fetches itself."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    kind: Literal["url"] = "url"
    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        # A query may be a signature: it never leaves the record.
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


class S3Object(BaseModel):
    """One version of an object in S3; presigned only when the job is submitted."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
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
    try:
        parts = urlsplit(text)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise BadReferenceError("is not a valid URL") from None
    # A backslash is a slash to some readers, and so the host another one.
    if len(text) > _MAX_URL or any(ord(c) <= 0x20 or c in "\x7f\\" for c in text):
        raise BadReferenceError("is not a valid URL")
    if parts.username is not None or parts.password is not None:
        raise BadReferenceError("carries credentials")
    if not host:
        raise BadReferenceError("is not a valid URL")
    # Full-width letters and digits are plain ones to a resolver.
    if _is_private(unicodedata.normalize("NFKC", host).rstrip(".").lower()):
        raise BadReferenceError("points at a private address")
    return Url(url=text)


def _is_private(host: str) -> bool:
    """Tell whether `host` is no public name: private or odd IP literals, local and bare names."""
    try:
        return not _is_public(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    last = host.rsplit(".", 1)[-1]
    # 2130706433, 0x7f.1 and 127.1 are addresses to a resolver, though not to the ipaddress module.
    looks_numeric = last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None
    return looks_numeric or "." not in host or f".{host}".endswith(_PRIVATE_SUFFIXES)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    # Of IPv6 only what is given out as global unicast: not NAT64, nor the retired forms that hold
    # an IPv4 address.
    return address.version == 4 or address in _GLOBAL_UNICAST
