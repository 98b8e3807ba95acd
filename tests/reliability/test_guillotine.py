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

from reliability.guillotine import Guillotine, Moment, Step, proxies
from reliability.proxy import Proxy, Visit
from reliability.route import AWS, FUNCTION, PROVIDER
from reliability.wire import Answer, DropError
from tests.reliability import workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PUTS = ["PUT /a one", "PUT /b two", "PUT /b three"]


class Scene(NamedTuple):
    guillotine: Guillotine
    url: str
    taken: list[str]
    start: Callable[..., Popen[str]]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    taken: list[str] = []

    def take(visit: Visit) -> Answer:
        taken.append(visit.request.body.decode())
        return Answer(200, (), b"done")

    blade = Guillotine(lambda name: name.split("-")[1])
    started: list[Popen[str]] = []

    def start(*args: object, **kwargs: object) -> Popen[str]:
        started.append(workers.start(tmp_path, *args, **kwargs))  # type: ignore[arg-type]
        return started[-1]

    with Proxy(take) as upstream, proxies(blade, upstream.url, upstream.url) as urls:
        host = urlsplit(urls[PROVIDER]).netloc
        yield Scene(blade, urls[AWS], taken, partial(start, host))
    for process in started:
        process.kill()
        process.communicate()


def ended(worker: Popen[str]) -> tuple[list[str], int]:
    out, _ = worker.communicate(timeout=20)
    return out.split(), worker.returncode


def test_what_passes_is_seen_with_its_function(scene: Scene) -> None:
    worker = scene.start(PUTS)

    assert ended(worker) == (["200"] * 3, 0)

    assert {(seen.function, seen.pid, seen.status) for seen in scene.guillotine.seen} == {
        ("Submit", worker.pid, 200)
    }
    assert scene.guillotine.steps("Sub*") == [
        Step("Submit", "PUT /a", 1),
        Step("Submit", "PUT /b", 1),
        Step("Submit", "PUT /b", 2),
    ]
    assert scene.guillotine.steps("Check") == []


@pytest.mark.parametrize(
    ("moment", "taken"), [("before", ["one", "two"]), ("after", ["one", "two", "three"])]
)
def test_it_dies_at_the_nth_such_request(scene: Scene, moment: Moment, taken: list[str]) -> None:
    order = scene.guillotine.kill_at("Submit", "PUT /b", nth=2, moment=moment)
    worker = scene.start([*PUTS, "PUT /c never"])

    assert ended(worker) == (["200"] * 2, -signal.SIGKILL)

    assert scene.taken == taken
    assert order.wait(5)
    assert order.victim is not None
    assert (order.victim.pid, order.victim.killed) == (worker.pid, moment)
    assert order.victim.status == (200 if moment == "after" else None)


def test_it_dies_too_when_the_other_side_cuts_the_connection(scene: Scene, tmp_path: Path) -> None:
    def cut(_visit: Visit) -> Answer:
        raise DropError("on purpose")

    order = scene.guillotine.kill_at("Submit", "*", moment="after")
    with (
        Proxy(cut) as upstream,
        proxies(scene.guillotine, upstream.url, upstream.url) as urls,
    ):
        worker = workers.start(tmp_path, urlsplit(urls[AWS]).netloc, ["GET / x"])
        assert ended(worker) == ([], -signal.SIGKILL)

    assert order.wait(5)


def test_an_order_is_carried_out_once(scene: Scene) -> None:
    scene.guillotine.kill_at("*", "PUT *")

    assert ended(scene.start(PUTS)) == ([], -signal.SIGKILL)
    assert ended(scene.start(PUTS)) == (["200"] * 3, 0)


def test_only_what_the_order_names_is_counted(scene: Scene) -> None:
    order = scene.guillotine.kill_at("Check", "PUT /b", containing="three")

    assert ended(scene.start(PUTS)) == (["200"] * 3, 0)
    assert not order.wait(0)
    assert ended(scene.start(PUTS, function="stack-Check-2")) == (["200"] * 2, -signal.SIGKILL)
    assert order.wait(5)


def test_several_orders_count_side_by_side(scene: Scene) -> None:
    first = scene.guillotine.kill_at("Submit", "PUT /a")
    second = scene.guillotine.kill_at("Submit", "PUT *", nth=3)

    assert ended(scene.start(PUTS)) == ([], -signal.SIGKILL)
    assert ended(scene.start(PUTS)) == (["200"], -signal.SIGKILL)
    assert first.wait(5)
    assert second.wait(5)


def test_orders_can_be_forgotten(scene: Scene) -> None:
    scene.guillotine.kill_at("*", "*")

    scene.guillotine.forget()

    assert ended(scene.start(PUTS)) == (["200"] * 3, 0)


def test_a_process_that_is_no_worker_is_neither_killed_nor_counted(scene: Scene) -> None:
    order = scene.guillotine.kill_at("*", "GET /d")

    assert httpx.get(f"{scene.url}/d", headers={FUNCTION: "Submit"}).text == "done"

    assert scene.guillotine.steps() == [Step("Submit", "GET /d", 1)]  # named by another proxy
    assert not order.wait(0)
    assert ended(scene.start(["GET /d x"])) == ([], -signal.SIGKILL)


def test_aws_is_told_whose_request_it_is_and_the_provider_is_not(
    scene: Scene, tmp_path: Path
) -> None:
    told: list[str] = []

    def tell(visit: Visit) -> Answer:
        told.append(visit.request.header(FUNCTION))
        return Answer(200, (), b"")

    with Proxy(tell) as upstream, proxies(scene.guillotine, upstream.url, upstream.url) as urls:
        for url in (urls[AWS], urls[PROVIDER]):
            worker = workers.start(tmp_path, urlsplit(url).netloc, ["GET / x"])
            assert ended(worker) == (["200"], 0)

    assert told == ["Submit", ""]
