"""Where the downloader connects, whatever a URL, a redirect or DNS says."""

import io
import ipaddress
import socket
import ssl
from collections.abc import Callable, Generator, Sequence

import pytest

from darkroom.adapters.addresses import PinnedTransport
from darkroom.adapters.cdn import Cdn
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded
from tests.contract.site import Dns, Site
from tests.unit.test_ssrf import PRIVATE

ANY = ("*",)  # the widest list that an owner can write
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts none, and is made at once
URL = "https://cdn.test/0.png"
PUBLIC, OTHER_PUBLIC = "8.8.8.8", "2606:4700::1111"

type Connected = list[tuple[str, int]]


def fetch(
    dns: Dns, url: str = URL, hosts: Sequence[str] = ANY, trusted: ssl.SSLContext = NOBODY
) -> Download | NotDownloaded:
    adapter = Cdn(hosts, PinnedTransport(dns, verify=trusted))
    with adapter._client:
        return adapter.fetch(url, io.BytesIO())


def refused(found: Download | NotDownloaded) -> str:
    assert isinstance(found, NotDownloaded)
    assert (found.code, found.final) == (Code.ASSET_INVALID, True), found
    return found.reason


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@pytest.fixture
def site(running: Site) -> Site:
    running.seen.clear()
    running.names.clear()
    running.location = None
    return running


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, site: Site) -> Connected:
    """Every connection that is made; the public ones are made to the site instead."""
    made: Connected = []
    connect = socket.create_connection

    def divert(address: tuple[str, int], *args: object, **options: object) -> socket.socket:
        made.append(address)
        if ipaddress.ip_address(address[0]).is_global:
            address = ("127.0.0.1", site.port)
        return connect(address, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", divert)
    return made


def test_the_judged_address_is_connected_to_under_the_name_that_was_asked_for(
    site: Site, connected: Connected
) -> None:
    dns = Dns([PUBLIC])

    found = fetch(dns, trusted=site.trusted)

    assert isinstance(found, Download)
    assert dns.asked == ["cdn.test"]
    assert connected == [(PUBLIC, 443)]
    assert site.seen == [("cdn.test", "cdn.test")]


def test_a_name_that_changes_is_looked_up_once_and_judged_for_each_connection(
    site: Site, connected: Connected
) -> None:
    dns = Dns([PUBLIC], ["127.0.0.1"])

    first, second = (fetch(dns, trusted=site.trusted) for _ in range(2))

    assert isinstance(first, Download)
    assert refused(second) == "the output lies at an address that is not public"
    assert connected == [(PUBLIC, 443)]
    assert dns.asked == ["cdn.test", "cdn.test"]


@pytest.mark.parametrize(
    "bad",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::",  # noqa: S104
     "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1",
     "fe80::1%1", "224.0.0.1", "fd00:ec2::254", "ff02::1", "2001:db8::1"],
)  # fmt: skip
@pytest.mark.parametrize("around", [[], [PUBLIC], [OTHER_PUBLIC, PUBLIC]], ids=len)
def test_one_private_address_among_public_ones_is_enough_to_connect_to_none(
    bad: str, around: list[str], connected: Connected
) -> None:
    for answer in ([bad, *around], [*around, bad]):
        refused(fetch(Dns(answer)))

    assert connected == []


@pytest.mark.parametrize("host", PRIVATE, ids=ascii)
@pytest.mark.parametrize("around", ["https://{}/0.png", "http://{}/0.png", "https://{}:443/"])
def test_a_private_host_is_not_connected_to_even_if_every_host_is_allowed(
    host: str, around: str, connected: Connected
) -> None:
    refused(fetch(Dns(["127.0.0.1"]), around.format(host)))

    assert connected == []


def test_a_certificate_for_another_name_is_not_good_enough(
    site: Site, connected: Connected
) -> None:
    found = fetch(Dns([PUBLIC]), "https://other.test/", trusted=site.trusted)

    assert found == NotDownloaded(Code.ASSET_UNAVAILABLE, "the download broke off: ConnectError")
    assert connected == [(PUBLIC, 443)]
    assert site.seen == []


def test_a_redirect_is_judged_like_a_url(site: Site, connected: Connected) -> None:
    site.location = "https://inner.test/"

    refused(fetch(Dns([PUBLIC], ["10.0.0.1"]), trusted=site.trusted))

    assert connected == [(PUBLIC, 443)]


def test_a_redirect_to_the_same_name_goes_to_an_address_that_was_judged(
    site: Site, connected: Connected
) -> None:
    site.location = "/moved"

    # The site closes its connections, so the name is looked up again.
    refused(fetch(Dns([PUBLIC], ["127.0.0.1"]), trusted=site.trusted))

    assert connected == [(PUBLIC, 443)]


def test_the_next_address_is_tried_if_one_does_not_answer(
    site: Site, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    divert = socket.create_connection

    def deaf(address: tuple[str, int], *args: object, **options: object) -> socket.socket:
        if address[0] == OTHER_PUBLIC:
            connected.append(address)
            raise ConnectionRefusedError
        return divert(address, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", deaf)

    assert isinstance(fetch(Dns([OTHER_PUBLIC, PUBLIC]), trusted=site.trusted), Download)
    assert connected == [(OTHER_PUBLIC, 443), (PUBLIC, 443)]


def test_a_name_with_endless_addresses_is_given_up(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", deaf)

    found = fetch(Dns([PUBLIC] * 5000))

    assert isinstance(found, NotDownloaded)
    assert found.reason == "the download broke off: ConnectTimeout"
    assert len(connected) < 10


def no_such_name(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("look_up", [no_such_name, lambda *_: []], ids=["unknown", "empty"])
def test_a_name_without_an_address_may_have_one_later(
    look_up: Callable[[str, int], list[str]], connected: Connected
) -> None:
    found = Cdn(ANY, PinnedTransport(look_up, verify=NOBODY)).fetch(URL, io.BytesIO())

    assert found == NotDownloaded(Code.ASSET_UNAVAILABLE, "the download broke off: ConnectError")
    assert connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_simulator_is_reached_by_the_loopback_name_that_is_listed(
    host: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    adapter = Cdn(["cdn.test", host])
    with adapter._client:
        found = adapter.fetch(f"http://{host}:{site.plain_port}/0.png", io.BytesIO())

    assert isinstance(found, Download)
    assert site.seen == [(None, f"{host}:{site.plain_port}")]


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], [PUBLIC]])
def test_localhost_is_this_machine_whatever_dns_says(
    answer: list[str], connected: Connected
) -> None:
    refused(fetch(Dns(answer), "http://localhost:9/", ["localhost"]))

    assert connected == []
