"""A response without the provider's envelope is unreadable for every read; none raises."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.prices import QuotedPrices
from darkroom.adapters.wavespeed.billing import WaveSpeedBilling
from darkroom.adapters.wavespeed.quotes import WaveSpeedQuotes
from darkroom.domain.errors import Code
from darkroom.domain.pricing import AS_OF
from darkroom.ports import ListedPrediction, Quote, Succeeded, Unreadable
from tests.contract.scripted_http import (
    BASE,
    ID,
    Keys,
    ScriptedHttp,
    ScriptedResponse,
    envelope,
    error,
    html,
    provider,
)
from tests.fakes.signals import StoppedClock
from tests.profiles import examples

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MODEL = "openai/gpt-image-2/text-to-image"
TABLE_PRICE = Quote(60_000, AS_OF)

MALFORMED: list[ScriptedResponse] = [
    httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.ReadTimeout("x"),
    httpx.RemoteProtocolError("x"), httpx.DecodingError("x"),
    error(404), error(408), error(429), error(500), error(503), html(200), html(502),
    httpx.Response(200), httpx.Response(204),
    httpx.Response(302, headers={"location": "https://evil.test/"}),
    httpx.Response(200, text='{"code": 200, "data": {"status": "compl'),
    httpx.Response(200, content=b"\x80\x81"), httpx.Response(200, text="[" * 100_000),
    httpx.Response(200, text="9" * 5000), httpx.Response(200, json=[]),
    envelope(None), envelope([]), envelope(5), envelope(None, code=500, message="x"),
]  # fmt: skip

type Read = Callable[[ScriptedHttp], object]


def two_keys() -> Keys:
    """Return a key that has been rotated since it was cached."""
    return Keys("old", "new")


def check(http: ScriptedHttp) -> object:
    return provider(http, two_keys()).check(ID)


def list_predictions(http: ScriptedHttp) -> object:
    return provider(http, two_keys()).list_predictions(MODEL, NOON, NOON + HOUR)


def quote(http: ScriptedHttp) -> object:
    quotes = WaveSpeedQuotes(BASE, two_keys(), StoppedClock(), http.transport)
    return QuotedPrices(quotes, StoppedClock()).quote(
        MODEL, {"quality": "medium", "resolution": "1k"}, 0
    )


def charges(http: ScriptedHttp) -> object:
    billing = WaveSpeedBilling(BASE, two_keys(), http.transport, lambda _: None)
    return billing.charges(NOON, NOON + HOUR)


def secret(http: ScriptedHttp) -> object:
    return provider(http, two_keys()).webhook_secret()


READS: dict[Read, object] = {
    check: Code.PROVIDER_UNAVAILABLE,
    list_predictions: None,
    quote: TABLE_PRICE,
    charges: None,
    secret: None,
}


@pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("response", MALFORMED, ids=lambda response: repr(response)[:40])
def test_malformed_response_is_unreadable(read: Read, response: ScriptedResponse) -> None:
    http = ScriptedHttp(response)

    result = read(http)

    assert (result.code if isinstance(result, Unreadable) else result) == READS[read]
    # Bills are retried, and prices have two paths.
    assert len(http.requests) == 1 or read in (charges, quote)


@pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__)
def test_401_is_retried_once_with_a_fresh_key(read: Read) -> None:
    http = ScriptedHttp(error(401))

    result = read(http)

    expected = Code.UNAUTHORIZED if read is check else READS[read]
    assert (result.code if isinstance(result, Unreadable) else result) == expected
    sent = [request.headers["authorization"] for request in http.requests]
    assert sent == ["Bearer old", "Bearer new"]


FIELDS = [
    "data", "items", "id", "uuid", "status", "outputs", "url", "error", "code", "price",
    "created_at", "inputs", "currency", "has_more", "billing_type", "secret",
]  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["failed", "completed", "deduct", "USD", "2026-11-22", "https://a.test/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__)
@settings(max_examples=examples(20))
@given(st.sampled_from([200, 200, 404, 500]), JSON, st.sampled_from(["", "data", "items"]))
def test_arbitrary_response_never_raises(read: Read, status: int, body: Any, field: str) -> None:
    data = {"items": body} if field == "items" else body
    http = ScriptedHttp(httpx.Response(status, json={"data": data} if field else data))

    match read(http):
        case Succeeded(outputs=outputs):
            assert outputs
            assert all(isinstance(url, str) and url for url in outputs)
        case Quote() as price:
            assert 0 < price.micro_usd <= 100_000_000
        case list() as items:
            assert status == 200
            assert read is charges or all(isinstance(item, ListedPrediction) for item in items)
