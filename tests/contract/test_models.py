"""Contract of the port Models: from the simulator through the bucket and QuoteFunction."""

import base64
import io
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from mypy_boto3_s3 import S3Client

from darkroom.adapters.quote_function import FunctionModels, QuoteFunction
from darkroom.adapters.s3.stored_models import KEY, StoredModels
from darkroom.adapters.wavespeed.models import WaveSpeedModels
from darkroom.domain.catalogue import Catalogue
from darkroom.handlers import quote
from darkroom.ports import Models
from simulator import testing
from simulator.catalog import CATALOG
from tests.contract.scripted_http import (
    BASE,
    Keys,
    ScriptedHttp,
    ScriptedResponse,
    envelope,
    error,
    html,
)
from tests.fakes.models import READ_AT, InMemoryModels, model
from tests.fakes.signals import StoppedClock

ENTRY = {"model_id": "maker/model", "name": "Model", "base_price": 0.035, "sort_order": 4}


def reply(response: ScriptedResponse) -> Catalogue | None:
    models = WaveSpeedModels(BASE, Keys(), StoppedClock(), ScriptedHttp(response).transport)
    return models.read()


def test_simulators_models_are_read(simulator: testing.Provider) -> None:
    models = WaveSpeedModels(simulator.provider_url, Keys(simulator.key), StoppedClock())
    with models._client:
        catalogue = models.read()

    assert catalogue is not None
    assert [each.id for each in catalogue.models] == list(CATALOG)
    assert all(each.fields and each.base_price_micro_usd for each in catalogue.models)


@pytest.mark.parametrize(
    ("price", "micro_usd"),
    [(0.035, 35_000), ("0.1", 100_000), (1, 1_000_000), (0, None), (-1, None), (None, None),
     ("x", None), (True, None), (1e300, None), ({}, None)],
)  # fmt: skip
def test_base_price(price: object, micro_usd: int | None) -> None:
    catalogue = reply(envelope([ENTRY | {"base_price": price}]))

    assert catalogue is not None
    assert catalogue.models[0].base_price_micro_usd == micro_usd


@pytest.mark.parametrize(
    "response",
    [envelope([]), envelope({}), envelope(None), envelope([ENTRY], code=500), error(500),
     error(401), html(502), httpx.ConnectError("x")],
    ids=["empty", "an object", "null", "a code", "500", "401", "a page", "no connection"],
)  # fmt: skip
def test_unreadable_reply_is_none(response: ScriptedResponse) -> None:
    assert reply(response) is None


def stored(client: S3Client, source: Models, clock: StoppedClock) -> StoredModels:
    def fail(failure: Exception) -> None:
        raise failure

    return StoredModels(source, client, "assets", clock, fail)


class Source:
    """Counts the reads of the provider's list."""

    def __init__(self, *models: str) -> None:
        self.reads = 0
        self.models: InMemoryModels = InMemoryModels([model(each) for each in models] or None)
        self.clock = StoppedClock()

    def read(self) -> Catalogue | None:
        self.reads += 1
        read = self.models.read()
        return read and read.model_copy(update={"read_at": self.clock()})


def test_new_instance_uses_the_copy_in_the_bucket(s3: S3Client) -> None:
    source = Source("maker/one")
    first = stored(s3, source, source.clock).read()

    second = stored(s3, source, source.clock).read()

    assert first == second
    assert first is not None
    assert source.reads == 1


def test_list_is_read_again_after_two_hours_and_stays_in_use_during_an_outage(
    s3: S3Client,
) -> None:
    source = Source("maker/one")
    models = stored(s3, source, source.clock)
    old = models.read()
    source.models.models = None

    source.clock.advance(timedelta(hours=2).total_seconds())

    assert models.read() == old
    assert models.read() == old
    assert source.reads == 2
    source.models.models = [model("maker/two")]
    source.clock.advance(60)
    newest = models.read()
    assert newest is not None
    assert [each.id for each in newest.models] == ["maker/two"]


def test_damaged_copy_is_reported_and_replaced(s3: S3Client) -> None:
    s3.put_object(Bucket="assets", Key=KEY, Body=b"text")
    reported: list[Exception] = []
    source = Source("maker/one")

    models = StoredModels(source, s3, "assets", source.clock, reported.append)

    assert models.read() is not None
    assert len(reported) == 1
    assert stored(s3, source, source.clock).read() is not None


def function(models: Models) -> FunctionModels:
    def invoke(**request: Any) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            ports = SimpleNamespace(stored_models=models)
            patch.setattr(quote, "app", lambda: SimpleNamespace(ports=ports))
            context = SimpleNamespace(aws_request_id="request")
            answer = quote.handler(json.loads(request["Payload"]), cast("Any", context))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    client = cast("Any", SimpleNamespace(invoke=invoke))
    return FunctionModels(QuoteFunction(client, "quote", lambda _: None), StoppedClock())


def test_function_returns_the_models_once_an_hour() -> None:
    source = Source("maker/one")
    models = function(source)

    first, second = models.read(), models.read()

    assert first is not None
    assert first is second
    assert source.reads == 1
    assert function(InMemoryModels(None)).read() is None


def test_reply_of_the_function_is_far_below_the_limit() -> None:
    properties = {
        f"field_{number}": {"type": "string", "description": f"Text {number} " * 10}
        for number in range(10)
    }
    many = tuple(model(f"maker/{number}", properties=properties) for number in range(1_200))
    catalogue = Catalogue(read_at=READ_AT, models=many)

    assert len(base64.b64encode(catalogue.compressed())) < 1_000_000
