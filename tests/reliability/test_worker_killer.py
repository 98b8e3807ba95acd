"""The worker that sent a request dies before it is sent on, or after its effect, and no other."""

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

from reliability.http_messages import Answer, DropError
from reliability.proxy import Proxy, Visit
from reliability.route import AWS, FUNCTION, PROVIDER
from reliability.worker_killer import KillPoint, Moment, WorkerKiller, proxies
from tests.reliability import workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PUTS = ["PUT /a one", "PUT /b two", "PUT /b three"]


class Scene(NamedTuple):
    worker_killer: WorkerKiller
    url: str
    taken: list[str]
    start: Callable[..., Popen[str]]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    taken: list[str] = []

    def take(visit: Visit) -> Answer:
        taken.append(visit.request.body.decode())
        return Answer(200, (), b"done")

    killer = WorkerKiller(lambda name: name.split("-")[1])
    started: list[Popen[str]] = []

    def start(*args: object, **kwargs: object) -> Popen[str]:
        started.append(workers.start(tmp_path, *args, **kwargs))  # type: ignore[arg-type]
        return started[-1]

    with Proxy(take) as upstream, proxies(killer, upstream.url, upstream.url) as urls:
        host = urlsplit(urls[PROVIDER]).netloc
        yield Scene(killer, urls[AWS], taken, partial(start, host))
    for process in started:
        process.kill()
        process.communicate()


def ended(worker: Popen[str]) -> tuple[list[str], int]:
    out, _ = worker.communicate(timeout=20)
    return out.split(), worker.returncode


def test_what_passes_is_seen_with_its_function(scene: Scene) -> None:
    worker = scene.start(PUTS)

    assert ended(worker) == (["200"] * 3, 0)

    assert {(seen.function, seen.pid, seen.status) for seen in scene.worker_killer.seen} == {
        ("Submit", worker.pid, 200)
    }
    assert scene.worker_killer.steps("Sub*") == [
        KillPoint("Submit", "PUT /a", 1),
        KillPoint("Submit", "PUT /b", 1),
        KillPoint("Submit", "PUT /b", 2),
    ]
    assert scene.worker_killer.steps("Check") == []


@pytest.mark.parametrize(
    ("moment", "taken"), [("before", ["one", "two"]), ("after", ["one", "two", "three"])]
)
def test_it_dies_at_the_nth_such_request(scene: Scene, moment: Moment, taken: list[str]) -> None:
    order = scene.worker_killer.kill_at("Submit", "PUT /b", nth=2, moment=moment)
    worker = scene.start([*PUTS, "PUT /c never"])

    assert ended(worker) == (["200"] * 2, -signal.SIGKILL)

    assert scene.taken == taken
    assert order.wait(5)
    assert order.target is not None
    assert (order.target.pid, order.target.killed) == (worker.pid, moment)
    assert order.target.status == (200 if moment == "after" else None)


def test_it_dies_too_when_the_other_side_cuts_the_connection(scene: Scene, tmp_path: Path) -> None:
    def cut(_visit: Visit) -> Answer:
        raise DropError("on purpose")

    order = scene.worker_killer.kill_at("Submit", "*", moment="after")
    with (
        Proxy(cut) as upstream,
        proxies(scene.worker_killer, upstream.url, upstream.url) as urls,
    ):
        worker = workers.start(tmp_path, urlsplit(urls[AWS]).netloc, ["GET / x"])
        assert ended(worker) == ([], -signal.SIGKILL)

    assert order.wait(5)


def test_an_order_is_carried_out_once(scene: Scene) -> None:
    scene.worker_killer.kill_at("*", "PUT *")

    assert ended(scene.start(PUTS)) == ([], -signal.SIGKILL)
    assert ended(scene.start(PUTS)) == (["200"] * 3, 0)


def test_only_what_the_order_names_is_counted(scene: Scene) -> None:
    order = scene.worker_killer.kill_at("Check", "PUT /b", containing="three")

    assert ended(scene.start(PUTS)) == (["200"] * 3, 0)
    assert not order.wait(0)
    assert ended(scene.start(PUTS, function="stack-Check-2")) == (["200"] * 2, -signal.SIGKILL)
    assert order.wait(5)


def test_several_orders_count_side_by_side(scene: Scene) -> None:
    first = scene.worker_killer.kill_at("Submit", "PUT /a")
    second = scene.worker_killer.kill_at("Submit", "PUT *", nth=3)

    assert ended(scene.start(PUTS)) == ([], -signal.SIGKILL)
    assert ended(scene.start(PUTS)) == (["200"], -signal.SIGKILL)
    assert first.wait(5)
    assert second.wait(5)


def test_orders_can_be_forgotten(scene: Scene) -> None:
    scene.worker_killer.kill_at("*", "*")

    scene.worker_killer.forget()

    assert ended(scene.start(PUTS)) == (["200"] * 3, 0)


def test_a_process_that_is_no_worker_is_neither_killed_nor_counted(scene: Scene) -> None:
    order = scene.worker_killer.kill_at("*", "GET /d")

    assert httpx.get(f"{scene.url}/d", headers={FUNCTION: "Submit"}).text == "done"

    assert scene.worker_killer.steps() == [
        KillPoint("Submit", "GET /d", 1)
    ]  # named by another proxy
    assert not order.wait(0)
    assert ended(scene.start(["GET /d x"])) == ([], -signal.SIGKILL)


def test_aws_is_told_whose_request_it_is_and_the_provider_is_not(
    scene: Scene, tmp_path: Path
) -> None:
    told: list[str] = []

    def tell(visit: Visit) -> Answer:
        told.append(visit.request.header(FUNCTION))
        return Answer(200, (), b"")

    with Proxy(tell) as upstream, proxies(scene.worker_killer, upstream.url, upstream.url) as urls:
        for url in (urls[AWS], urls[PROVIDER]):
            worker = workers.start(tmp_path, urlsplit(url).netloc, ["GET / x"])
            assert ended(worker) == (["200"], 0)

    assert told == ["Submit", ""]
