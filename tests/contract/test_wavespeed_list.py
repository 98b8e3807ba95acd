"""`list_predictions` against the simulator: the predictions of a time window, or None."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from darkroom.adapters.wavespeed import client as wavespeed
from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.ports import Accepted, ListedPrediction
from simulator import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulator_calls import INPUT, MODEL, Connect

EDIT = "openai/gpt-image-2/edit"
IMAGES = ["https://a.example/red-fox.jpg?X-Amz-Signature=s%2Fs&x=y", "https://a.example/two.jpg"]


def submit(provider: WaveSpeed, model: str = MODEL, **changes: Any) -> str:
    predictions = provider.submit(model, INPUT | changes)
    assert isinstance(predictions, Accepted)
    return predictions.prediction_id


def listed(provider: WaveSpeed, model: str = MODEL) -> list[ListedPrediction] | None:
    """List recent predictions; the window is long because the simulator clock is ahead."""
    now = datetime.now(UTC)
    return provider.list_predictions(model, now - timedelta(minutes=1), now + timedelta(days=999))


def read(provider: WaveSpeed, model: str = MODEL) -> list[ListedPrediction]:
    predictions = listed(provider, model)
    assert predictions is not None
    return predictions


def ids(predictions: list[ListedPrediction] | None) -> set[str]:
    assert predictions is not None
    return {item.prediction_id for item in predictions}


def test_list_without_predictions_is_empty(provider: WaveSpeed) -> None:
    assert read(provider) == []


def test_prediction_is_listed_with_its_time_and_exact_inputs(
    provider: WaveSpeed,
) -> None:
    before = datetime.now(UTC)
    created = submit(provider, EDIT, prompt="Ö \U0001f3ee \\ \" '", images=IMAGES)

    [predictions] = read(provider, EDIT)

    assert predictions.prediction_id == created
    assert predictions.inputs == INPUT | {"prompt": "Ö \U0001f3ee \\ \" '", "images": IMAGES}
    assert before - timedelta(seconds=1) < predictions.created_at
    assert predictions.created_at.utcoffset() == timedelta(0)


def test_list_contains_one_model_only(provider: WaveSpeed) -> None:
    text, edit = submit(provider), submit(provider, EDIT, images=IMAGES[:1])

    assert ids(listed(provider)) == {text}
    assert ids(listed(provider, EDIT)) == {edit}
    assert read(provider, "maker/other") == []


def test_equal_predictions_are_all_listed(provider: WaveSpeed) -> None:
    created = {submit(provider) for _ in range(3)}

    assert len(created) == 3
    assert ids(listed(provider)) == created


def test_window_is_exact_to_a_microsecond(simulator: testing.Provider, provider: WaveSpeed) -> None:
    created = []
    for _ in range(3):
        created.append(submit(provider))
        simulator.advance(0.25)
    first, second, third = sorted(
        read(provider), key=lambda item: created.index(item.prediction_id)
    )
    microsecond = timedelta(microseconds=1)  # the list has nine digits; a datetime keeps six

    def window(after: datetime, before: datetime) -> set[str]:
        return ids(provider.list_predictions(MODEL, after, before))

    assert window(second.created_at, second.created_at + microsecond) == {created[1]}
    assert window(first.created_at + microsecond, third.created_at - microsecond) == {created[1]}
    assert window(first.created_at, third.created_at + microsecond) == set(created)
    assert window(third.created_at + microsecond, third.created_at + timedelta(days=1)) == set()


@pytest.mark.parametrize("hours", [-5, 0, 9.5])
def test_window_does_not_depend_on_the_time_zone(provider: WaveSpeed, hours: float) -> None:
    created = submit(provider)
    [predictions] = read(provider)
    created_at = predictions.created_at.astimezone(timezone(timedelta(hours=hours)))
    second = timedelta(seconds=1)

    assert ids(provider.list_predictions(MODEL, created_at - second, created_at + second)) == {
        created
    }
    assert provider.list_predictions(MODEL, created_at + second, created_at + 2 * second) == []


def test_window_can_start_at_a_whole_second(provider: WaveSpeed) -> None:
    created = submit(provider)
    [predictions] = read(provider)
    whole_second = predictions.created_at.replace(microsecond=0)

    assert ids(
        provider.list_predictions(MODEL, whole_second, whole_second + timedelta(seconds=1))
    ) == {created}


def test_delayed_prediction_is_listed_later(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    simulator.options(list_lag_seconds=30)
    created = submit(provider)
    before = [read(provider)]

    simulator.advance(31)

    assert [*before, ids(listed(provider))] == [[], {created}]


def test_missing_inputs_are_none(simulator: testing.Provider, provider: WaveSpeed) -> None:
    without_inputs = submit(provider, prompt="x [[fault run.unlisted_inputs]]")
    with_inputs = submit(provider)

    inputs_by_id = {item.prediction_id: item.inputs for item in read(provider)}
    simulator.fault("list.no_inputs")

    assert inputs_by_id == {without_inputs: None, with_inputs: INPUT}
    assert {item.inputs is None for item in read(provider)} == {True}


def test_list_of_103_predictions_is_read_in_two_pages(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    created = {submit(provider, prompt=f"image {number}") for number in range(103)}

    predictions = read(provider)

    assert len(predictions) == 103
    assert ids(predictions) == created
    posts = simulator.requests(origin="api", method="POST", contains="page_size")
    assert [post["body"]["page"] for post in posts] == [1, 2]


UNREAD: list[tuple[str, dict[str, Any]]] = [
    ("http", {"status": 500}),
    ("http", {"status": 502, "body": "html"}),
    ("http", {"status": 503, "body": "empty"}),
    ("http", {"status": 200, "body": "html"}),
    ("http", {"status": 403}),
    ("http", {"status": 404}),
    ("http", {"status": 429, "retry_after": 5}),
    ("body_code", {"code": 500}),
    ("truncated", {}),
    ("not_json", {}),
    ("close", {}),
    ("close", {"how": "fin"}),
]


@pytest.mark.parametrize(("kind", "params"), UNREAD, ids=str)
def test_unreadable_list_is_none(
    simulator: testing.Provider, provider: WaveSpeed, kind: str, params: dict[str, Any]
) -> None:
    created = submit(provider)
    simulator.fault(f"list.{kind}", **params)

    assert listed(provider) is None

    assert ids(listed(provider)) == {created}


def test_list_with_a_failed_page_is_none(simulator: testing.Provider, provider: WaveSpeed) -> None:
    for number in range(101):
        submit(provider, prompt=f"image {number}")
    simulator.fault("list.http", match={"nth": 2}, status=500)

    assert listed(provider) is None


def test_list_timeout_is_none(
    simulator: testing.Provider, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wavespeed, "_CHECK_TIMEOUT", httpx.Timeout(10, read=0.3))
    simulator.fault("list.hang", seconds=20)

    assert listed(connect(Keys(simulator.key))) is None


def test_rotated_key_is_read_again(
    simulator: testing.Provider, provider: WaveSpeed, connect: Connect
) -> None:
    created = submit(provider)
    keys = Keys("wsk_old", simulator.key)

    assert ids(listed(connect(keys))) == {created}
    assert keys.reads == [False, True]


def test_refused_key_returns_none(connect: Connect) -> None:
    assert listed(connect(Keys("wsk_nobodys"))) is None


def test_list_creates_no_prediction_and_no_charge(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    read(provider)

    assert simulator.predictions() == simulator.ledger() == simulator.submissions() == []
