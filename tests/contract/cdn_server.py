"""A TLS server and a scripted DNS resolver that stand in for the CDN."""

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

from tests.fakes.images import PNG

NAME = "cdn.test"


class ScriptedDns:
    """A resolver with scripted answers, the last of which repeats. IP literals resolve as usual."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.queries: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.queries.append(host)
        try:
            resolved = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
            return [str(address[0]) for *_, address in resolved]
        except socket.gaierror:
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class CdnServer:
    """A server with a certificate for NAME; `requests` has the SNI name and Host header of each."""

    def __init__(self, folder: Path) -> None:
        server, self.requests = self, list[tuple[str | None, str]]()
        self.location: str | None = None
        self.sni_names: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sni_name = server.sni_names[-1] if server.sni_names else None
                server.requests.append((sni_name, self.headers["Host"]))
                self.send_response(302 if server.location and self.path != "/moved" else 200)
                if server.location:
                    self.send_header("Location", server.location)
                self.send_header("Content-Length", str(len(PNG)))
                self.end_headers()
                self.wfile.write(PNG)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed_certificate(folder))
        context.sni_callback = lambda _, name, __: self.sni_names.append(name)
        self.tls_context = ssl.create_default_context(cafile=str(folder / "site.pem"))
        self._servers = [HTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        self.http_port, self.port = (http_server.server_port for http_server in self._servers)
        self._servers[1].socket = context.wrap_socket(self._servers[1].socket, server_side=True)
        for http_server in self._servers:
            http_server.handle_error = lambda *_: None  # type: ignore[method-assign]
            Thread(target=http_server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def self_signed_certificate(folder: Path) -> Path:
    """Write a self-signed certificate and its key to one PEM file; return its path."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private_key = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "site.pem"
    path.write_bytes(signed.public_bytes(pem) + private_key)
    return path
