"""QuoteFunction: what its caller sends, and the outcomes of an invocation."""

import io
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from darkroom.adapters.prices import QuotedPrices
from darkroom.adapters.quote_function import QuoteFunction
from darkroom.domain.pricing import AS_OF
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import NoQuote, Quote
from tests.contract.quote_function import quote_function
from tests.fakes.signals import StoppedClock

SETTINGS: dict[str, Any] = {"quality": "high", "resolution": "2k"}
TABLE = Quote(440_000, AS_OF)


class Quotes:
    """Quotes one price, and keeps the inputs."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def request(self, model: str, inputs: dict[str, Any]) -> Quote | NoQuote:
        del model
        self.requests.append(inputs)
        return Quote(70_000, "2026-11-22")


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "lambda",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_event_of_the_function_has_no_prompt_and_no_url_of_the_caller() -> None:
    payloads: list[str] = []
    prices = QuotedPrices(quote_function(Quotes(), payloads), StoppedClock())

    prices.quote(EDIT_MODEL, SETTINGS | {"prompt": "our secret plans"}, 2)
    speech = {"text": "hush", "image": "https://mine.s3/x?X-Amz-Signature=1"}
    assert prices.quote("minimax/speech", speech, 0) == Quote(70_000, "2026-11-22")

    assert len(payloads) == 2
    for secret in ("secret plans", "hush", "mine.s3", "Signature"):
        assert secret not in str(payloads)


def test_quotes_of_the_function_are_cached() -> None:
    quotes = Quotes()
    prices = QuotedPrices(quote_function(quotes), StoppedClock())

    for prompt in ("a", "b", "a longer prompt"):
        prices.quote(TEXT_TO_IMAGE_MODEL, SETTINGS | {"prompt": prompt}, 0)

    assert len(quotes.requests) == 1


@pytest.mark.parametrize("failure", ["throttled", "crashed", "timed out"])
def test_failed_invocation_is_reported_and_uses_the_table(
    client: Any, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    reported: list[Exception] = []
    prices = QuotedPrices(QuoteFunction(client, "quote", reported.append), StoppedClock())
    stubber = Stubber(client)
    if failure == "throttled":
        stubber.add_client_error("invoke", "TooManyRequestsException")
    elif failure == "crashed":
        body = io.BytesIO(b'{"errorType": "CrashError"}')
        stubber.add_response("invoke", {"FunctionError": "Unhandled", "Payload": body})
    else:

        def time_out(**_: Any) -> None:
            raise ReadTimeoutError(endpoint_url="x")

        monkeypatch.setattr(client, "invoke", time_out)
    with stubber:
        first = prices.quote(TEXT_TO_IMAGE_MODEL, SETTINGS, 0)
        # No second invocation within a minute: the stub would refuse it.
        second = prices.quote(TEXT_TO_IMAGE_MODEL, SETTINGS | {"quality": "low"}, 0)

    assert first == TABLE
    assert second == Quote(20_000, AS_OF)
    assert len(reported) == 1


def test_published_price_needs_no_invocation() -> None:
    quotes = Quotes()
    prices = QuotedPrices(quote_function(quotes), StoppedClock())

    assert prices.published(TEXT_TO_IMAGE_MODEL, SETTINGS, 0) == TABLE
    assert prices.published("minimax/speech", {}, 0) is None
    assert quotes.requests == []
