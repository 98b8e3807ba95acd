"""Detect the format, the dimensions and the completeness of a file from its bytes."""

from enum import StrEnum
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
    (4, b"ftypheic", Format(MediaKind.IMAGE, "image/heic", "heic")),
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
# Bytes that must come before the magic bytes, by their offset: the container's name, or the first
# box's small length. Otherwise text with WEBP at offset 8 would pass as an image.
_PREFIXES = {0: b"", 4: b"\x00\x00", 8: b"RIFF"}
_PNG_END = b"IEND\xaeB`\x82"  # type and checksum of the last chunk, which has no data
# WebP's limit, and above a JPEG's maximum. A PNG that declares more is invalid or an image bomb.
_MAX_PIXELS = 2**32 - 1
_MAX_BYTES = {MediaKind.IMAGE: 50_000_000}
_MAX_BYTES_OTHER = 400_000_000  # four fit into the /tmp of the functions that store outputs


def sniff(head: bytes) -> Format | None:
    """Return the format of a file from its first bytes (MAGIC_BYTES or more); None if unknown."""
    for offset, magic, file_format in _MAGIC:
        if head.startswith(magic, offset) and head.startswith(_PREFIXES[offset]):
            return file_format
    return None


def max_bytes(file_format: Format) -> int:
    """Return the maximum file size of a format, in bytes."""
    return _MAX_BYTES.get(file_format.kind, _MAX_BYTES_OTHER)


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
    # Segments: FF, marker, two bytes of length. SOFn (C0-CF but C4, C8, CC) has the frame's size.
    offset = 2
    while offset + 9 <= len(header) and header[offset] == 0xFF:
        marker = header[offset + 1]
        if marker == 0xFF:  # fill byte
            offset += 1
        elif marker in (0xD9, 0xDA):  # end of image, or start of scan: no frame header follows
            return None
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _big_endian(header[offset + 7 : offset + 9]), _big_endian(
                header[offset + 5 : offset + 7]
            )
        else:
            offset += 2 + max(2, _big_endian(header[offset + 2 : offset + 4]))
    return None


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
    """Return whether an image is complete. Other formats are not checked and return True.

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
    return True
