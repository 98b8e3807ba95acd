"""A CDN that makes a picture of any size as it is read, and an S3 that forgets what it is given."""

import hashlib
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_CHUNK = bytes(64 * 1024)
_HEAD = b"\x89PNG\r\n\x1a\n" + struct.pack(
    ">I4sIIBBBBBI", 13, b"IHDR", 4096, 4096, 8, 2, 0, 0, 0, 0
)
_END = struct.pack(">I4sI", 0, b"IEND", 0xAE426082)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing: the benchmark prints its own lines."""


class Cdn(_Handler):
    """GET /<size>.png is a PNG of so many bytes: a true head and end, and zeros between."""

    pause = 0.0  # seconds a chunk of 64 KiB

    def do_GET(self) -> None:
        """Write the picture chunk by chunk."""
        size = int(self.path.strip("/").removesuffix(".png"))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(_HEAD)
        left = size - len(_HEAD) - len(_END)
        while left:
            left -= self.wfile.write(_CHUNK[:left])
            time.sleep(self.pause)
        self.wfile.write(_END)


class SlowCdn(Cdn):
    """The same, with 20 MB/s for each connection: what a picture is loaded with over a network."""

    pause = len(_CHUNK) / 20e6


class Sink(_Handler):
    """PUT reads a body and answers with its digest, as far as PutObject wants it."""

    def do_PUT(self) -> None:
        """Read chunk by chunk, keep nothing."""
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left:
            chunk = self.rfile.read(min(left, len(_CHUNK)))
            digest.update(chunk)
            left -= len(chunk)
        self.send_response(200)
        self.send_header("ETag", f'"{digest.hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve(handler: type[_Handler]) -> Iterator[str]:
    """Serve on a free port of the loopback; yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
