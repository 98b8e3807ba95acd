from datetime import datetime, timedelta
from typing import Any

import pytest

from local.provider.options import Options
from tests.simulator.client import TEXT, Api


def limit(api: Api, mode: str, **limits: Any) -> None:
    generous = {"per_minute": 1000, "concurrent": 1000}
    api.provider.options(limits={"mode": mode} | generous | limits)


def test_too_many_at_once_are_refused(api: Api, other_api: Api) -> None:
    limit(api, "429", concurrent=2)
    running = [api.submit() for _ in range(2)]

    reply = api.post(f"/{TEXT}", {"prompt": "x"})

    assert reply.status_code == 429
    assert reply.json()["message"] == "You have reached your concurrency limit"
    assert other_api.submit()["status"] == "created"
    api.finish(running[0])
    assert api.submit()["status"] == "created"


@pytest.mark.parametrize(
    ("tier", "taken"), [("bronze", 2), ("older bronze", 3), ("silver", 300), ("older gold", 2000)]
)
def test_a_tier_gives_the_limits_that_are_not_set(tier: str, taken: int) -> None:
    limits = Options().changed({"limits": {"tier": tier}}).limits

    assert limits.most[1] == taken
    assert limits.model_copy(update={"concurrent": 7}).most == (limits.most[0], 7)


def test_a_tier_is_chosen_by_its_name(api: Api) -> None:
    api.provider.options(limits={"mode": "429", "tier": "older bronze"})

    statuses = [api.post(f"/{TEXT}", {"prompt": "x"}).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]


@pytest.mark.parametrize("retry_after", [None, 7])
def test_too_many_a_minute_are_refused_until_the_minute_is_over(
    api: Api, retry_after: int | None
) -> None:
    limit(api, "429", per_minute=2, retry_after=retry_after)
    api.submit()
    api.submit()

    reply = api.post(f"/{TEXT}", {"prompt": "x"})

    assert reply.status_code == 429
    assert reply.headers.get("retry-after") == (str(retry_after) if retry_after else None)
    api.provider.advance(61)
    assert api.submit()["status"] == "created"


def test_too_many_at_once_wait_in_the_queue(api: Api) -> None:
    limit(api, "queue", concurrent=1)
    api.provider.fault("run.duration", seconds=100)
    api.provider.fault("run.stuck_processing", match={"nth": 2})
    pair = [api.submit() for _ in range(2)]

    api.provider.advance(99)
    assert [api.result(each)["status"] for each in pair] == ["processing", "created"]
    api.provider.advance(32)
    assert [api.result(each)["status"] for each in pair] == ["completed", "processing"]


def test_too_many_a_minute_wait_in_the_queue(api: Api) -> None:
    limit(api, "queue", per_minute=2)
    for _ in range(6):
        api.submit()

    planned = api.provider.predictions()
    starts = sorted(datetime.fromisoformat(each["starts_at"]) for each in planned)

    gaps = [later - start for start, later in zip(starts, starts[2:], strict=False)]
    assert min(gaps) >= timedelta(seconds=60)
