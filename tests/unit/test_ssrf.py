"""References to private hosts and ambiguous URLs, in every spelling that a parser accepts."""

import contextlib
import ipaddress
import re
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.references import BadReferenceError, is_public, parse_reference
from tests.profiles import examples

PACKAGE = Path(__file__).parents[2] / "functions" / "darkroom"
FULLWIDTH = str.maketrans("0123456789abcdefghijklmnopqrstuvwxyz.", "".join(
    [chr(0xFF10 + n) for n in range(10)] + [chr(0xFF41 + n) for n in range(26)] + ["\uff0e"]
))  # fmt: skip

LOOPBACK_SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0X7F.1",
    "0x7F.0x0.0x1", "017700000001", "0177.0.0.1", "0177.0.0.01", "0000177.0.0.1", "127.0.0.0x1",
    "0", "0x", "0.0.0.0", "0x0.0", "127.0.0.1.", "127.0.0.1..",  # noqa: S104
    "127.0.0.1".translate(FULLWIDTH), "127\u30020.0.1", "127.0.0\uff611", "127.0.0.\u2460",
    "127.0.0.1\u00ad", "127.0.0.\u200b1", "127.0.\u20600.1", "127.0.0.1\ufe00", "127.0.0.1\u034f",
    "127.0.0.\U000e01001", "127.0.0.%31", "%31%32%37.0.0.1", "\u0661\u0662\u0667.0.0.\u0661",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::FFFF:7F00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]",
    "[::1%25lo]", "[::1%lo]", "[2606:4700::1%25eth0]",
]  # fmt: skip
PRIVATE_ADDRESSES = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.100.100.200",
    "169.254.169.254", "169.254.170.2", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376",
    "169.254.43518", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.0.8",
    "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
    "168.63.129.16", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[fd00:ec2::23]", "[ff02::1]", "[ff0e::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]",
    "[2002:a9fe:a9fe::]", "[2001::1]", "[64:ff9b::a9fe:a9fe]", "[::ffff:a9fe:a9fe]", "[5f00::1]",
]  # fmt: skip
PRIVATE_NAMES = [
    "localhost", "LocalHost", "localhost.", "a.localhost", "localhost.localdomain", "ip6-localhost",
    "metadata", "metadata.google.internal", "ip-10-0-0-1.ec2.internal", "instance-data",
    "router.local", "nas.lan", "db.corp", "tv.home", "x.home.arpa", "x.private", "x.intranet",
    "localhost".translate(FULLWIDTH), "x.\u2112ocal", "x.loc\u00adal", "x.lo\ufe00cal",
    "x.local\u3002",
    "metadata.google\u3002internal", "metadata.google.int\u200dernal", "x.l%6fcal", "x.loca\u3164l",
    "x.loc\U000e0100al", "x.home\u200b.arpa", "\u212aub.local",
]  # fmt: skip
PRIVATE = [*LOOPBACK_SPELLINGS, *PRIVATE_ADDRESSES, *PRIVATE_NAMES]
# Parsers disagree about the host of each URL, or truncate it.
AMBIGUOUS = [
    "https://cdn.ok@127.0.0.1/", "https://cdn.ok:443@127.0.0.1/", "https://127.0.0.1@cdn.ok/",
    "https://:@cdn.ok/", "https://@cdn.ok/", "https://cdn.ok%40127.0.0.1/", "https://a@b@cdn.ok/",
    "https://cdn.ok\uff20127.0.0.1/", "https://cdn.ok#@127.0.0.1/", "https://cdn.ok?@127.0.0.1/",
    "https://cdn.ok;@127.0.0.1/", "https://127.0.0.1#@cdn.ok/", "https://127.0.0.1?.cdn.ok/",
    "https://127.0.0.1#.cdn.ok/", "https://cdn.ok\\@127.0.0.1/", "https://127.0.0.1\\.cdn.ok/",
    "https://cdn.ok/\\127.0.0.1", "https://\\127.0.0.1/", "https:///127.0.0.1/", "https:////cdn.ok/",
    "https://cdn.ok\uff0f.evil.com/", "https://cdn.ok\u2044.evil.com/", "https://cdn.ok\u2100.com/",
    "https://cdn.ok:443:80/", "https://cdn.ok:-1/", "https://cdn.ok:65536/", "https://cdn.ok:0x50/",
    "https://cdn.ok:\u0661/", "https://cdn.ok: 80/", "https://cdn.ok..evil.com/", "https://.cdn.ok/",
    "https://cdn.ok../", "https://cdn,ok.com/", "https://cdn.ok;.com/", "https://cdn.ok\u2026com/",
    "https://[cdn.ok]/", "https://[::1]cdn.ok/", "https://[v1.cdn.ok]/", "https://[/", "https://]/",
    "https://[127.0.0.1]/", "https://cdn.ok%00.evil.com/", "https://cdn.ok%2f.evil.com/",
    "https://cdn.ok\u2028.evil.com/", "https://cdn.ok\ud800/", "https://cdn.ok/\udfff",
    *(f"https://cdn.ok{c}/" for c in "\x00\t\n\r\x0b\x1f \x7f\x85\xa0\u2003\u3000"),
    *(f"https://{c}cdn.ok/" for c in "\x00\t\n\r \xa0\u3000"),
    *(f"https://cdn.ok/a{c}Host:b" for c in "\x00\t\n\r\x0b\x1f \x7f\x85\xa0\u2028"),
    "https://cdn.ok/\r\nHost: 127.0.0.1\r\n\r\n", "https://" + "a." * 4_000 + "ok/",
    "https://cdn.ok/?" + "x" * 8_192, "https://" + "1" * 5_000 + ".ok:" + "1" * 5_000 + "/",
]  # fmt: skip
OTHER_SCHEMES = [
    "file:///proc/self/environ", "file:/etc/passwd", "FILE://localhost/etc/passwd", "file://x/y",
    "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stat", "ftp://cdn.ok/a.png",
    "ldap://127.0.0.1/", "tftp://127.0.0.1/", "jar:https://cdn.ok/!/a", "netdoc:///etc/passwd",
    "http://cdn.ok/a.png", "http://169.254.169.254/latest/meta-data/", "http:cdn.ok",
    "ws://cdn.ok/", "//cdn.ok/a.png", "///cdn.ok", "/etc/passwd", "https:cdn.ok", "https:/cdn.ok",
    "https:\\\\cdn.ok", " https://cdn.ok/", "\thttps://cdn.ok/", "h\nttps://cdn.ok/",
    "https\u00ad://cdn.ok/", "url:https://cdn.ok/", "data:text/html,<script>", "about:blank",
    "data:image/png,abc", "data:https://cdn.ok/", "blob:https://cdn.ok/x", "javascript:alert(1)",
]  # fmt: skip


