"""Local servers: a CDN that generates images of any size, and an S3 that discards uploads."""

import hashlib
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_CHUNK = bytes(64 * 1024)
_PNG_START = b"\x89PNG\r\n\x1a\n" + struct.pack(
    ">I4sIIBBBBBI", 13, b"IHDR", 4096, 4096, 8, 2, 0, 0, 0, 0
)
_PNG_END = struct.pack(">I4sI", 0, b"IEND", 0xAE426082)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class FakeCdn(_Handler):
    """GET /<size>.png returns a PNG of `size` bytes: a valid start and end with zeros between."""

    pause = 0.0  # seconds per chunk of 64 KiB

    def do_GET(self) -> None:
        """Write the image in chunks."""
        size = int(self.path.strip("/").removesuffix(".png"))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(_PNG_START)
        remaining = size - len(_PNG_START) - len(_PNG_END)
        while remaining:
            remaining -= self.wfile.write(_CHUNK[:remaining])
            time.sleep(self.pause)
        self.wfile.write(_PNG_END)


class SlowCdn(FakeCdn):
    """A CDN with 20 MB/s per connection, as over a network."""

    pause = len(_CHUNK) / 20e6


class FakeS3(_Handler):
    """PUT reads and discards a body, and returns its digest as the ETag."""

    def do_PUT(self) -> None:
        """Read the body in chunks and hash it."""
        digest, remaining = hashlib.sha256(), int(self.headers["Content-Length"])
        while remaining:
            chunk = self.rfile.read(min(remaining, len(_CHUNK)))
            digest.update(chunk)
            remaining -= len(chunk)
        self.send_response(200)
        self.send_header("ETag", f'"{digest.hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve(handler: type[_Handler]) -> Iterator[str]:
    """Serve on a free loopback port. Yield the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
