"""Detect the format, the dimensions and the completeness of a file from its bytes."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

MAGIC_BYTES = 32
# Covers the dimensions of a JPEG that follow large metadata (provenance, colour profile).
HEADER_BYTES = 1024 * 1024
TAIL_BYTES = 1024


class MediaKind(StrEnum):
    """The kind of content in a file."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    MODEL = "model"
    TEXT = "text"
    OTHER = "other"


class Format(NamedTuple):
    """A file format that may be stored."""

    kind: MediaKind
    content_type: str
    extension: str


PNG = Format(MediaKind.IMAGE, "image/png", "png")
JPEG = Format(MediaKind.IMAGE, "image/jpeg", "jpg")
WEBP = Format(MediaKind.IMAGE, "image/webp", "webp")
REFERENCE_FORMATS = (PNG, JPEG, WEBP)

# (offset, magic bytes, format); the first match wins.
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (8, b"WEBP", WEBP),
    (0, b"GIF87a", Format(MediaKind.IMAGE, "image/gif", "gif")),
    (0, b"GIF89a", Format(MediaKind.IMAGE, "image/gif", "gif")),
    (4, b"ftypavif", Format(MediaKind.IMAGE, "image/avif", "avif")),
    (4, b"ftypavis", Format(MediaKind.IMAGE, "image/avif", "avif")),
    (4, b"ftyphe", Format(MediaKind.IMAGE, "image/heic", "heic")),  # heic, heix, hevc, heim
    (4, b"ftypmsf1", Format(MediaKind.IMAGE, "image/heif", "heif")),
    (4, b"ftypmif1", Format(MediaKind.IMAGE, "image/heif", "heif")),
    (4, b"ftypqt", Format(MediaKind.VIDEO, "video/quicktime", "mov")),
    (4, b"ftypM4A", Format(MediaKind.AUDIO, "audio/mp4", "m4a")),
    (4, b"ftyp", Format(MediaKind.VIDEO, "video/mp4", "mp4")),
    (0, b"\x1a\x45\xdf\xa3", Format(MediaKind.VIDEO, "video/webm", "webm")),
    (8, b"WAVE", Format(MediaKind.AUDIO, "audio/wav", "wav")),
    (0, b"ID3", Format(MediaKind.AUDIO, "audio/mpeg", "mp3")),
    (0, b"\xff\xfb", Format(MediaKind.AUDIO, "audio/mpeg", "mp3")),
    (0, b"\xff\xf3", Format(MediaKind.AUDIO, "audio/mpeg", "mp3")),
    (0, b"\xff\xfa", Format(MediaKind.AUDIO, "audio/mpeg", "mp3")),
    (0, b"\xff\xf1", Format(MediaKind.AUDIO, "audio/aac", "aac")),
    (0, b"\xff\xf9", Format(MediaKind.AUDIO, "audio/aac", "aac")),
    (0, b"OggS", Format(MediaKind.AUDIO, "audio/ogg", "ogg")),
    (0, b"fLaC", Format(MediaKind.AUDIO, "audio/flac", "flac")),
    (0, b"glTF", Format(MediaKind.MODEL, "model/gltf-binary", "glb")),
    (0, b"ply\n", Format(MediaKind.MODEL, "model/ply", "ply")),
    (0, b"solid ", Format(MediaKind.MODEL, "model/stl", "stl")),
    (0, b"mtllib ", Format(MediaKind.MODEL, "model/obj", "obj")),
    (0, b"# ", Format(MediaKind.MODEL, "model/obj", "obj")),
    (0, b"v ", Format(MediaKind.MODEL, "model/obj", "obj")),
    (0, b"Kaydara FBX Binary", Format(MediaKind.MODEL, "application/octet-stream", "fbx")),
    (0, b"PK\x03\x04", Format(MediaKind.MODEL, "application/zip", "zip")),
)
_JSON_TYPE = "application/json"
# Formats that any text may resemble: only the file name decides.
_TEXT_FORMATS = ("ply", "stl", "obj")  # of 3D models
_BINARY_EXTENSIONS = frozenset(
    {known.extension for _, _, known in _MAGIC if known.extension not in _TEXT_FORMATS}
    | {"jpeg", "tif", "tiff", "bmp", "m4v", "webm", "mkv", "avi", "oga", "opus", "pdf"}
)
# The fields of an error in JSON, from any server.
_ERROR_FIELDS = frozenset(
    {"error", "errors", "message", "msg", "code", "error_code", "error_name", "status", "detail",
     "title", "type", "success", "request_id", "requestid", "timestamp", "path", "retryable",
     "retry_after", "ray_id", "instance", "cloudflare_error", "owner_action_required", "zone"}
)  # fmt: skip
_PROLOGUE = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)+", re.S)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|h1|center|script)\b", re.I)
_XML_ERROR = re.compile(rb"<(?:\w+:)?(?:error|errorresponse)\b", re.I)
_SVG = re.compile(rb"(?:<!doctype\s+svg[^>]*>\s*)?<(?:\w+:)?svg\b", re.I)
_SVG_END = re.compile(rb"</(?:\w+:)?svg\s*>|/>\s*$", re.I)
_EXTENSION = re.compile(r"[a-z0-9]{1,12}")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Bytes that must come before the magic bytes, by their offset: the container's name, or the first
# box's small length. Otherwise text with WEBP at offset 8 would pass as an image.
_PREFIXES = {0: b"", 4: b"\x00\x00", 8: b"RIFF"}
_PNG_END = b"IEND\xaeB`\x82"  # type and checksum of the last chunk, which has no data
# WebP's limit, and above a JPEG's maximum. A PNG that declares more is invalid or an image bomb.
_MAX_PIXELS = 2**32 - 1
_MAX_BYTES: dict[MediaKind | None, int] = {MediaKind.IMAGE: 50_000_000}
_MAX_BYTES_OTHER = 400_000_000  # four fit into the /tmp of the functions that store outputs


