"""One local stack for all end-to-end tests, with IAM enforced, and a desk to ask it for jobs."""

from collections.abc import Iterator

import pytest

from local.events import Listener
from local.options import Options
from local.stack import Running, running
from tests.e2e.desk import Desk
from tests.e2e.shop import Shop

# Twenty times as fast as the real provider.
_TIME_SCALE = 0.05


@pytest.fixture(scope="session")
def local_stack() -> Iterator[Running]:
    with running(Options(time_scale=_TIME_SCALE), say=print) as stack:
        yield stack


@pytest.fixture(scope="session")
def desk(local_stack: Running) -> Iterator[Desk]:
    with Listener(local_stack.stack) as bus:
        yield Desk(local_stack.stack, bus)


@pytest.fixture(scope="session")
def shop(desk: Desk) -> Iterator[Shop]:
    with desk.http(desk.key("shop")) as client:
        yield Shop(client)
