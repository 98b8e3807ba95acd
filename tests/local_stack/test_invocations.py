"""The emulator's client invokes a function once and waits for its end."""

import pytest
from botocore.exceptions import ConnectionClosedError

from local.emulator import Emulator
from reliability.proxy import DropError, Proxy, Request, Response
from tests.infra.template import functions, properties


def test_invocation_without_a_response_is_not_repeated() -> None:
    invoked: list[str] = []

    def drop(request: Request) -> Response:
        invoked.append(request.target)
        raise DropError

    with Proxy(drop) as emulator, pytest.raises(ConnectionClosedError):
        Emulator(emulator.url).client("lambda").invoke(FunctionName="Submit")

    assert invoked == ["/2015-03-31/functions/Submit/invocations"]


def test_client_waits_longer_than_the_timeout_of_every_function() -> None:
    client = Emulator("http://127.0.0.1:1").client("lambda")

    assert client.meta.config.read_timeout > max(
        properties(name)["Timeout"] for name in functions()
    )
