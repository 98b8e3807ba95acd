"""Reference images: four forms, and no address that a private network could answer."""

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
    parse_reference,
)


def wide(text: str) -> str:
    """In full-width letters, which a resolver reads as plain ones."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


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
]
PRIVATE = [
    "https://127.0.0.1/", "https://127.1/", "https://127.0.0.1./", "https://127.0.0.1../",
    "https://0/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/",
    "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/",
    "https://224.0.0.1/", "https://255.255.255.255/", "https://2130706433/", "https://0x7f000001/",
    "https://0x7f.0.0.1/", "https://0x7f.1/", "https://0X7F.1/", "https://127.0.0x1/",
    "https://0177.0.0.1/", "https://017700000001/", "https://127.0.1/", "https://169.254.43518/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::ffff:a9fe:a9fe]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd00:ec2::254]/",
    "https://[fec0::1]/", "https://[ff02::1]/", "https://[2001:db8::1]/",
    "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
    "https://printer/", "https://router.local/", "https://nas.lan/", "https://x.home.arpa/",
    "https://metadata.google.internal/", "https://METADATA.google.Internal./",
    f"https://metadata.google.{wide('internal')}/", f"https://{wide('localhost')}/",
    f"https://{wide('127')}.0.0.{wide('1')}/", "https://127。0。0。1/", "https://①②⑦.⓪.⓪.①/",
]  # fmt: skip
MALFORMED = [
    "https://", "https:///a.png", "https://:443/", "https://./", "https://[::1/", "https://[x]/",
    "https://a.com:port/", "https://a.com:99999/", "https://user@example.com/",
    "https://user:pass@example.com/", "https://@example.com/", "https://127.0.0.1\\.example.com/",
    "https://example.com\\@127.0.0.1/", "https://example.com/\r\nHost: x", "https://exa mple.com/",
    "https://example.com/\x00", "https://example.com/a\tb", "https://example.com/\x7f",
    "https://example.com/" + "x" * 8192,
]  # fmt: skip
OTHER_SCHEMES = [
    "http://example.com/a.png", "http://127.0.0.1/", "ftp://example.com/", "file:///etc/passwd",
    "gopher://example.com/", "HTTP://EXAMPLE.COM/", " https://example.com/", "//example.com/a.png",
    "javascript:alert(1)", "s3:/bucket/key", "https:/example.com",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_https_url_is_kept_as_it_is(text: str) -> None:
    assert parse_reference(text) == Url(url=text)


@pytest.mark.parametrize("text", PRIVATE)
def test_a_private_address_is_refused_however_it_is_written(text: str) -> None:
    with pytest.raises(BadReferenceError, match="points at a private address"):
        parse_reference(text)


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_url_is_refused(text: str) -> None:
    with pytest.raises(BadReferenceError, match=r"is not a valid URL|carries credentials"):
        parse_reference(text)


@pytest.mark.parametrize("text", OTHER_SCHEMES)
def test_no_other_scheme_is_a_reference(text: str) -> None:
    with pytest.raises(BadReferenceError, match=r"scheme|neither a URI nor valid base64"):
        parse_reference(text)


@given(st.ip_addresses(v=4))
def test_an_ipv4_literal_is_accepted_only_where_the_internet_is(
    address: ipaddress.IPv4Address,
) -> None:
    is_public = address.is_global and not address.is_multicast
    try:
        parse_reference(f"https://{address}/a.png")
    except BadReferenceError:
        assert not is_public
    else:
        assert is_public


@given(st.ip_addresses(v=4), st.sampled_from(["{:d}", "{:#x}", "{:#o}"]))
def test_an_ipv4_address_as_one_number_is_refused(
    address: ipaddress.IPv4Address, form: str
) -> None:
    with pytest.raises(BadReferenceError):
        parse_reference(f"https://{form.format(int(address))}/a.png")


@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.sampled_from(["::ffff:", "64:ff9b::", "::"]))
def test_a_private_ipv4_address_inside_an_ipv6_one_is_refused(
    address: ipaddress.IPv4Address, prefix: str
) -> None:
    with pytest.raises(BadReferenceError):
        parse_reference(f"https://[{prefix}{address}]/a.png")


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://assets/a.png", "assets", "a.png"),
        ("s3://my.bucket-1/jobs/x/0.png", "my.bucket-1", "jobs/x/0.png"),
        ("s3://assets//odd key/ü?#%20\n.png", "assets", "/odd key/ü?#%20\n.png"),
        ("s3://assets/../x", "assets", "../x"),
    ],
)
def test_an_s3_uri_names_a_bucket_and_any_key(text: str, bucket: str, key: str) -> None:
    assert parse_reference(text) == S3Object(bucket=bucket, key=key)


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3://bucket", "s3://bucket/", "s3:///key", "s3://B/key", "s3://Bucket/key",
     "s3://a_b_c/key", "s3://bu cket/key", f"s3://{'b' * 64}/key", f"s3://bucket/{'k' * 1025}"],
)  # fmt: skip
def test_a_malformed_s3_uri_is_refused(text: str) -> None:
    with pytest.raises(BadReferenceError, match="is not an s3://bucket/key URI"):
        parse_reference(text)


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["", "data:image/png;base64,",
       "data:;base64,", "DATA:image/svg+xml;charset=utf-8;BASE64,"]))  # fmt: skip
def test_bytes_come_out_of_base64_and_data_uris(data: bytes, prefix: str) -> None:
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


def test_base64_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(BadReferenceError, match="is larger than 20 MB"):
        parse_reference("A" * (MAX_REFERENCE_BYTES // 3 * 4 + 12))


@given(st.text() | st.builds("{}://{}".format, st.text(), st.text()))
@example("https://[v1.x]/")
@example("https://a.com:٣/")
def test_any_text_is_a_reference_or_refused_without_being_quoted(text: str) -> None:
    told = ""
    try:
        parse_reference(text)
    except BadReferenceError as error:
        told = str(error)

    assert len(text) < 12 or text not in told


def test_the_scheme_of_a_refused_reference_is_not_quoted() -> None:
    with pytest.raises(BadReferenceError) as caught:
        parse_reference("my-secret-word://x")

    assert "secret" not in str(caught.value)


def test_a_url_is_told_without_its_query() -> None:
    url = Url(url="https://example.com:8443/a.png?X-Amz-Signature=secret#fragment")

    assert str(url) == "https://example.com:8443/a.png"
    assert str(S3Object(bucket="b", key="k/x", version_id="1")) == "s3://b/k/x"
