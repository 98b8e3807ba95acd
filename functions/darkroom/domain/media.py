"""What a file is, by its own bytes: format, extension, dimensions, and whether it is whole."""

from enum import StrEnum
from typing import NamedTuple

MAGIC_BYTES = 32
# Enough to reach the dimensions of a JPEG behind large metadata (provenance, colour profile).
HEADER_BYTES = 1024 * 1024
TAIL_BYTES = 1024


class MediaKind(StrEnum):
    """What a file shows or plays."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    MODEL = "model"


class Format(NamedTuple):
    """One file format that may be stored."""

    kind: MediaKind
    content_type: str
    extension: str


PNG = Format(MediaKind.IMAGE, "image/png", "png")
JPEG = Format(MediaKind.IMAGE, "image/jpeg", "jpg")
WEBP = Format(MediaKind.IMAGE, "image/webp", "webp")
PICTURES = (PNG, JPEG, WEBP)

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
# What stands before magic bytes, by their offset: a container's name, the first box's small length.
# Without it, a page that says WEBP at the right place would be a picture.
_BEFORE = {0: b"", 4: b"\x00\x00", 8: b"RIFF"}
_PNG_END = b"IEND\xaeB`\x82"  # the last chunk is always the same, checksum and all
# WebP's own limit, and more than a JPEG can say: a PNG beyond it is a lie, or a bomb.
_MAX_PIXELS = 2**32 - 1
_MAX_BYTES = {MediaKind.IMAGE: 50_000_000}
_MAX_BYTES_OTHER = 400_000_000  # fits the function's /tmp of 512 MB


def sniff(head: bytes) -> Format | None:
    """Return the format whose magic bytes `head` (MAGIC_BYTES or more) begins with."""
    for offset, magic, known in _MAGIC:
        if head.startswith(magic, offset) and head.startswith(_BEFORE[offset]):
            return known
    return None


def max_bytes(known: Format) -> int:
    """Return how large a file of this format may be."""
    return _MAX_BYTES.get(known.kind, _MAX_BYTES_OTHER)


def dimensions(known: Format, header: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels out of a picture's header, None if it tells none.

    The picture is never decoded, so one that is large on little space costs nothing here.
    """
    size: tuple[int, int] | None = None
    if known == PNG and header[8:16] == b"\x00\x00\x00\rIHDR" and len(header) >= 24:
        size = _big(header[16:20]), _big(header[20:24])
    elif known == JPEG:
        size = _jpeg_dimensions(header)
    elif known == WEBP:
        size = _webp_dimensions(header)
    return size if size and min(size) > 0 and size[0] * size[1] <= _MAX_PIXELS else None


def _jpeg_dimensions(header: bytes) -> tuple[int, int] | None:
    # Segments: FF, marker, two bytes of length. SOFn (C0-CF but C4, C8, CC) has the frame's size.
    at = 2
    while at + 9 <= len(header) and header[at] == 0xFF:
        marker = header[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in (0xD9, 0xDA):  # the end, or the picture's data: too late for a frame
            return None
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _big(header[at + 7 : at + 9]), _big(header[at + 5 : at + 7])
        else:
            at += 2 + max(2, _big(header[at + 2 : at + 4]))
    return None


def _webp_dimensions(header: bytes) -> tuple[int, int] | None:
    # developers.google.com/speed/webp/docs/riff_container: three kinds of first chunk.
    chunk, body = header[12:16], header[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return _little(body[4:7]) + 1, _little(body[7:10]) + 1
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = _little(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return _little(body[6:8]) & 0x3FFF, _little(body[8:10]) & 0x3FFF
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def is_whole(known: Format, header: bytes, tail: bytes, size: int) -> bool:
    """Tell whether a picture ends the way its format says; other formats are not judged.

    `tail` is the file's last TAIL_BYTES bytes, `size` its length.
    """
    if known == PNG:
        return _PNG_END in tail
    if known == JPEG:
        # Some encoders append a few bytes after the end marker.
        return b"\xff\xd9" in tail
    if known == WEBP:
        # The file holds what it says it holds, and that holds its first chunk.
        return 20 + _little(header[16:20]) <= 8 + _little(header[4:8]) <= size
    return True
