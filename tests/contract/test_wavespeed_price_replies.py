"""Every reply to the question for a price, from a scripted wire: what is believed, and what not."""

from typing import Any

import httpx
import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from darkroom.adapters.wavespeed_prices import WaveSpeedPrices
from darkroom.domain.pricing import AS_OF
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL
from darkroom.ports import Quote
from tests.contract.scripted_http import BASE, Answer, Keys, ScriptedHttp, envelope, error, html
from tests.fakes.signals import StoppedClock

INPUT = {"prompt": "our secret plans", "quality": "high", "resolution": "2k"}
TODAY, TABLE = "2026-11-22", Quote(440_000, AS_OF)


def quoted(**data: Any) -> httpx.Response:
    return envelope({"model_id": TEXT_TO_IMAGE_MODEL, "currency": "USD", **data})


def over(
    http: ScriptedHttp, keys: Keys | None = None, clock: StoppedClock | None = None
) -> WaveSpeedPrices:
    return WaveSpeedPrices(BASE, keys or Keys(), clock or StoppedClock(), http.transport)


def ask(prices: WaveSpeedPrices, **changes: Any) -> Quote | None:
    return prices.quote(TEXT_TO_IMAGE_MODEL, INPUT | changes, 0)


def quote(answer: Answer) -> Quote | None:
    return ask(over(ScriptedHttp(answer)))


@pytest.mark.parametrize(
    ("data", "micro_usd"),
    [
        ({"price": 0.07}, 70_000),
        ({"unit_price": 0.07}, 70_000),
        ({"discounted_price": 0.05, "price": 0.07, "unit_price": 0.09}, 50_000),
        ({"discounted_price": None, "price": 0.07}, 70_000),
        ({"price": "0.07"}, 70_000),
        ({"price": 1}, 1_000_000),
        ({"price": 0.0000001}, 1),
        ({"price": 0.0600001}, 60_001),
        ({"price": 100}, 100_000_000),
    ],
)
def test_a_price_is_rounded_up_to_a_micro_usd(data: dict[str, Any], micro_usd: int) -> None:
    assert quote(quoted(**data)) == Quote(micro_usd, TODAY)


@pytest.mark.parametrize(
    "answer",
    [
        quoted(), quoted(price=0), quoted(price=-0.01), quoted(price=100.000001),
        quoted(price=True), quoted(price="cheap"), quoted(price=[1]), quoted(price="NaN"),
        quoted(price="Infinity"),
        quoted(discounted_price=0, price=1), quoted(price=1, currency="EUR"),
        envelope({"price": 1}), envelope([]), envelope(None), envelope({}, code=500), error(500),
        error(404), error(403), html(502), html(200), httpx.Response(204),
        httpx.Response(302, headers={"location": "https://evil.test/"}),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": NaN}}'),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": 1e999999}}'),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": 1e99999999999999999999}}'),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": ' + "9" * 5000 + "}}"),
        httpx.Response(200, text="[" * 100_000), httpx.Response(200, content=b"\x80\x81"),
        httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.DecodingError("x"),
        httpx.RemoteProtocolError("x"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_cannot_be_believed_is_no_quote(answer: Answer) -> None:
    assert quote(answer) == TABLE


def test_a_401_is_asked_once_more_with_a_key_read_afresh() -> None:
    http, keys = ScriptedHttp(error(401), quoted(price=0.5)), Keys("old", "new")

    assert ask(over(http, keys)) == Quote(500_000, TODAY)

    sent = [request.headers["authorization"] for request in http.requests]
    assert sent == ["Bearer old", "Bearer new"]


def test_a_key_that_stays_refused_is_not_tried_for_every_job() -> None:
    http = ScriptedHttp(error(401))
    prices = over(http)

    for seed in range(5):
        assert ask(prices, seed=seed) == TABLE

    assert len(http.requests) == 2


def test_a_key_that_cannot_be_read_stops_no_job() -> None:
    class NoKeys(Keys):
        def read(self, *, fresh: bool = False) -> SecretStr:
            raise GetParameterError("throttled")

    assert ask(over(ScriptedHttp(quoted(price=1)), NoKeys())) == TABLE


def test_a_provider_that_does_not_answer_holds_up_one_request_a_minute() -> None:
    clock = StoppedClock()
    http = ScriptedHttp(httpx.ReadTimeout("x"), quoted(price=0.5))
    prices = over(http, clock=clock)

    assert ask(prices) == TABLE
    assert ask(prices, quality="low") == Quote(20_000, AS_OF)
    assert len(http.requests) == 1

    clock.advance(60)
    assert ask(prices, quality="low") == Quote(500_000, TODAY)


def test_the_memory_has_an_end() -> None:
    prices = over(ScriptedHttp(quoted(price=1)))

    for seed in range(1_100):
        ask(prices, seed=seed)

    assert len(prices._kept) == 1_000


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["price", "unit_price", "discounted_price", "currency", "data"]), inner
        )
    ),
    max_leaves=8,
)


@settings(settings.get_profile("contract"), max_examples=200)
@given(st.sampled_from([200, 200, 404, 500]), JSON, st.booleans())
def test_any_reply_leads_to_a_price_of_more_than_nothing(
    status: int, body: Any, wrapped: bool
) -> None:
    if wrapped and isinstance(body, dict):
        body = {"code": 200, "data": {"currency": "USD"} | body}

    found = quote(httpx.Response(status, json=body))

    assert found is not None
    assert 0 < found.micro_usd <= 100_000_000
    assert found == TABLE or found.as_of == TODAY
