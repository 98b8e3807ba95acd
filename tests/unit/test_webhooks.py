"""Webhook signatures: the provider's scheme, checked with vectors (wavespeed-api.md 5.3)."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import webhooks

SECRET = "whsec_simulator_test_secret_0001"
ID = "e6832d4abffb4d79bfbca19783fca133"
SENT_AT = 1_790_000_000
COMPLETED = (
    b'{"id":"e6832d4abffb4d79bfbca19783fca133","model":"openai/gpt-image-2/edit",'
    b'"status":"completed","outputs":["https://cdn.test/output/a.png"],"error":""}'
)
VECTORS = [
    (COMPLETED, "4ab3b706bcb54bec4db2216ac01c668320c7884d5b6e15379a42ca59a12f3de0"),
    (b'{"a":1}', "9aaa21b9548800e5217625e8b450ccb88b8df6f9832ad758647695278ffe67cd"),
    (b'{"a": 1}', "f27ff55878d3c344fd7a54834e06c66a1d31d1095ae52b731379bede9f2ca405"),
]
BODY, HEX = VECTORS[0]


def headers(signature: str = f"v3,{HEX}", **changes: str | None) -> dict[str, str]:
    fields: dict[str, str | None] = {
        "webhook-id": ID,
        "webhook-timestamp": str(SENT_AT),
        "webhook-signature": signature,
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in fields.items() if value is not None}


def signature_of(body: bytes, secret: str = SECRET, webhook_id: str = ID, at: int = SENT_AT) -> str:
    key = secret.removeprefix("whsec_").encode()
    text = f"{webhook_id}.{at}.".encode() + body
    return "v3," + hmac.new(key, text, hashlib.sha256).hexdigest()


def is_genuine(
    request_headers: dict[str, str], body: bytes = BODY, *secrets: str, now: float = SENT_AT
) -> bool:
    return webhooks.is_genuine(request_headers, body, secrets or (SECRET,), now)


@pytest.mark.parametrize(("body", "digest"), VECTORS)
def test_signature_vectors(body: bytes, digest: str) -> None:
    assert signature_of(body) == f"v3,{digest}"
    assert is_genuine(headers(f"v3,{digest}"), body)


@given(st.binary(max_size=200), st.text(max_size=20), st.text(min_size=1, max_size=40))
def test_any_change_of_body_secret_or_id_invalidates_the_signature(
    body: bytes, webhook_id: str, secret: str
) -> None:
    request_headers = headers(signature_of(body, secret, webhook_id), webhook_id=webhook_id)

    assert is_genuine(request_headers, body, secret)
    assert not is_genuine(request_headers, body + b" ", secret)
    assert not is_genuine(request_headers, body, secret + "x")
    assert not is_genuine(request_headers | {"webhook-id": webhook_id + "x"}, body, secret)


@pytest.mark.parametrize("secrets", [(SECRET, "other"), ("other", SECRET), ("a", SECRET, "b")])
def test_any_of_several_secrets_is_accepted(secrets: tuple[str, ...]) -> None:
    assert is_genuine(headers(), BODY, *secrets)


def test_webhook_is_refused_without_the_secret() -> None:
    assert not webhooks.is_genuine(headers(), BODY, [], SENT_AT)
    assert not is_genuine(headers(), BODY, "other")


@pytest.mark.parametrize(
    "signature",
    [
        f"v3,{HEX} v3,0",
        f"v1,abc v3,{HEX}",
        f"  v3,{HEX}  ",
        f"v4,{HEX}\tv3,{HEX}",
    ],
)
def test_any_of_several_signatures_is_accepted(signature: str) -> None:
    assert is_genuine(headers(signature))


@pytest.mark.parametrize(
    "signature",
    ["", "v3,", HEX, f"v1,{HEX}", f"v3,{HEX.upper()}", f"v3,{HEX[:-1]}", f"v3, {HEX}",
     f"v3,{HEX}0", f"sha256={HEX}", f"V3,{HEX}", f"v3,{HEX},v3,{HEX}"],
)  # fmt: skip
def test_other_signature_schemes_are_refused(signature: str) -> None:
    assert not is_genuine(headers(signature))


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_header_is_refused(missing: str) -> None:
    request_headers = {name: value for name, value in headers().items() if name != missing}

    assert not is_genuine(request_headers)
    assert not is_genuine(request_headers | {missing: ""})


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0, True), (299.9, True), (300, True), (300.1, False), (-300, True), (-301, False)],
)
def test_timestamp_older_or_newer_than_5_minutes_is_refused(now: float, expected: bool) -> None:
    assert is_genuine(headers(), now=SENT_AT + now) is expected


@pytest.mark.parametrize(
    "timestamp",
    ["", "soon", "1790000000.0", "-1790000000", " 1790000000", "1_790_000_000", "1790000000\n",
     "9" * 400, "١٧٩٠٠٠٠٠٠٠", "0x6ab17b80"],
)  # fmt: skip
def test_invalid_timestamp_is_refused(timestamp: str) -> None:
    text = f"{ID}.{timestamp}.".encode() + BODY
    key = SECRET.removeprefix("whsec_").encode()
    signature = "v3," + hmac.new(key, text, hashlib.sha256).hexdigest()

    assert not is_genuine(headers(signature, webhook_timestamp=timestamp))


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_random_headers_are_refused(signature: str, webhook_id: str, timestamp: str) -> None:
    request_headers = {
        "webhook-signature": signature,
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
    }

    assert not is_genuine(request_headers)
    assert not is_genuine(request_headers | {"webhook-timestamp": str(SENT_AT)})


@pytest.mark.parametrize("header", ["webhook-id", "webhook-signature"])
def test_lone_surrogate_in_a_header_is_refused(header: str) -> None:
    assert not is_genuine(headers() | {header: "v3,\ud800"})


def test_non_ascii_headers_are_compared() -> None:
    assert not is_genuine(headers("v3,é"))
    assert is_genuine(headers(signature_of(BODY, webhook_id="größe"), webhook_id="größe"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (COMPLETED, ID),
        (b'{"code":200,"message":"success","data":{"id":"p-1","status":"failed"}}', "p-1"),
        (b'{"id":"p-1","data":null}', "p-1"),
        (b'{"id":"p-1","data":[]}', "p-1"),
        ('{"id":"größe"}'.encode(), "größe"),
        (b"{}", None),
        (b'{"id":""}', None),
        (b'{"id":7}', None),
        (b'{"id":null}', None),
        (b'["p-1"]', None),
        (b'"p-1"', None),
        (b"", None),
        (b"<html>", None),
        (b"\xff\xfe\x00", None),
        (b"[" * 100_000, None),
    ],
)
def test_prediction_id_of_a_webhook_body(body: bytes, expected: str | None) -> None:
    assert webhooks.prediction_id(body) == expected
