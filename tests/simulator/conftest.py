"""Fixtures: one simulator for all tests, with a clock that only `advance` moves."""

import time
from collections.abc import Iterator

import pytest

from simulator.clock import Clock
from simulator.options import Setup
from simulator.testing import Provider, running
from tests.simulator.client import Api
from tests.simulator.receiver import Receiver, receiving

KEYS = ("wsk_first_key_0001", "wsk_second_key_0002")


@pytest.fixture(scope="session")
def _provider() -> Iterator[Provider]:
    start = time.time_ns()
    with running(Setup(keys=KEYS), clock=Clock(lambda: start), time_scale=1) as provider:
        yield provider


@pytest.fixture
def provider(_provider: Provider) -> Provider:
    _provider.reset()
    return _provider


@pytest.fixture(scope="session")
def _apis(_provider: Provider) -> Iterator[list[Api]]:
    apis = [Api(_provider, key) for key in KEYS]
    yield apis
    for api in apis:
        api.close()


@pytest.fixture
def api(provider: Provider, _apis: list[Api]) -> Api:
    return _apis[0]


@pytest.fixture
def other_api(provider: Provider, _apis: list[Api]) -> Api:
    return _apis[1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
