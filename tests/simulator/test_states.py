import statistics
from datetime import UTC, datetime, timedelta

import pytest

from simulator.catalog import CATALOG
from simulator.chance import seeded
from simulator.clock import SECOND, parse_time, rfc3339
from simulator.durations import run_time
from tests.simulator.client import TEXT, Api


def test_status_follows_the_planned_times(api: Api) -> None:
    prediction = api.submit()
    [plan] = api.provider.predictions()
    starts, ends = (datetime.fromisoformat(plan[name]) for name in ("starts_at", "ends_at"))
    created = datetime.fromisoformat(prediction["created_at"])
    margin = timedelta(milliseconds=50)

    assert api.result(prediction)["status"] == "created"
    api.provider.advance((starts - created + margin).total_seconds())
    assert api.result(prediction)["status"] == "processing"
    api.provider.advance((ends - starts - 2 * margin).total_seconds())
    assert api.result(prediction)["status"] == "processing"
    api.provider.advance((2 * margin).total_seconds())
    done = api.result(prediction)

    assert done["status"] == "completed"
    assert len(done["outputs"]) == 1
    assert done["has_nsfw_contents"] == [False]
    milliseconds = (ends - starts) / timedelta(milliseconds=1)
    assert done["timings"]["inference"] == pytest.approx(milliseconds, abs=2)


def test_status_words_are_configurable(api: Api) -> None:
    words = {"submitted": "queued", "waiting": "pending", "running": "warming_up"}
    api.provider.options(status_words=words)

    prediction = api.submit()
    api.provider.advance(0.000_001)
    waiting = api.result(prediction)["status"]
    api.provider.fault("run.stuck_processing")
    running = api.finish(api.submit())["status"]

    assert [prediction["status"], waiting, running] == ["queued", "pending", "warming_up"]


def test_prediction_of_another_key_returns_404(api: Api, other_api: Api) -> None:
    prediction = api.submit()

    assert other_api.get(f"/predictions/{prediction['id']}/result").status_code == 404


def test_predictions_and_outputs_expire_after_seven_days(api: Api) -> None:
    done = api.run()
    assert api.download(done).status_code == 200

    api.provider.advance(7 * 86_400)

    assert api.get(f"/predictions/{done['id']}/result").status_code == 404
    assert api.download(done).status_code == 404


def test_delete_removes_outputs_and_keeps_the_charge(api: Api) -> None:
    done, running = api.run(), api.submit()

    count = api.data(api.post("/predictions/delete", {"ids": [done["id"], "unknown"]}))
    single = api.data(api.http.delete(f"/predictions/{running['id']}"))

    assert count == {"deleted_count": 1}
    assert single == {"id": running["id"], "status": "deleted"}
    assert api.get(f"/predictions/{done['id']}").status_code == 404
    assert api.http.delete(f"/predictions/{running['id']}").status_code == 404
    assert api.download(done).status_code == 404
    assert len(api.provider.ledger()) == 2


def test_durations_are_seeded_and_match_the_published_spread() -> None:
    inputs = {"quality": "high", "resolution": "4k"}
    model = CATALOG[TEXT]
    seconds = [run_time(seeded(7, n), model, inputs, 1) / SECOND for n in range(2000)]
    repeated = [run_time(seeded(7, n), model, inputs, 1) / SECOND for n in range(2000)]

    assert seconds == repeated
    assert 120 < statistics.median(seconds) < 150
    assert 0.86 < sum(60 <= duration <= 300 for duration in seconds) / 2000 < 0.94
    assert max(seconds) > 400


@pytest.mark.parametrize(
    "text", ["2026-07-01T12:00:00Z", "2026-07-01T12:00:00", "2026-07-01T14:00:00.000000000+02:00"]
)
def test_times_are_parsed_with_and_without_offset(text: str) -> None:
    noon = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()) * SECOND

    assert parse_time(text) == noon
    assert rfc3339(noon + 5) == "2026-07-01T12:00:00.000000005Z"
