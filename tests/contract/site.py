"""A server with a certificate, and a DNS that says what a test says, to stand in for the CDN."""

import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.pictures import PNG

NAME = "cdn.test"


class Dns:
    """Answers one after the other, the last for ever; numbers are what the system says they are."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        try:
            found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
            return [str(place[0]) for *_, place in found]
        except socket.gaierror:
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Site:
    """A server with a certificate for NAME: what it was asked for, by what name."""

    def __init__(self, folder: Path) -> None:
        site, self.seen = self, list[tuple[str | None, str]]()
        self.location: str | None = None
        self.names: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append((site.names[-1] if site.names else None, self.headers["Host"]))
                self.send_response(302 if site.location and self.path != "/moved" else 200)
                if site.location:
                    self.send_header("Location", site.location)
                self.send_header("Content-Length", str(len(PNG)))
                self.end_headers()
                self.wfile.write(PNG)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.trusted = ssl.create_default_context(cafile=str(folder / "site.pem"))
        self._servers = [HTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        self.plain_port, self.port = (server.server_port for server in self._servers)
        self._servers[1].socket = context.wrap_socket(self._servers[1].socket, server_side=True)
        for server in self._servers:
            server.handle_error = lambda *_: None  # type: ignore[method-assign]
            Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def certificate(folder: Path) -> Path:
    """One that signs itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "site.pem"
    path.write_bytes(made.public_bytes(pem) + secret)
    return path