def sniff(head: bytes) -> Format | None:
    """Return the format of a file from its first bytes (MAGIC_BYTES or more); None if unknown."""
    for offset, magic, file_format in _MAGIC:
        if head.startswith(magic, offset) and head.startswith(_PREFIXES[offset]):
            return file_format
    return None


def identify(header: bytes, size: int, name: str) -> Format | None:
    """Return the format of any file: media, text or other; None if it contradicts its name.

    `header` is the file, or its first HEADER_BYTES; `name` is its file name, without a query.
    """
    extension = _extension(name)
    known = sniff(header)
    is_text = _is_text(header, size)
    if known is not None and not (is_text and known.extension in _TEXT_FORMATS):
        return known
    if known is not None and known.extension == extension:
        return known
    if is_text and _SVG.match(_start(header)):
        return Format(MediaKind.IMAGE, "image/svg+xml", "svg")
    if not is_text:
        # A damaged image is not stored as a file of an unknown type.
        other = Format(MediaKind.OTHER, "application/octet-stream", extension or "bin")
        return None if extension in _BINARY_EXTENSIONS else other
    if extension in _BINARY_EXTENSIONS or extension == "svg":
        return None  # a text in place of a media file
    is_large = size > HEADER_BYTES  # then only the end of the file shows that it is complete
    if _json(header) is not None or (is_large and extension == "json"):
        return Format(MediaKind.TEXT, _JSON_TYPE, extension or "json")
    if extension == "json":
        return None
    # HTML and scripts are served as plain text: no browser runs them.
    return Format(MediaKind.TEXT, "text/plain; charset=utf-8", extension or "txt")


def is_error_page(header: bytes, name: str) -> bool:
    """Return whether a file is a page of a server in place of the file `name`.

    HTML counts as a page unless the name says that the file is HTML, and JSON if it has only the
    fields of an error.
    """
    start = _start(header)
    if _HTML.match(start):
        return _extension(name) not in ("html", "htm", "xhtml")
    if _XML_ERROR.match(start):
        return True
    document = _json(header)
    if not isinstance(document, dict) or document.get("success") is True:
        return False
    fields = {field.lower() for field, value in document.items() if value is not None}
    return fields <= _ERROR_FIELDS and any(
        document.get(field) for field in ("error", "errors", "message", "msg", "detail")
    )


def _start(header: bytes) -> bytes:
    """Return the bytes after the byte order mark, white space, XML declaration and comments."""
    start = header.removeprefix(b"\xef\xbb\xbf")
    prologue = _PROLOGUE.match(start)
    return start[prologue.end() :] if prologue else start


