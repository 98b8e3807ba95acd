"""The worker killer kills the sender of a request, before forwarding it or after its effect."""

import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from reliability.functions import AWS_URL, PROVIDER_URL
from reliability.http_messages import DropError, Response
from reliability.proxy import ProxiedRequest, Proxy
from reliability.worker_killer import KillPoint, Moment, WorkerKiller, killer_proxies
from tests.reliability import fake_workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PUTS = ["PUT /a one", "PUT /b two", "PUT /b three"]


class Scene(NamedTuple):
    killer: WorkerKiller
    url: str
    received: list[str]
    start: Callable[..., Popen[str]]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    received: list[str] = []

    def receive(proxied: ProxiedRequest) -> Response:
        received.append(proxied.request.body.decode())
        return Response(200, (), b"done")

    killer = WorkerKiller(lambda name: name.split("-")[1])
    started: list[Popen[str]] = []

    def start(*args: object, **kwargs: object) -> Popen[str]:
        started.append(fake_workers.start(tmp_path, *args, **kwargs))  # type: ignore[arg-type]
        return started[-1]

    with Proxy(receive) as upstream, killer_proxies(killer, upstream.url, upstream.url) as urls:
        host = urlsplit(urls[PROVIDER_URL]).netloc
        yield Scene(killer, urls[AWS_URL], received, partial(start, host))
    for process in started:
        process.kill()
        process.communicate()


def wait_for(worker: Popen[str]) -> tuple[list[str], int]:
    out, _ = worker.communicate(timeout=20)
    return out.split(), worker.returncode


def test_requests_are_recorded_with_their_function(scene: Scene) -> None:
    worker = scene.start(PUTS)

    assert wait_for(worker) == (["200"] * 3, 0)

    assert {
        (request.function, request.pid, request.status) for request in scene.killer.observed
    } == {("Submit", worker.pid, 200)}
    assert scene.killer.kill_points("Sub*") == [
        KillPoint("Submit", "PUT /a", 1),
        KillPoint("Submit", "PUT /b", 1),
        KillPoint("Submit", "PUT /b", 2),
    ]
    assert scene.killer.kill_points("Check") == []


@pytest.mark.parametrize(
    ("moment", "received"), [("before", ["one", "two"]), ("after", ["one", "two", "three"])]
)
def test_worker_is_killed_at_nth_matching_request(
    scene: Scene, moment: Moment, received: list[str]
) -> None:
    kill = scene.killer.kill_at("Submit", "PUT /b", nth=2, moment=moment)
    worker = scene.start([*PUTS, "PUT /c never"])

    assert wait_for(worker) == (["200"] * 2, -signal.SIGKILL)

    assert scene.received == received
    assert kill.wait(5)
    assert kill.target is not None
    assert (kill.target.pid, kill.target.killed) == (worker.pid, moment)
    assert kill.target.status == (200 if moment == "after" else None)


def test_worker_is_killed_when_upstream_resets_the_connection(scene: Scene, tmp_path: Path) -> None:
    def drop(_proxied: ProxiedRequest) -> Response:
        raise DropError("on purpose")

    kill = scene.killer.kill_at("Submit", "*", moment="after")
    with (
        Proxy(drop) as upstream,
        killer_proxies(scene.killer, upstream.url, upstream.url) as urls,
    ):
        worker = fake_workers.start(tmp_path, urlsplit(urls[AWS_URL]).netloc, ["GET / x"])
        assert wait_for(worker) == ([], -signal.SIGKILL)

    assert kill.wait(5)


def test_scheduled_kill_happens_once(scene: Scene) -> None:
    scene.killer.kill_at("*", "PUT *")

    assert wait_for(scene.start(PUTS)) == ([], -signal.SIGKILL)
    assert wait_for(scene.start(PUTS)) == (["200"] * 3, 0)


def test_only_matching_requests_are_counted(scene: Scene) -> None:
    kill = scene.killer.kill_at("Check", "PUT /b", containing="three")

    assert wait_for(scene.start(PUTS)) == (["200"] * 3, 0)
    assert not kill.wait(0)
    assert wait_for(scene.start(PUTS, function="stack-Check-2")) == (["200"] * 2, -signal.SIGKILL)
    assert kill.wait(5)


def test_scheduled_kills_count_independently(scene: Scene) -> None:
    first = scene.killer.kill_at("Submit", "PUT /a")
    second = scene.killer.kill_at("Submit", "PUT *", nth=3)

    assert wait_for(scene.start(PUTS)) == ([], -signal.SIGKILL)
    assert wait_for(scene.start(PUTS)) == (["200"], -signal.SIGKILL)
    assert first.wait(5)
    assert second.wait(5)


def test_reset_cancels_scheduled_kills(scene: Scene) -> None:
    scene.killer.kill_at("*", "*")

    scene.killer.reset()

    assert wait_for(scene.start(PUTS)) == (["200"] * 3, 0)


def test_process_that_is_not_a_worker_is_neither_killed_nor_counted(scene: Scene) -> None:
    kill = scene.killer.kill_at("*", "GET /d")

    assert httpx.get(f"{scene.url}/d").text == "done"

    assert scene.killer.kill_points() == []
    assert not kill.wait(0)
    assert wait_for(scene.start(["GET /d x"])) == ([], -signal.SIGKILL)
