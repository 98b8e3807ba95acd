"""Reference images: the accepted forms, and the validated form that a job stores."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from unicodedata import category, normalize
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain import media
from darkroom.domain.errors import FieldProblem, megabytes

# The provider documents no limit. Every source accepts PNG, JPEG and WebP of up to 20 MB.
MAX_REFERENCE_BYTES = 20 * 1000 * 1000
# Above the 50 megapixels of a telephone's camera. A larger image fails at the provider.
MAX_REFERENCE_PIXELS = 60 * 1000 * 1000
ALLOWED_FORMS = (
    "an https:// URL, s3://bucket/key, upload:id, a data URI or base64 of a PNG, JPEG or WebP image"
)

_MAX_URL, _MAX_NAME = 8_192, 253
_URI_FORMS = "Use an https:// URL, s3://bucket/key, upload:id or base64."
_DATA_URI = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(;[^,;]*)*),", re.A | re.I)
_S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.{1,1024})", re.S)
# Up to white space, quotes, brackets and list separators, and without the period of a sentence.
# Presigned URLs escape all of these.
_URL_IN_TEXT = re.compile(r"https?://[^\s\"'<>\\^`{|},;()\[\]]*[^\s\"'<>\\^`{|},;()\[\].!?]", re.I)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Ranges that Python may list as public but that no public server uses: addresses with a local
# meaning in each network, retired tunnels, a cloud's host address, and documentation ranges.
RESERVED_NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "2002::/16",
                 "3fff::/20")
]  # fmt: skip
_PRIVATE_SUFFIXES = (
    ".localhost", ".localdomain", ".local", ".internal", ".intranet", ".private", ".corp", ".home",
    ".lan", ".home.arpa",
)  # fmt: skip
# Unicode categories: control characters, surrogates, and all separators.
_NOT_IN_A_URL = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})
# File extensions that a message names. The magic bytes of 3D formats also match plain text, so
# these formats are not named.
_LABELS = {
    "aac": "an AAC file", "avif": "an AVIF", "bmp": "a BMP", "flac": "a FLAC file", "gif": "a GIF",
    "m4a": "an M4A file", "mov": "a MOV file", "mp3": "an MP3 file", "mp4": "an MP4 file",
    "ogg": "an OGG file", "pdf": "a PDF", "psd": "a PSD", "svg": "an SVG", "tiff": "a TIFF",
    "wav": "a WAV file", "webm": "a WebM file", "zip": "a ZIP file",
}  # fmt: skip
_HEIC_EXTENSIONS = ("heic", "heif")
# The first bytes of formats that are never stored, for messages.
_UNSUPPORTED_MAGIC = (
    (b"BM", "bmp"), (b"II*\x00", "tiff"), (b"MM\x00*", "tiff"), (b"%PDF", "pdf"),
    (b"8BPS", "psd"), (b"<svg", "svg"),
)  # fmt: skip
_USE_IMAGES = "Use PNG, JPEG or WebP."
# Invisible characters that some resolvers remove from a name.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


class Url(BaseModel):
    """A public image that the provider fetches."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
    kind: Literal["url"] = "url"
    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        # The query may contain a signature, so only the job record has it.
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


class S3Object(BaseModel):
    """One version of an object in S3. Submit presigns its URL."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)
    kind: Literal["s3"] = "s3"
    bucket: str
    key: str
    version_id: str | None = None
    # The type by the bytes, which presigned URLs return. None: the object is stored with this type.
    content_type: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def has_dots(self) -> bool:
        """Whether the key has a part `.` or `..`, which HTTP clients resolve to another path."""
        return not {".", ".."}.isdisjoint(self.key.split("/"))


type Reference = Annotated[Url | S3Object, Field(discriminator="kind")]


class BadReferenceError(ValueError):
    """A reference that cannot be used. The text is a predicate: "is empty."."""


def s3_object(text: str) -> S3Object | None:
    """Return the object that an s3://bucket/key URI names; None for any other text."""
    match = _S3_URI.fullmatch(text)
    # Directory buckets (…--x-s3) have a different API.
    if match is None or match["bucket"].endswith("--x-s3"):
        return None
    return S3Object(bucket=match["bucket"], key=match["key"])


def map_texts(value: Any, change: Callable[[str, str], str], path: str = "") -> Any:
    """Return a JSON value with every text replaced by `change(text, path)`.

    The path is dotted, as in `images.0.url`.
    """
    match value:
        case str():
            return change(value, path)
        case dict():
            return {
                name: map_texts(item, change, f"{path}.{name}".lstrip("."))
                for name, item in value.items()
            }
        case list():
            return [
                map_texts(item, change, f"{path}.{index}".lstrip("."))
                for index, item in enumerate(value)
            ]
        case _:
            return value


def map_urls(text: str, change: Callable[[str], str]) -> str:
    """Return a text with every http URL in it replaced by `change(url)`."""
    return _URL_IN_TEXT.sub(lambda match: change(match[0]), text)


def reference_problem(index: int, error: BadReferenceError) -> FieldProblem:
    """Return the problem of the reference at `index`, from 0."""
    return FieldProblem(
        field=f"images.{index}",
        message=f"Reference image {index + 1} {error}",
        allowed=ALLOWED_FORMS,
    )


def require_image(head: bytes) -> media.Format:
    """Return the format of an image by its first bytes. Raises BadReferenceError."""
    file_format = media.sniff(head)
    if file_format is None:
        extensions = (name for magic, name in _UNSUPPORTED_MAGIC if head.startswith(magic))
        raise BadReferenceError(_unsupported(next(extensions, "")))
    if file_format not in media.REFERENCE_FORMATS:
        raise BadReferenceError(_unsupported(file_format.extension))
    return file_format


