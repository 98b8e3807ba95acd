"""The port Prices: the provider's quote over HTTP, from the simulator and from a scripted wire."""

from collections.abc import Generator
from typing import Any

import pytest

from darkroom.adapters.wavespeed_prices import WaveSpeedPrices
from darkroom.domain.pricing import AS_OF, estimate
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Prices, Quote
from local.provider import testing
from tests.contract.scripted_http import Keys
from tests.fakes.prices import InMemoryPrices
from tests.fakes.signals import StoppedClock

INPUT = {"prompt": "our secret plans", "quality": "high", "resolution": "2k", "seed": 7}
TODAY, TABLE = "2026-11-22", Quote(440_000, AS_OF)
CELLS = [(q, r) for q in ("low", "medium", "high") for r in ("1k", "2k", "4k")]

type Asked = dict[str, Any]


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def prices(simulator: testing.Provider, clock: StoppedClock) -> Generator[WaveSpeedPrices]:
    adapter = WaveSpeedPrices(simulator.provider_url, Keys(simulator.key), clock)
    with adapter._client:
        yield adapter


@pytest.fixture(params=["fake", "simulator"])
def either(request: pytest.FixtureRequest) -> Prices:
    if request.param == "fake":
        return InMemoryPrices()
    found: WaveSpeedPrices = request.getfixturevalue("prices")
    return found


def ask(prices: Prices, **changes: Any) -> Quote | None:
    return prices.quote(TEXT_TO_IMAGE_MODEL, INPUT | changes, 0)


def asked(simulator: testing.Provider) -> list[tuple[str, Asked]]:
    log = [each for each in simulator.requests(origin="api") if "/model/" in each["path"]]
    return [(each["path"].removeprefix("/api/v3/"), each["body"]) for each in log]


@pytest.mark.parametrize("images", [1, 3, 16])
@pytest.mark.parametrize(("quality", "resolution"), CELLS)
def test_a_quote_is_what_the_tables_say_as_long_as_they_hold(
    either: Prices, quality: str, resolution: str, images: int
) -> None:
    model_input = {"prompt": "x", "quality": quality, "resolution": resolution}

    for model, count in ((TEXT_TO_IMAGE_MODEL, 0), (EDIT_MODEL, images)):
        found = either.quote(model, model_input, count)
        assert found is not None
        assert found.micro_usd == estimate(model, model_input, count)


