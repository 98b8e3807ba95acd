"""Unit tests open no sockets, and Hypothesis generates the same examples in every run."""

from collections.abc import Generator

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

settings.register_profile("darkroom", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("darkroom")


@pytest.fixture(autouse=True)
def offline() -> Generator[None]:
    disable_socket()
    yield
    enable_socket()