def short(text: str) -> str:
    return ascii(text[:50])


def is_refused(text: str) -> bool:
    try:
        parse_reference(text)
    except BadReferenceError:
        return True
    return False


@pytest.mark.parametrize("host", PRIVATE, ids=ascii)
@pytest.mark.parametrize(
    "template", ["https://{}/", "https://{}:443/a?b#c", "HTTPS://{}", "https://{}?"]
)
def test_private_host_is_refused_in_every_spelling(host: str, template: str) -> None:
    with pytest.raises(BadReferenceError, match=r"points at a private address|is not a valid URL"):
        parse_reference(template.format(host))


@pytest.mark.parametrize("text", AMBIGUOUS, ids=short)
def test_ambiguous_url_is_refused(text: str) -> None:
    assert is_refused(text)


@pytest.mark.parametrize("text", OTHER_SCHEMES, ids=short)
def test_other_schemes_than_https_are_refused(text: str) -> None:
    assert is_refused(text)


def format_number(number: int, bits: int, form: str) -> str:
    value = number & ((1 << bits) - 1)
    return {"d": str(value), "x": f"{value:#x}", "X": f"0X{value:X}", "o": f"0{value:o}",
            "0": f"000{value:o}"}[form]  # fmt: skip


@given(
    st.ip_addresses(v=4),
    st.integers(1, 4),
    st.lists(st.sampled_from("ddddxXo0"), min_size=4, max_size=4),
    st.sampled_from(["{}", "{}.", "{}:8443"]),
    st.booleans(),
)
def test_ipv4_address_is_accepted_only_in_dotted_decimal(
    address: ipaddress.IPv4Address, count: int, forms: list[str], template: str, is_fullwidth: bool
) -> None:
    number, shifts = int(address), [24, 16, 8][: count - 1]
    parts = [format_number(number >> at, 8, form) for at, form in zip(shifts, forms, strict=False)]
    host = ".".join([*parts, format_number(number, 32 - 8 * len(shifts), forms[3])])
    assert socket.inet_aton(host) == address.packed

    text = f"https://{template.format(host.translate(FULLWIDTH) if is_fullwidth else host)}/"

    assert is_refused(text) == (host != str(address) or not is_public(address))


HOSTILE_HOSTS = st.lists(
    st.sampled_from(
        [*"aok1270x.@:/\\?#[]%;-_ \t\u3002\uff0e\u00ad\u200b\ufe00\u2460\uff11\u212a\u0661",
         "127.0.0.1", "cdn.ok", "%31", "8.8.8.8"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=examples(250))  # most examples are refused
@given(HOSTILE_HOSTS, st.sampled_from(["", ".ok", ".1", "/", "cdn.ok"]))
def test_accepted_url_has_the_same_host_in_every_parser(inside: str, end: str) -> None:
    text = f"https://{inside}{end}"
    if is_refused(text):
        return
    host = urlsplit(text).hostname or ""

    # Like parsers of the URL Standard, which drop these characters.
    lenient = re.sub(r"[\u00ad\u200b\ufe00]", "", unquote(host))
    assert lenient == host
    assert text.partition("://")[2].lower().startswith(host)
    if text.isascii():
        assert httpx.URL(text).raw_host.decode() == host
    with contextlib.suppress(OSError):
        assert is_public(ipaddress.ip_address(socket.inet_aton(host.rstrip("."))))


def test_only_known_adapters_can_open_connections() -> None:
    """The adapters of CDN and callbacks, and the provider's, whose URL is configured."""
    names = r"httpx|httpcore|socket|http\.client|urllib\.request|requests|urllib3"
    clients = re.compile(rf"^\s*(?:import|from) (?:{names})\b", re.M)

    with_client = {path for path in PACKAGE.rglob("*.py") if clients.search(path.read_text())}
    provider_adapters = set((PACKAGE / "adapters" / "wavespeed").glob("*.py"))

    assert {path.name for path in with_client - provider_adapters} == {
        "addresses.py",
        "callback_receivers.py",
        "cdn.py",
    }