def _is_text(header: bytes, size: int) -> bool:
    if _CONTROLS.search(header):
        return False
    try:
        header.decode()
    except UnicodeDecodeError as error:
        # The header may end within a character.
        return size > len(header) and error.start >= len(header) - 3
    return True


def _json(header: bytes) -> object:
    """Return the JSON object or list in a file; None if it is neither."""
    if not _start(header).startswith((b"{", b"[")):
        return None
    try:
        document = json.loads(header.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def _extension(name: str) -> str:
    extension = name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""
    return extension if _EXTENSION.fullmatch(extension) else ""


def max_bytes(file_format: Format | None) -> int:
    """Return the maximum file size of a format, in bytes."""
    return _MAX_BYTES.get(file_format and file_format.kind, _MAX_BYTES_OTHER)


def dimensions(file_format: Format, header: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels from an image's header; None if the header has neither.

    The image is not decoded, so a decompression bomb has no effect here.
    """
    size: tuple[int, int] | None = None
    if file_format == PNG and header[8:16] == b"\x00\x00\x00\rIHDR" and len(header) >= 24:
        size = _big_endian(header[16:20]), _big_endian(header[20:24])
    elif file_format == JPEG:
        size = _jpeg_dimensions(header)
    elif file_format == WEBP:
        size = _webp_dimensions(header)
    return size if size and min(size) > 0 and size[0] * size[1] <= _MAX_PIXELS else None


def _jpeg_dimensions(header: bytes) -> tuple[int, int] | None:
    # SOFn (C0-CF but C4, C8, CC) has the frame's height and width.
    for marker, offset in _jpeg_segments(header):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = header[offset + 5 : offset + 7], header[offset + 7 : offset + 9]
            return (_big_endian(width), _big_endian(height)) if len(width) == 2 else None
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker and the offset of each segment, up to the first scan or the image's end."""
    # Segments: FF, marker, two bytes of length.
    offset = 2
    while offset + 2 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xFF:  # fill byte
            offset += 1
            continue
        yield marker, offset
        if marker in (0xD9, 0xDA):  # end of image, or start of scan
            return
        offset += 2 + max(2, _big_endian(data[offset + 2 : offset + 4]))


def _webp_dimensions(header: bytes) -> tuple[int, int] | None:
    # developers.google.com/speed/webp/docs/riff_container: three types of first chunk.
    chunk, body = header[12:16], header[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return _little_endian(body[4:7]) + 1, _little_endian(body[7:10]) + 1
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = _little_endian(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return _little_endian(body[6:8]) & 0x3FFF, _little_endian(body[8:10]) & 0x3FFF
    return None


def _big_endian(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little_endian(data: bytes) -> int:
    return int.from_bytes(data, "little")


def is_whole(file_format: Format, header: bytes, tail: bytes, size: int) -> bool:
    """Return whether an image or JSON is complete. Other formats are not checked and return True.

    `tail` has the last TAIL_BYTES bytes of the file; `size` is its length in bytes.
    """
    if file_format == PNG:
        return _PNG_END in tail
    if file_format == JPEG:
        # Some encoders append a few bytes after the end marker.
        return b"\xff\xd9" in tail
    if file_format == WEBP:
        # The file contains the declared RIFF size, and the RIFF size contains the first chunk.
        return 20 + _little_endian(header[16:20]) <= 8 + _little_endian(header[4:8]) <= size
    if file_format.content_type == _JSON_TYPE:
        return tail.rstrip().endswith((b"}", b"]"))
    if file_format.extension == "svg":
        return _SVG_END.search(tail) is not None
    return True


def has_end(file_format: Format, data: bytes) -> bool:
    """Return whether a complete file contains the image's end. Other formats return True.

    Bytes after the end are allowed: phones append a video, and cameras a second image.
    """
    if file_format == PNG:
        return _PNG_END in data
    if file_format == JPEG:
        # The thumbnail inside the metadata has an end marker of its own, so the search begins at
        # the first scan. A scan contains no end marker.
        last = max(_jpeg_segments(data), default=(0, 0), key=itemgetter(1))
        return last[0] == 0xD9 or (last[0] == 0xDA and b"\xff\xd9" in data[last[1] :])
    return is_whole(file_format, data, data, len(data))