def test_a_quote_is_what_is_charged_and_says_its_day(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    simulator.options(discount_rate=0.33, prices="b")

    assert ask(prices) == Quote(268_000, TODAY)
    found = prices.quote(EDIT_MODEL, {"quality": "low", "resolution": "1k", "prompt": "x"}, 3)
    assert found == Quote(29_480, TODAY)


def test_a_model_without_a_table_has_the_providers_price(prices: WaveSpeedPrices) -> None:
    assert prices.quote("minimax/speech-02-turbo", {"text": "x"}, 0) == Quote(30_000, TODAY)
    assert prices.quote("no/such", {"prompt": "x"}, 0) is None


@pytest.mark.parametrize(("paths", "tried"), [("both", 1), ("newer", 1), ("older", 2)])
def test_either_path_will_do_and_the_one_that_works_is_remembered(
    simulator: testing.Provider, prices: WaveSpeedPrices, paths: str, tried: int
) -> None:
    simulator.options(price_paths=paths)

    assert ask(prices) == Quote(440_000, TODAY)
    assert ask(prices, quality="low") == Quote(20_000, TODAY)

    assert len(asked(simulator)) == tried + 1


def test_a_path_that_is_taken_back_later_is_left_too(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    for paths in ("older", "newer", "older"):
        simulator.options(price_paths=paths)
        assert ask(prices, resolution="1k", aspect_ratio=paths) == Quote(220_000, TODAY)
        prices._kept.clear()

    tried = [path.removeprefix("model/") for path, _ in asked(simulator)]
    assert tried == ["price", "pricing", "pricing", "price", "price", "pricing"]


@pytest.mark.parametrize(
    "fault",
    [
        ("price.http", {"status": 500}),
        ("price.http", {"status": 503, "body": "html"}),
        ("price.http", {"status": 400}),
        ("price.http", {"status": 429}),
        ("price.close", {}),
        ("price.not_json", {}),
        ("price.truncated", {}),
        ("price.body_code", {}),
        ("price.off", {"factor": 0.0}),
        ("price.off", {"factor": -1.0}),
        ("price.off", {"factor": 500.0}),
    ],
    ids=str,
)
def test_without_a_quote_the_tables_hold_for_a_minute(
    simulator: testing.Provider,
    prices: WaveSpeedPrices,
    clock: StoppedClock,
    fault: tuple[str, dict[str, Any]],
) -> None:
    simulator.options(prices="a")
    name, params = fault
    simulator.fault(name, **params)

    assert ask(prices, resolution="4k") == Quote(720_000, AS_OF)
    clock.advance(59)
    assert ask(prices, resolution="4k") == Quote(720_000, AS_OF)
    assert len(asked(simulator)) == 1

    clock.advance(1)
    assert ask(prices, resolution="4k") == Quote(660_000, TODAY)


def test_without_a_quote_or_a_table_the_price_is_unknown_and_not_zero(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    simulator.fault("price.http", status=500)

    assert prices.quote("minimax/speech-02-turbo", {"text": "x"}, 0) is None


def test_a_failure_of_one_model_is_no_other_models(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    simulator.fault("price.http", status=500, times=0, match={"model": EDIT_MODEL})

    assert prices.quote(EDIT_MODEL, INPUT, 1) == Quote(440_000, AS_OF)
    assert ask(prices) == Quote(440_000, TODAY)


def test_a_quote_is_asked_for_once_an_hour_whatever_the_words(
    simulator: testing.Provider, prices: WaveSpeedPrices, clock: StoppedClock
) -> None:
    for words in ("a", "a fox", "[[fault price.http]]"):
        assert ask(prices, prompt=words) == Quote(440_000, TODAY)
    clock.advance(3599)
    ask(prices)
    assert len(asked(simulator)) == 1

    simulator.options(discount_rate=0.5)
    clock.advance(1)
    assert ask(prices) == Quote(220_000, TODAY)
    assert len(asked(simulator)) == 2


def test_what_makes_a_price_is_asked_for_apart(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    for images in (1, 2):
        for quality in ("low", "high"):
            prices.quote(EDIT_MODEL, INPUT | {"quality": quality}, images)
    ask(prices)

    assert len(asked(simulator)) == 5


def test_no_word_and_no_link_of_a_caller_is_sent(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    prices.quote(EDIT_MODEL, INPUT, 2)
    other = {
        "text": "hush", "negative_prompt": "blur", "size": "1024*1024", "duration": 5,
        "strict": True, "image": "https://mine.s3/x?X-Amz-Signature=1",
        "notes": {"to": ["dear Ann", "data:,x"]},
    }  # fmt: skip
    prices.quote("minimax/speech-02-turbo", other, 0)

    (_, edit), (_, speech) = asked(simulator)
    picture = "https://example.com/picture.png"
    assert edit == {
        "model_id": EDIT_MODEL,
        "inputs": INPUT | {"prompt": "x", "images": [picture, picture]},
    }
    assert speech["inputs"] == {
        "text": "xxxx", "negative_prompt": "xxxx", "size": "1024*1024", "duration": 5,
        "strict": True, "image": picture, "notes": {"to": ["xxxxxxxx", picture]},
    }  # fmt: skip


def test_nobody_waits_long_for_a_price(
    simulator: testing.Provider, prices: WaveSpeedPrices
) -> None:
    assert prices._client.timeout.as_dict() == {"connect": 2, "read": 3, "write": 3, "pool": 3}
    simulator.fault("price.hang", seconds=30)
    prices._client.timeout = 0.2

    assert ask(prices) == TABLE
