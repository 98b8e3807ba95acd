"""One local stack for all end-to-end tests, with IAM enforced, and a desk to ask it for jobs."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.events import Listener
from local.options import Options
from local.stack import Running, running
from tests.e2e.desk import Desk
from tests.e2e.shop import Shop
from tests.e2e.studio import Studio

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        chromium = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def studio(browser: Browser, desk: Desk) -> Iterator[Studio]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, bypass_csp=False, color_scheme="light"
    )
    yield Studio(context.new_page(), desk)
    context.close()
