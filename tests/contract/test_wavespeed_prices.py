"""Contract of the port Prices: in memory, and through QuoteFunction against the simulator."""

from collections.abc import Generator
from typing import Any

import pytest

from darkroom.adapters.prices import QuotedPrices
from darkroom.adapters.wavespeed.quotes import WaveSpeedQuotes
from darkroom.domain.pricing import AS_OF, estimate_cost
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Prices, Quote
from simulator import testing
from tests.contract.quote_function import quote_function
from tests.contract.scripted_http import Keys
from tests.fakes.prices import InMemoryPrices
from tests.fakes.signals import StoppedClock

INPUT = {"prompt": "our secret plans", "quality": "high", "resolution": "2k", "seed": 7}
TODAY, TABLE = "2026-11-22", Quote(440_000, AS_OF)
type RequestBody = dict[str, Any]


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def prices(simulator: testing.Provider, clock: StoppedClock) -> Generator[QuotedPrices]:
    quotes = WaveSpeedQuotes(simulator.provider_url, Keys(simulator.key), clock)
    with quotes._client:
        yield QuotedPrices(quote_function(quotes), clock)


@pytest.fixture(params=["fake", "simulator"])
def any_prices(request: pytest.FixtureRequest) -> Prices:
    if request.param == "fake":
        return InMemoryPrices()
    adapter: QuotedPrices = request.getfixturevalue("prices")
    return adapter


def quote_with(prices: Prices, **changes: Any) -> Quote | None:
    return prices.quote(TEXT_TO_IMAGE_MODEL, INPUT | changes, 0)


def price_requests(simulator: testing.Provider) -> list[tuple[str, RequestBody]]:
    log = [record for record in simulator.requests(origin="api") if "/model/" in record["path"]]
    return [(record["path"].removeprefix("/api/v3/"), record["body"]) for record in log]


@pytest.mark.parametrize("resolution", ["1k", "2k", "4k"])
@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_quote_matches_the_price_table(any_prices: Prices, quality: str, resolution: str) -> None:
    model_input = {"prompt": "x", "quality": quality, "resolution": resolution}

    for model, count in ((TEXT_TO_IMAGE_MODEL, 0), (EDIT_MODEL, 1), (EDIT_MODEL, 3)):
        result = any_prices.quote(model, model_input, count)
        assert result is not None
        assert result.micro_usd == estimate_cost(model, model_input, count)


def test_quote_is_the_discounted_price_of_today(
    simulator: testing.Provider, prices: QuotedPrices
) -> None:
    simulator.options(discount_rate=0.33, prices="b")

    assert quote_with(prices) == Quote(268_000, TODAY)
    result = prices.quote(EDIT_MODEL, {"quality": "low", "resolution": "1k", "prompt": "x"}, 3)
    assert result == Quote(29_480, TODAY)


def test_model_without_a_table_has_the_price_of_the_provider(prices: QuotedPrices) -> None:
    assert prices.quote("minimax/speech-02-turbo", {"text": "x"}, 0) == Quote(30_000, TODAY)
    assert prices.quote("no/such", {"prompt": "x"}, 0) is None


@pytest.mark.parametrize(("paths", "request_count"), [("both", 1), ("newer", 1), ("older", 2)])
def test_working_price_path_is_remembered(
    simulator: testing.Provider, prices: QuotedPrices, paths: str, request_count: int
) -> None:
    simulator.options(price_paths=paths)

    assert quote_with(prices) == Quote(440_000, TODAY)
    assert quote_with(prices, quality="low") == Quote(20_000, TODAY)

    assert len(price_requests(simulator)) == request_count + 1


def test_removed_price_path_is_replaced(simulator: testing.Provider, prices: QuotedPrices) -> None:
    for paths in ("older", "newer", "older"):
        simulator.options(price_paths=paths)
        assert quote_with(prices, resolution="1k", aspect_ratio=paths) == Quote(220_000, TODAY)
        prices._cache.clear()

    paths_requested = [path.removeprefix("model/") for path, _ in price_requests(simulator)]
    assert paths_requested == ["price", "pricing", "pricing", "price", "price", "pricing"]


