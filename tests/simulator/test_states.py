import statistics
from datetime import UTC, datetime, timedelta

import pytest

from local.provider.catalog import CATALOG
from local.provider.chance import seeded
from local.provider.clock import SECOND, parse_time, rfc3339
from local.provider.durations import run_time
from tests.simulator.client import TEXT, Api


def test_a_prediction_waits_runs_and_completes_as_time_passes(api: Api) -> None:
    prediction = api.submit()
    [plan] = api.provider.predictions()
    starts, ends = (datetime.fromisoformat(plan[name]) for name in ("starts_at", "ends_at"))
    created = datetime.fromisoformat(prediction["created_at"])
    nearly = timedelta(milliseconds=50)

    assert api.result(prediction)["status"] == "created"
    api.provider.advance((starts - created + nearly).total_seconds())
    assert api.result(prediction)["status"] == "processing"
    api.provider.advance((ends - starts - 2 * nearly).total_seconds())
    assert api.result(prediction)["status"] == "processing"
    api.provider.advance((2 * nearly).total_seconds())
    done = api.result(prediction)

    assert done["status"] == "completed"
    assert len(done["outputs"]) == 1
    assert done["has_nsfw_contents"] == [False]
    milliseconds = (ends - starts) / timedelta(milliseconds=1)
    assert done["timings"]["inference"] == pytest.approx(milliseconds, abs=2)


def test_both_result_paths_give_the_same(api: Api) -> None:
    done = api.run()

    assert api.data(api.get(f"/predictions/{done['id']}")) == done


def test_other_status_words_can_be_chosen(api: Api) -> None:
    words = {"submitted": "queued", "waiting": "pending", "running": "warming_up"}
    api.provider.options(status_words=words)

    prediction = api.submit()
    api.provider.advance(0.000_001)
    waiting = api.result(prediction)["status"]
    api.provider.fault("run.stuck_processing")
    stuck = api.submit()
    running = api.finish(stuck)["status"]

    assert [prediction["status"], waiting, running] == ["queued", "pending", "warming_up"]


def test_a_prediction_belongs_to_its_key(api: Api, other_api: Api) -> None:
    prediction = api.submit()

    assert other_api.get(f"/predictions/{prediction['id']}/result").status_code == 404


def test_predictions_and_their_outputs_are_gone_after_seven_days(api: Api) -> None:
    done = api.run()
    assert api.download(done).status_code == 200

    api.provider.advance(7 * 86_400)

    assert api.get(f"/predictions/{done['id']}/result").status_code == 404
    assert api.download(done).status_code == 404


def test_deleting_takes_the_outputs_along_and_keeps_the_charge(api: Api) -> None:
    done, running = api.run(), api.submit()

    count = api.data(api.post("/predictions/delete", {"ids": [done["id"], "unknown"]}))
    single = api.data(api.http.delete(f"/predictions/{running['id']}"))

    assert count == {"deleted_count": 1}
    assert single == {"id": running["id"], "status": "deleted"}
    assert api.get(f"/predictions/{done['id']}").status_code == 404
    assert api.http.delete(f"/predictions/{running['id']}").status_code == 404
    assert api.download(done).status_code == 404
    assert len(api.provider.ledger()) == 2


def test_an_output_does_not_exist_before_its_prediction_is_complete(api: Api) -> None:
    api.submit()
    [planned] = api.provider.predictions()

    assert api.download({"outputs": planned["output_urls"]}).status_code == 404


def test_times_follow_the_seed_and_the_published_spread() -> None:
    inputs = {"quality": "high", "resolution": "4k"}
    model = CATALOG[TEXT]
    seconds = [run_time(seeded(7, n), model, inputs, 1) / SECOND for n in range(2000)]
    again = [run_time(seeded(7, n), model, inputs, 1) / SECOND for n in range(2000)]

    assert seconds == again
    assert 120 < statistics.median(seconds) < 150
    assert 0.86 < sum(60 <= each <= 300 for each in seconds) / 2000 < 0.94
    assert max(seconds) > 400


def test_one_factor_scales_all_times() -> None:
    real, scaled = (run_time(seeded(1), CATALOG[TEXT], {}, scale) for scale in (1, 0.1))

    assert scaled == pytest.approx(real / 10)


@pytest.mark.parametrize(
    "text", ["2026-07-01T12:00:00Z", "2026-07-01T12:00:00", "2026-07-01T14:00:00.000000000+02:00"]
)
def test_times_are_read_with_and_without_an_offset(text: str) -> None:
    noon = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()) * SECOND

    assert parse_time(text) == noon
    assert rfc3339(noon + 5) == "2026-07-01T12:00:00.000000005Z"
