"""Fixtures: one local stack with enforced IAM for all end-to-end tests, and its clients."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.events import Listener
from local.options import Options
from local.stack import Running, running
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio

# Twenty times faster than the real provider.
_TIME_SCALE = 0.05


@pytest.fixture(scope="session")
def local_stack() -> Iterator[Running]:
    with running(Options(time_scale=_TIME_SCALE), say=print) as stack:
        yield stack


@pytest.fixture(scope="session")
def deployment(local_stack: Running) -> Iterator[Deployment]:
    with Listener(local_stack.stack) as bus:
        yield Deployment(local_stack.stack, bus)


@pytest.fixture(scope="session")
def api_client(deployment: Deployment) -> Iterator[ApiClient]:
    with deployment.http_client(deployment.create_key("shop")) as client:
        yield ApiClient(client)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        chromium = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def studio(browser: Browser, deployment: Deployment) -> Iterator[Studio]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, bypass_csp=False, color_scheme="light"
    )
    page = context.new_page()
    yield Studio(page, deployment)
    page.unroute_all(behavior="ignoreErrors")  # of requests in flight
    context.close()
