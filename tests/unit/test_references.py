"""Reference images in every form; test_ssrf covers the refused URLs."""

import base64
import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from darkroom.domain.references import (
    MAX_REFERENCE_BYTES,
    BadReferenceError,
    S3Object,
    Url,
    is_public,
    parse_reference,
)

PUBLIC = [
    "https://example.com/a.png",
    "HTTPS://EXAMPLE.com/A.png",
    "https://example.com:8443/a.png?X-Amz-Signature=abc&x=%20#part",
    "https://example.com./a.png",
    "https://bücher.example/ü.png",
    "https://8.8.8.8/a.png",
    "https://[2606:4700::6810:84e5]/a.png",
    "https://1password.com/a.png",
    "https://0xdeadbeef.com/a.png",
    "https://localhost.example.com/a.png",
    "https://example.com/http://127.0.0.1/",
    "https://cdn.ok/a@b", "https://cdn.ok/?a=b@c", "https://my_bucket.cdn.ok/", "https://xn--p1ai.ok/",
    "https://пример.рф/ü.png", "https://उदाहरण.भारत/", "https://例え.テスト/a", "https://a-b.co.uk:8443/",
    "https://cdn.ok/👩\u200d👧.png", "https://cdn.ok/%00%0d%0a", "https://cdn.ok?size=1",
    # Names that resolve to a private address: the downloader and the provider check the address.
    "https://127.0.0.1.nip.io/", "https://localtest.me/", "https://0x7f.example.com/",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_https_url_is_kept_unchanged(text: str) -> None:
    assert parse_reference(text) == Url(url=text)


def test_refusal_has_a_specific_reason() -> None:
    for text, reason in {
        "https://10.0.0.1/": "points at a private address",
        "https://user:pass@example.com/": "has a user name or password in its URL",
        "https://exa mple.com/": "is not a valid URL",
        "https://[::1/": "is not a valid URL",
        "https://": "is not a valid URL",
        "ftp://example.com/": "has a scheme that is not allowed",
        "file:/etc/passwd": "is neither a URI nor valid base64",
    }.items():
        with pytest.raises(BadReferenceError, match=reason):
            parse_reference(text)


@given(st.ip_addresses(v=4), st.integers(0, 2**32 - 1))
def test_ipv6_address_with_an_embedded_ipv4_address_is_not_public(
    ipv4: ipaddress.IPv4Address, other_bits: int
) -> None:
    packed = ipv4.packed
    ipv6_addresses = [
        bytes(10) + b"\xff\xff" + packed,  # IPv4-mapped
        bytes(12) + packed,  # IPv4-compatible, deprecated
        bytes.fromhex("0064ff9b0000000000000000") + packed,  # NAT64
        bytes.fromhex("0064ff9b0001") + bytes(6) + packed,  # local-use NAT64
        bytes.fromhex("2002") + packed + bytes(6) + other_bits.to_bytes(4),  # 6to4
        bytes.fromhex("20010000") + other_bits.to_bytes(4) + bytes(4) + packed,  # Teredo
    ]

    assert not any(is_public(ipaddress.ip_address(ipv6)) for ipv6 in ipv6_addresses)


@given(st.ip_addresses())
def test_ip_literal_is_accepted_only_if_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    host = str(address) if address.version == 4 else f"[{address}]"
    try:
        parse_reference(f"https://{host}/a.png")
    except BadReferenceError:
        assert not is_public(address)
    else:
        assert is_public(address)
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://assets/a.png", "assets", "a.png"),
        ("s3://my.bucket-1/jobs/x/0.png", "my.bucket-1", "jobs/x/0.png"),
        ("s3://assets//odd key/ü?#%20\n.png", "assets", "/odd key/ü?#%20\n.png"),
        ("s3://assets/../x", "assets", "../x"),
    ],
)
def test_s3_uri_is_parsed_into_bucket_and_key(text: str, bucket: str, key: str) -> None:
    assert parse_reference(text) == S3Object(bucket=bucket, key=key)


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3://bucket", "s3://bucket/", "s3:///key", "s3://B/key", "s3://Bucket/key",
     "s3://a_b_c/key", "s3://bu cket/key", f"s3://{'b' * 64}/key", f"s3://bucket/{'k' * 1025}"],
)  # fmt: skip
def test_malformed_s3_uri_is_refused(text: str) -> None:
    with pytest.raises(BadReferenceError, match="is not an s3://bucket/key URI"):
        parse_reference(text)


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["", "data:image/png;base64,",
       "data:;base64,", "DATA:image/svg+xml;charset=utf-8;BASE64,"]))  # fmt: skip
def test_base64_and_data_uris_are_decoded(data: bytes, prefix: str) -> None:
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))

    assert parse_reference(prefix + text) == data
    assert parse_reference(prefix + lines) == data


@pytest.mark.parametrize(
    "text",
    ["", " ", "!", "YQ", "YQ=", "YQ==YQ==", "Y-_=", "data:", "data:image/png,abc", "data:,aGk=",
     "data:image/png;base64", "data:image/png;base64,", "data:image/png;base64,%%%", "é", "\x00"],
)  # fmt: skip
def test_malformed_base64_is_refused(text: str) -> None:
    with pytest.raises(BadReferenceError):
        parse_reference(text)


def test_base64_over_the_limit_is_refused_before_decoding() -> None:
    with pytest.raises(BadReferenceError, match="is larger than 20 MB"):
        parse_reference("A" * (MAX_REFERENCE_BYTES // 3 * 4 + 12))


@given(st.text() | st.builds("{}://{}".format, st.text(), st.text()))
@example("https://[v1.x]/")
@example("https://a.com:٣/")
def test_random_text_is_a_reference_or_refused_without_being_quoted(text: str) -> None:
    message = ""
    try:
        parse_reference(text)
    except BadReferenceError as error:
        message = str(error)

    assert len(text) < 12 or text not in message


def test_url_string_has_no_query() -> None:
    url = Url(url="https://example.com:8443/a.png?X-Amz-Signature=secret#fragment")

    assert str(url) == "https://example.com:8443/a.png"
    assert str(S3Object(bucket="b", key="k/x", version_id="1")) == "s3://b/k/x"
