"""`list_predictions` against the simulator: the predictions of a time window, or None."""

from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.ports import Accepted, ListedPrediction
from simulator import testing
from tests.contract.simulator_calls import INPUT, MODEL

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
