"""Writes tests/data/malformed.zip: broken, mislabeled and polyglot images.

Run `python -m tests.fakes.malformed` to write the archive again. The tests read the archive because
the compressed bytes depend on the zlib version.
"""

import io
import struct
import zipfile
import zlib
from pathlib import Path

from tests.fakes.images import JPEG, PNG, WEBP

ZIP = Path(__file__).parents[1] / "data" / "malformed.zip"
_FF = b"\xff" * 3_000_000
_START = b"\x89PNG\r\n\x1a\n"
_SCRIPT = b"<script>alert(document.domain)</script>"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>1</script></svg>'
_HTML = b"<!DOCTYPE html><html><body>" + _SCRIPT + b"</body></html>"


def chunk(kind: bytes, body: bytes, crc: int | None = None) -> bytes:
    """Return one chunk of a PNG."""
    valid_crc = zlib.crc32(kind + body)
    return (
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", valid_crc if crc is None else crc)
    )


def png(width: int, height: int, *extra_chunks: bytes, crc: int | None = None) -> bytes:
    """Return a PNG with the data of one pixel, a declared size and extra chunks before the data."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), crc)
    data = chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return b"".join((_START, head, *extra_chunks, data, chunk(b"IEND", b"")))


def segment(marker: int, body: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(width: int, height: int, *before: bytes, end: bytes = b"\xff\xd9") -> bytes:
    """Return a JPEG with a declared size, no data and extra segments before the frame."""
    jfif = segment(0xE0, b"JFIF\x00\x01\x01" + bytes(7))
    frame = segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
    return b"".join((b"\xff\xd8", jfif, *before, frame, end))


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """Return a WebP with these chunks."""
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\x00" * (len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4 if size is None else size) + b"WEBP" + body


def extended(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """Return the first chunk of an extended WebP."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes([flags, 0, 0, 0]) + sides


