"""The downloader connects to public addresses only, whatever URLs, redirects or DNS contain."""

import io
import socket
import ssl
from collections.abc import Callable, Generator, Sequence

import pytest

from darkroom.adapters.addresses import PinnedTransport
from darkroom.adapters.cdn import Cdn
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded
from tests.contract.cdn_server import CdnServer, ScriptedDns
from tests.contract.connections import Addresses, redirect_public
from tests.unit.test_ssrf import PRIVATE

ANY = ("*",)  # the widest list that can be configured
NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts no certificate; fast to create
URL = "https://cdn.test/0.png"
PUBLIC, OTHER_PUBLIC = "8.8.8.8", "2606:4700::1111"


def fetch(
    dns: ScriptedDns,
    url: str = URL,
    hosts: Sequence[str] = ANY,
    tls_context: ssl.SSLContext = NO_TRUST,
) -> Download | NotDownloaded:
    adapter = Cdn(hosts, PinnedTransport(dns, verify=tls_context))
    with adapter._client:
        return adapter.fetch(url, io.BytesIO())


def refusal_reason(result: Download | NotDownloaded) -> str:
    assert isinstance(result, NotDownloaded)
    assert (result.code, result.final) == (Code.ASSET_INVALID, True), result
    return result.reason


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[CdnServer]:
    server = CdnServer(tmp_path_factory.mktemp("site"))
    yield server
    server.close()


@pytest.fixture
def server(shared_server: CdnServer) -> CdnServer:
    shared_server.requests.clear()
    shared_server.sni_names.clear()
    shared_server.location = None
    return shared_server


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, server: CdnServer) -> Addresses:
    """Record connection addresses; connections to public addresses go to the test server."""
    return redirect_public(monkeypatch, server.port)


def test_connection_uses_the_checked_address_and_the_requested_name(
    server: CdnServer, connected: Addresses
) -> None:
    dns = ScriptedDns([PUBLIC])

    result = fetch(dns, tls_context=server.tls_context)

    assert isinstance(result, Download)
    assert dns.queries == ["cdn.test"]
    assert connected == [(PUBLIC, 443)]
    assert server.requests == [("cdn.test", "cdn.test")]


def test_name_is_resolved_once_and_checked_for_each_connection(
    server: CdnServer, connected: Addresses
) -> None:
    dns = ScriptedDns([PUBLIC], ["127.0.0.1"])

    first, second = (fetch(dns, tls_context=server.tls_context) for _ in range(2))

    assert isinstance(first, Download)
    assert refusal_reason(second) == "the output lies at an address that is not public"
    assert connected == [(PUBLIC, 443)]
    assert dns.queries == ["cdn.test", "cdn.test"]


@pytest.mark.parametrize(
    "private_address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::",  # noqa: S104
     "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1",
     "fe80::1%1", "224.0.0.1", "fd00:ec2::254", "ff02::1", "2001:db8::1"],
)  # fmt: skip
@pytest.mark.parametrize("others", [[], [PUBLIC], [OTHER_PUBLIC, PUBLIC]], ids=len)
def test_one_private_address_prevents_any_connection(
    private_address: str, others: list[str], connected: Addresses
) -> None:
    for addresses_found in ([private_address, *others], [*others, private_address]):
        refusal_reason(fetch(ScriptedDns(addresses_found)))

    assert connected == []


@pytest.mark.parametrize("host", PRIVATE, ids=ascii)
@pytest.mark.parametrize("others", ["https://{}/0.png", "http://{}/0.png", "https://{}:443/"])
def test_private_host_is_refused_even_if_all_hosts_are_allowed(
    host: str, others: str, connected: Addresses
) -> None:
    refusal_reason(fetch(ScriptedDns(["127.0.0.1"]), others.format(host)))

    assert connected == []


def test_certificate_for_another_name_is_refused(server: CdnServer, connected: Addresses) -> None:
    result = fetch(ScriptedDns([PUBLIC]), "https://other.test/", tls_context=server.tls_context)

    assert result == NotDownloaded(Code.ASSET_UNAVAILABLE, "the download broke off: ConnectError")
    assert connected == [(PUBLIC, 443)]
    assert server.requests == []


def test_redirect_to_the_same_name_is_checked_again(
    server: CdnServer, connected: Addresses
) -> None:
    server.location = "/moved"

    # The server closes its connections, so the name is resolved again.
    result = fetch(ScriptedDns([PUBLIC], ["127.0.0.1"]), tls_context=server.tls_context)

    assert isinstance(result, NotDownloaded)
    assert result.code is Code.ASSET_INVALID
    assert connected == [(PUBLIC, 443)]


def test_next_address_is_tried_after_a_refused_connection(
    server: CdnServer, connected: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirect_public = socket.create_connection

    def unreachable(address: tuple[str, int], *args: object, **options: object) -> socket.socket:
        if address[0] == OTHER_PUBLIC:
            connected.append(address)
            raise ConnectionRefusedError
        return redirect_public(address, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", unreachable)

    assert isinstance(
        fetch(ScriptedDns([OTHER_PUBLIC, PUBLIC]), tls_context=server.tls_context), Download
    )
    assert connected == [(OTHER_PUBLIC, 443), (PUBLIC, 443)]


def test_name_with_5000_addresses_is_given_up(
    connected: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", unreachable)

    result = fetch(ScriptedDns([PUBLIC] * 5000))

    assert isinstance(result, NotDownloaded)
    assert result.reason == "the download broke off: ConnectTimeout"
    assert len(connected) < 10


def no_such_name(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("resolve", [no_such_name, lambda *_: []], ids=["unknown", "empty"])
def test_unresolved_name_is_a_temporary_failure(
    resolve: Callable[[str, int], list[str]], connected: Addresses
) -> None:
    result = Cdn(ANY, PinnedTransport(resolve, verify=NO_TRUST)).fetch(URL, io.BytesIO())

    assert result == NotDownloaded(Code.ASSET_UNAVAILABLE, "the download broke off: ConnectError")
    assert connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_listed_loopback_host_is_reached_without_a_proxy(
    host: str, server: CdnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    adapter = Cdn(["cdn.test", host])
    with adapter._client:
        result = adapter.fetch(f"http://{host}:{server.http_port}/0.png", io.BytesIO())

    assert isinstance(result, Download)
    assert server.requests == [(None, f"{host}:{server.http_port}")]


@pytest.mark.parametrize("addresses_found", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], [PUBLIC]])
def test_localhost_refuses_other_dns_addresses(
    addresses_found: list[str], connected: Addresses
) -> None:
    refusal_reason(fetch(ScriptedDns(addresses_found), "http://localhost:9/", ["localhost"]))

    assert connected == []