def require_complete(known: media.Format, header: bytes, tail: bytes, size: int) -> None:
    """Raise BadReferenceError unless an image has dimensions within the limit, and its end.

    `header` has the first bytes of the file, or the complete file; `tail` has the last bytes.
    """
    dimensions = media.dimensions(known, header)
    if dimensions is None:
        raise BadReferenceError("is damaged: its header has no dimensions. Export it again.")
    pixels = dimensions[0] * dimensions[1]
    if pixels > MAX_REFERENCE_PIXELS:
        raise BadReferenceError(
            f"has {megabytes(pixels).removesuffix(' MB')} megapixels; the limit is"
            f" {MAX_REFERENCE_PIXELS // 1_000_000}. Reduce its size."
        )
    is_complete = len(header) >= size
    if not (
        media.has_end(known, header) if is_complete else media.is_whole(known, header, tail, size)
    ):
        raise BadReferenceError("is incomplete: the end of the file is missing. Upload it again.")


def _unsupported(extension: str) -> str:
    if extension in _HEIC_EXTENSIONS:
        return f"is a {extension.upper()} image. Export it as JPEG."
    label = _LABELS.get(extension)
    return f"is {label}. {_USE_IMAGES}" if label else f"has an unsupported format. {_USE_IMAGES}"


def require_size(size: int) -> None:
    """Raise BadReferenceError unless a reference may have `size` bytes."""
    if size == 0:
        raise BadReferenceError("is empty.")
    if size > MAX_REFERENCE_BYTES:
        raise BadReferenceError(
            f"is {megabytes(size)}; the limit is {megabytes(MAX_REFERENCE_BYTES)}."
        )


def parse_reference(text: str) -> Url | S3Object | bytes:
    """Return the URL or object that `text` names, or its decoded bytes.

    Raises BadReferenceError.
    """
    scheme = text[:16].lower()
    if scheme.startswith("https://"):
        return public_url(text)
    if scheme.startswith("s3://"):
        named = s3_object(text)
        if named is None:
            raise BadReferenceError("is not an s3://bucket/key URI of a general purpose bucket.")
        return named
    if scheme.startswith("data:"):
        match = _DATA_URI.match(text)
        if match is None or ";base64" not in match["parameters"].lower():
            raise BadReferenceError("is not a base64 data URI.")
        return _decode(text[match.end() :])
    if "://" in text[:64]:
        raise BadReferenceError(f"has a scheme that is not allowed. {_URI_FORMS}")
    return _decode(text)


def _decode(text: str) -> bytes:
    if len(text) > MAX_REFERENCE_BYTES * 4 // 3 + 4:
        raise BadReferenceError(f"is larger than {megabytes(MAX_REFERENCE_BYTES)}.")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadReferenceError(f"is neither a URI nor valid base64. {_URI_FORMS}") from None
    if not data:
        raise BadReferenceError("is empty.")
    return data


def public_url(text: str) -> Url:
    """Return a URL with the scheme https and a public host. Raises BadReferenceError."""
    # The provider fetches the URL, so host names are not resolved here. Only the text is checked:
    # a URL of a private network is rejected.
    # Some parsers read a backslash as a slash, which changes the host.
    if len(text) > _MAX_URL or any(c == "\\" or category(c) in _NOT_IN_A_URL for c in text):
        raise BadReferenceError("is not a valid URL.")
    # Some parsers accept an @ after the ? or # that ends the host for other parsers.
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise BadReferenceError("has a user name or password in its URL. Remove them.")
    try:
        parts = urlsplit(text)
        host, _ = _plain(parts.hostname or ""), parts.port
    except ValueError:
        raise BadReferenceError("is not a valid URL.") from None
    if host.strip(".") and _is_private(host.rstrip(".")):
        raise BadReferenceError("points at a private address. Use a public URL.")
    if not (_is_ipv6(host) if "[" in parts.netloc else _is_name(host.removesuffix("."))):
        raise BadReferenceError("is not a valid URL.")
    return Url(url=text)


def _plain(host: str) -> str:
    """Return a host as a resolver reads it: full-width letters, digits and dots become ASCII."""
    return normalize("NFKC", host).replace("\u3002", ".").lower()


def _is_name(host: str) -> bool:
    """Return whether a host has only letters, digits, marks, `-`, `_` and `.`: no %31."""
    return (
        len(host) <= _MAX_NAME
        and all(host.split("."))
        and not _INVISIBLE.search(host)
        and all(c in "-_." or category(c)[0] in "LMN" for c in host)
    )


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _is_private(host: str) -> bool:
    """Return whether `host` is a private or unusual IP literal, a local name or a bare name."""
    try:
        # A zone (%eth0) names a network interface of the client.
        return not is_public(ipaddress.ip_address(host)) or "%" in host
    except ValueError:
        pass
    last = host.rsplit(".", 1)[-1]
    # A resolver reads 2130706433, 0x7f.1 and 127.1 as addresses; the ipaddress module does not.
    looks_numeric = last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None
    return looks_numeric or "." not in host or f".{host}".endswith(_PRIVATE_SUFFIXES)


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether servers on the internet can have the address."""
    if not address.is_global or address.is_multicast:
        return False
    # Of IPv6, only the assigned global unicast range: not NAT64, and not the retired forms that
    # contain an IPv4 address.
    return (address.version == 4 or address in _GLOBAL_UNICAST) and not any(
        address in network for network in RESERVED_NETWORKS
    )
