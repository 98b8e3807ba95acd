"""Unit tests open no sockets."""

from collections.abc import Generator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def offline() -> Generator[None]:
    disable_socket()
    yield
    enable_socket()