@pytest.mark.parametrize(
    "fault",
    [
        ("price.http", {"status": 503, "body": "html"}),
        ("price.close", {}),
        ("price.off", {"factor": 0.0}),
        ("price.off", {"factor": -1.0}),
        ("price.off", {"factor": 500.0}),
    ],
    ids=str,
)
def test_failed_quote_uses_the_table_for_a_minute(
    simulator: testing.Provider,
    prices: QuotedPrices,
    clock: StoppedClock,
    fault: tuple[str, dict[str, Any]],
) -> None:
    simulator.options(prices="a")
    name, params = fault
    simulator.fault(name, **params)

    assert quote_with(prices, resolution="4k") == Quote(720_000, AS_OF)
    clock.advance(59)
    assert quote_with(prices, resolution="4k") == Quote(720_000, AS_OF)
    assert len(price_requests(simulator)) == 1

    clock.advance(1)
    assert quote_with(prices, resolution="4k") == Quote(660_000, TODAY)


def test_quote_is_cached_for_an_hour_independent_of_the_prompt(
    simulator: testing.Provider, prices: QuotedPrices, clock: StoppedClock
) -> None:
    for prompt in ("a", "a fox", "[[fault price.http]]"):
        assert quote_with(prices, prompt=prompt) == Quote(440_000, TODAY)
    clock.advance(3599)
    quote_with(prices)
    assert len(price_requests(simulator)) == 1

    simulator.options(discount_rate=0.5)
    clock.advance(1)
    assert quote_with(prices) == Quote(220_000, TODAY)
    assert len(price_requests(simulator)) == 2


def test_cache_distinguishes_inputs_that_change_the_price(
    simulator: testing.Provider, prices: QuotedPrices
) -> None:
    for images in (1, 2):
        for quality in ("low", "high"):
            prices.quote(EDIT_MODEL, INPUT | {"quality": quality}, images)
    quote_with(prices)

    assert len(price_requests(simulator)) == 5


def test_request_contains_no_prompt_and_no_url_of_the_caller(
    simulator: testing.Provider, prices: QuotedPrices
) -> None:
    prices.quote(EDIT_MODEL, INPUT, 2)
    speech_input = {
        "text": "hush", "negative_prompt": "blur", "size": "1024*1024", "duration": 5,
        "strict": True, "image": "https://mine.s3/x?X-Amz-Signature=1",
        "notes": {"to": ["dear Ann", "data:,x"]},
    }  # fmt: skip
    prices.quote("minimax/speech-02-turbo", speech_input, 0)

    (_, edit), (_, speech) = price_requests(simulator)
    image_url = "https://example.com/picture.png"
    assert edit == {
        "model_id": EDIT_MODEL,
        "inputs": INPUT | {"prompt": "x", "images": [image_url, image_url]},
    }
    assert speech["inputs"] == {
        "text": "xxxx", "negative_prompt": "xxxx", "size": "1024*1024", "duration": 5,
        "strict": True, "image": image_url, "notes": {"to": ["xxxxxxxx", image_url]},
    }  # fmt: skip


def test_object_in_a_text_is_priced_by_the_length_of_its_presigned_url(
    simulator: testing.Provider, prices: QuotedPrices
) -> None:
    text = "see s3://assets/uploads/a.png and s3://assets/uploads/b.png"
    prices.quote("minimax/speech-02-turbo", {"text": text}, 0)

    (_, body) = price_requests(simulator)[-1]
    assert len(body["inputs"]["text"]) == len(text) + 2 * 2000


@pytest.mark.parametrize("start", ["https://a.b/", "https://a.b/ ", "data:", "s3: ", "HTTP://"])
def test_text_that_begins_like_a_link_is_priced_by_its_length(
    simulator: testing.Provider, prices: QuotedPrices, start: str
) -> None:
    text = start + "a" * 5000
    prices.quote("minimax/speech-02-turbo", {"text": text}, 0)

    (_, body) = price_requests(simulator)[-1]
    assert len(body["inputs"]["text"]) == len(text)
    assert "aaaa" not in body["inputs"]["text"]


def test_words_after_a_link_are_priced_by_their_length_in_every_field(
    simulator: testing.Provider, prices: QuotedPrices
) -> None:
    prices.quote("minimax/speech-02-turbo", {"lyrics": "https://a.b/ " + "a" * 5000}, 0)

    (_, body) = price_requests(simulator)[-1]
    assert body["inputs"] == {"lyrics": "x" * 5013}