def zipped(content: bytes) -> bytes:
    """Return a zip archive with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), content)
    return file.getvalue()


def exif(entries: int) -> bytes:
    """Return EXIF with `entries` entries of 4 GB each; its next directory is itself."""
    entry = struct.pack(">HHII", 0x8769, 7, 0xFFFFFFFF, 8)
    listed = entry * min(entries, 5_000)
    return b"Exif\x00\x00MM\x00*" + struct.pack(">IH", 8, entries) + listed + struct.pack(">I", 8)


_FRAME = WEBP[20:]  # the only chunk of the smallest lossy image
_ANIMATION = (
    (b"ANIM", bytes(6)),
    *[(b"ANMF", bytes(16) + b"VP8 " + struct.pack("<I", len(_FRAME)) + _FRAME)] * 2,
)
_LOSSLESS = b"\x2f" + struct.pack("<I", 4 | 2 << 14) + b"\x07\x10\x11\x11\x88\x88\xfe\x07\x00"


def files() -> dict[str, bytes]:
    """Return all files by name."""
    bomb = zlib.compress(bytes(8_000_000), 9)
    return {
        "empty.png": b"",
        "one-byte.png": b"\x89",
        "magic-only.png": _START,
        "magic-only.jpg": b"\xff\xd8\xff",
        "magic-only.webp": b"RIFF\x00\x00\x00\x00WEBP",
        "cut-in-its-header.png": PNG[:20],
        "cut-in-its-data.png": PNG[:-16],
        "cut-in-its-data.jpg": jpeg(4, 3, end=segment(0xDA, bytes(10)) + b"\x12" * 99),
        "cut-in-its-data.webp": WEBP[:-4],
        "cut-in-its-header.webp": WEBP[:24].ljust(40, b"\x00"),
        "wrong-header-crc.png": png(4, 3, crc=0),
        "wrong-data-crc.png": PNG.replace(PNG[-16:-12], b"\x00\x00\x00\x00"),
        "wrong-end-crc.png": PNG[:-4] + bytes(4),
        "no-header-chunk.png": PNG[:12] + b"IHDX" + PNG[16:],
        "header-of-another-length.png": PNG[:8] + b"\x00\x00\x00\x0e" + PNG[12:],
        "zero-width.png": png(0, 3),
        "zero-height.png": png(4, 0),
        "zero-size.jpg": jpeg(0, 0),
        "height-comes-later.jpg": jpeg(4, 0, end=segment(0xDC, b"\x00\x03") + b"\xff\xd9"),
        "zero-size.webp": WEBP[:26] + bytes(4) + WEBP[30:],
        "huge.png": png(50_000, 50_000),
        "huge.jpg": jpeg(65_535, 65_535),
        "huge.webp": riff(extended(65_536, 65_535), (b"VP8 ", _FRAME)),
        "beyond-all-limits.png": png(2**31 - 1, 2**31 - 1),
        "negative.png": png(2**32 - 1, 2**32 - 1),
        "beyond-all-limits.webp": riff(extended(2**24, 2**24), (b"VP8 ", _FRAME)),
        "bomb-in-its-data.png": png(4, 3, chunk(b"IDAT", bomb)),
        "bomb-in-its-text.png": png(4, 3, chunk(b"zTXt", b"a\x00\x00" + bomb)),
        "bomb-in-its-profile.png": png(4, 3, chunk(b"iCCP", b"a\x00\x00" + bomb)),
        "ninety-thousand-chunks.png": png(4, 3, chunk(b"tEXt", b"") * 90_000),
        "chunk-of-4-gb.png": PNG[:33] + b"\xff\xff\xff\xffIDAT" + PNG[41:],
        "exif-bomb.jpg": jpeg(4, 3, *[segment(0xE1, exif(65_535))] * 4),
        "exif-bomb.webp": riff(extended(4, 3, 8), (b"VP8 ", _FRAME), (b"EXIF", exif(65_535))),
        "metadata-flood.jpg": jpeg(4, 3, segment(0xFE, bytes(65_533)) * 40),
        "empty-segments.jpg": jpeg(4, 3, segment(0xFE, b"") * 400_000),
        "segment-of-length-0.jpg": jpeg(4, 3, b"\xff\xe0\x00\x00"),
        "ff-flood.jpg": b"\xff\xd8" + _FF + b"\xd9",
        "ff-before-the-frame.jpg": jpeg(4, 3, b"\xff" * 60_000),
        "ff-flood.png": _START + _FF + chunk(b"IEND", b""),
        "ff-flood.webp": b"RIFF" + struct.pack("<I", len(_FF) + 4) + b"WEBP" + _FF,
        "ff-flood.bin": _FF,
        "zero-flood.bin": bytes(len(_FF)),
        "no-frame.jpg": b"\xff\xd8" + segment(0xE0, bytes(14)) + bytes(20) + b"\xff\xd9",
        "frame-after-the-data.jpg": jpeg(4, 3, segment(0xDA, bytes(10))),
        "first-chunk-too-long.webp": WEBP[:16] + b"\xff\xff\xff\x00" + WEBP[20:],
        "size-of-0.webp": WEBP[:4] + bytes(4) + WEBP[8:],
        "size-of-4-gb.webp": WEBP[:4] + b"\xff\xff\xff\xff" + WEBP[8:],
        "odd-first-chunk.webp": riff((b"JUNK", _FRAME)),
        "no-start-code.webp": WEBP[:23] + bytes(3) + WEBP[26:],
        "lossless.webp": riff((b"VP8L", _LOSSLESS)),
        "animated.png": png(4, 3, chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0))),
        "animated.webp": riff(extended(4, 3, 2), *_ANIMATION),
        "with-a-page-behind.gif": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;" + _HTML,
        "gif-that-is-a-script.gif": b"GIF89a=1;" + b"alert(1);//".ljust(40),
        "with-a-page-behind.png": PNG + _HTML,
        "with-a-page-behind.jpg": JPEG + _HTML,
        "with-a-page-inside.jpg": jpeg(4, 3, segment(0xFE, _HTML)),
        "with-a-zip-behind.png": PNG + zipped(b"x" * 99),
        "with-a-long-zip-behind.png": PNG + zipped(bytes(range(256)) * 8).ljust(2_000, b"\x00"),
        "with-a-zip-behind.webp": WEBP + zipped(b"x" * 99),
        "page-that-says-webp.webp": b"<script>WEBP</script>" + _HTML,
        "page-that-says-ftyp.mp4": b"<!--ftypqt  -->" + _HTML,
        "png-called.jpg": PNG,
        "jpeg-called.png": JPEG,
        "webp-called.gif": WEBP,
        "zip-called.png": zipped(b"x" * 99),
        "script.svg": _SVG,
        "script-with-prolog.svg": b'<?xml version="1.0"?>' + _SVG,
        "svg-called.png": b"\xef\xbb\xbf" + _SVG,
        "page.html": _HTML,
        "page-called.jpg": b"\n\n" + _HTML,
        "error-called.png": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "program-called.png": b"\x7fELF\x02\x01\x01".ljust(64, b"\x00"),
        "postscript-called.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"run\n" * 20,
        "bitmap-called.png": b"BM" + bytes(60),
        "tiff-called.png": b"II*\x00\x08\x00\x00\x00" + bytes(60),
        "icon-called.png": b"\x00\x00\x01\x00\x01\x00" + bytes(60),
    }  # fmt: skip


def write(path: Path) -> None:
    """Write the archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files().items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def read(path: Path = ZIP) -> dict[str, bytes]:
    """Return the files of the archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


if __name__ == "__main__":
    write(ZIP)
