"""Responses of the price API: accepted prices, and fallbacks to the price table."""

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from darkroom.adapters.prices import QuotedPrices
from darkroom.adapters.wavespeed.quotes import WaveSpeedQuotes
from darkroom.domain.pricing import AS_OF
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL
from darkroom.ports import Quote
from tests.contract.quote_function import quote_function
from tests.contract.scripted_http import (
    BASE,
    Keys,
    ScriptedHttp,
    ScriptedResponse,
    envelope,
    error,
)
from tests.fakes.signals import StoppedClock

INPUT = {"prompt": "our secret plans", "quality": "high", "resolution": "2k"}
TODAY, TABLE = "2026-11-22", Quote(440_000, AS_OF)


def priced(**data: Any) -> httpx.Response:
    return envelope({"model_id": TEXT_TO_IMAGE_MODEL, "currency": "USD", **data})


def prices_over(
    http: ScriptedHttp, keys: Keys | None = None, clock: StoppedClock | None = None
) -> QuotedPrices:
    now = clock or StoppedClock()
    quotes = WaveSpeedQuotes(BASE, keys or Keys(), now, http.transport)
    return QuotedPrices(quote_function(quotes), now)


def quote_with(prices: QuotedPrices, **changes: Any) -> Quote | None:
    return prices.quote(TEXT_TO_IMAGE_MODEL, INPUT | changes, 0)


def quote(response: ScriptedResponse) -> Quote | None:
    return quote_with(prices_over(ScriptedHttp(response)))


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
def test_price_is_rounded_up_to_a_micro_usd(data: dict[str, Any], micro_usd: int) -> None:
    assert quote(priced(**data)) == Quote(micro_usd, TODAY)


@pytest.mark.parametrize(
    "response",
    [
        priced(), priced(price=0), priced(price=-0.01), priced(price=100.000001),
        priced(price=True), priced(price="cheap"), priced(price=[1]), priced(price="NaN"),
        priced(price="Infinity"),
        priced(discounted_price=0, price=1), priced(price=1, currency="EUR"),
        envelope({"price": 1}), error(403),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": NaN}}'),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": 1e999999}}'),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": 1e99999999999999999999}}'),
        httpx.Response(200, text='{"data": {"currency": "USD", "price": ' + "9" * 5000 + "}}"),
    ],
    ids=repr,
)  # fmt: skip
def test_invalid_price_response_uses_the_table(response: ScriptedResponse) -> None:
    assert quote(response) == TABLE


def test_refused_key_is_not_retried_for_every_job() -> None:
    http = ScriptedHttp(error(401))
    prices = prices_over(http)

    for seed in range(5):
        assert quote_with(prices, seed=seed) == TABLE

    assert len(http.requests) == 2


def test_unreadable_key_uses_the_table() -> None:
    class NoKeys(Keys):
        def read(self, *, fresh: bool = False) -> SecretStr:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue")

    assert quote_with(prices_over(ScriptedHttp(priced(price=1)), NoKeys())) == TABLE


def test_timeout_delays_one_request_per_minute() -> None:
    clock = StoppedClock()
    http = ScriptedHttp(httpx.ReadTimeout("x"), priced(price=0.5))
    prices = prices_over(http, clock=clock)

    assert quote_with(prices) == TABLE
    assert quote_with(prices, quality="low") == Quote(20_000, AS_OF)
    assert len(http.requests) == 1

    clock.advance(60)
    assert quote_with(prices, quality="low") == Quote(500_000, TODAY)


def test_cache_holds_at_most_1000_quotes() -> None:
    prices = prices_over(ScriptedHttp(priced(price=1)))

    for seed in range(1_100):
        quote_with(prices, seed=seed)

    assert len(prices._cache) == 1_000
