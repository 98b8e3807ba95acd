from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.simulator.client import TEXT, Api


def set_limits(api: Api, mode: str, **limits: Any) -> None:
    generous = {"per_minute": 1000, "concurrent": 1000}
    api.provider.options(limits={"mode": mode} | generous | limits)


def test_submit_above_concurrency_limit_returns_429(api: Api, other_api: Api) -> None:
    set_limits(api, "429", concurrent=2)
    running = [api.submit() for _ in range(2)]

    response = api.post(f"/{TEXT}", {"prompt": "x"})

    assert response.status_code == 429
    assert response.json()["message"] == "You have reached your concurrency limit"
    assert other_api.submit()["status"] == "created"
    api.finish(running[0])
    assert api.submit()["status"] == "created"


@pytest.mark.parametrize("retry_after", [None, 7])
def test_submit_above_rate_limit_returns_429_until_window_ends(
    api: Api, retry_after: int | None
) -> None:
    set_limits(api, "429", per_minute=2, retry_after=retry_after)
    api.submit()
    api.submit()

    response = api.post(f"/{TEXT}", {"prompt": "x"})

    assert response.status_code == 429
    assert response.headers.get("retry-after") == (str(retry_after) if retry_after else None)
    api.provider.advance(61)
    assert api.submit()["status"] == "created"


def test_queue_mode_delays_predictions_above_concurrency_limit(api: Api) -> None:
    set_limits(api, "queue", concurrent=1)
    api.provider.fault("run.duration", seconds=100)
    api.provider.fault("run.stuck_processing", match={"nth": 2})
    predictions = [api.submit() for _ in range(2)]

    api.provider.advance(99)
    assert [api.result(prediction)["status"] for prediction in predictions] == [
        "processing",
        "created",
    ]
    api.provider.advance(32)
    assert [api.result(prediction)["status"] for prediction in predictions] == [
        "completed",
        "processing",
    ]


def test_queue_mode_spreads_starts_over_the_window(api: Api) -> None:
    set_limits(api, "queue", per_minute=2)
    for _ in range(6):
        api.submit()

    planned = api.provider.predictions()
    starts = sorted(datetime.fromisoformat(plan["starts_at"]) for plan in planned)

    gaps = [later - start for start, later in zip(starts, starts[2:], strict=False)]
    assert min(gaps) >= timedelta(seconds=60)
