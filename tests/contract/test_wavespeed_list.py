"""The provider's list of predictions, by the simulator: what a window holds, or no answer."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from darkroom.adapters import wavespeed
from darkroom.adapters.wavespeed import WaveSpeed
from darkroom.ports import Accepted, ListedPrediction
from local.provider import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulated import INPUT, MODEL, Connect

EDIT = "openai/gpt-image-2/edit"
IMAGES = ["https://a.example/red-fox.jpg?X-Amz-Signature=s%2Fs&x=y", "https://a.example/two.jpg"]


def submit(provider: WaveSpeed, model: str = MODEL, **changes: Any) -> str:
    found = provider.submit(model, INPUT | changes)
    assert isinstance(found, Accepted)
    return found.prediction_id


def listed(provider: WaveSpeed, model: str = MODEL) -> list[ListedPrediction] | None:
    """What was made lately, by the simulator's clock, which is ahead of ours."""
    now = datetime.now(UTC)
    return provider.list_predictions(model, now - timedelta(minutes=1), now + timedelta(days=999))


def read(provider: WaveSpeed, model: str = MODEL) -> list[ListedPrediction]:
    found = listed(provider, model)
    assert found is not None
    return found


def ids(found: list[ListedPrediction] | None) -> set[str]:
    assert found is not None
    return {each.prediction_id for each in found}


def test_where_nothing_was_made_the_list_is_empty_and_not_unread(provider: WaveSpeed) -> None:
    assert read(provider) == []


def test_a_prediction_is_listed_with_its_moment_and_exactly_what_was_sent(
    provider: WaveSpeed,
) -> None:
    before = datetime.now(UTC)
    made = submit(provider, EDIT, prompt="Ö \U0001f3ee \\ \" '", images=IMAGES)

    [found] = read(provider, EDIT)

    assert found.prediction_id == made
    assert found.inputs == INPUT | {"prompt": "Ö \U0001f3ee \\ \" '", "images": IMAGES}
    assert before - timedelta(seconds=1) < found.created_at
    assert found.created_at.utcoffset() == timedelta(0)


def test_only_one_models_predictions_are_listed(provider: WaveSpeed) -> None:
    text, edit = submit(provider), submit(provider, EDIT, images=IMAGES[:1])

    assert ids(listed(provider)) == {text}
    assert ids(listed(provider, EDIT)) == {edit}
    assert read(provider, "maker/other") == []


def test_the_same_again_is_listed_as_often_as_it_was_made(provider: WaveSpeed) -> None:
    made = {submit(provider) for _ in range(3)}

    assert len(made) == 3
    assert ids(listed(provider)) == made


def test_a_window_is_kept_to_the_fraction_of_a_second(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    made = []
    for _ in range(3):
        made.append(submit(provider))
        simulator.advance(0.25)
    first, second, third = sorted(read(provider), key=lambda each: made.index(each.prediction_id))
    tick = timedelta(microseconds=1)  # the list says nine digits, of which a moment keeps six

    def window(after: datetime, before: datetime) -> set[str]:
        return ids(provider.list_predictions(MODEL, after, before))

    assert window(second.created_at, second.created_at + tick) == {made[1]}
    assert window(first.created_at + tick, third.created_at - tick) == {made[1]}
    assert window(first.created_at, third.created_at + tick) == set(made)
    assert window(third.created_at + tick, third.created_at + timedelta(days=1)) == set()


@pytest.mark.parametrize("hours", [-5, 0, 9.5])
def test_a_window_is_the_same_in_any_zone(provider: WaveSpeed, hours: float) -> None:
    made = submit(provider)
    [found] = read(provider)
    moment = found.created_at.astimezone(timezone(timedelta(hours=hours)))
    second = timedelta(seconds=1)

    assert ids(provider.list_predictions(MODEL, moment - second, moment + second)) == {made}
    assert provider.list_predictions(MODEL, moment + second, moment + 2 * second) == []


def test_a_whole_second_is_a_moment_too(provider: WaveSpeed) -> None:
    made = submit(provider)
    [found] = read(provider)
    whole = found.created_at.replace(microsecond=0)

    assert ids(provider.list_predictions(MODEL, whole, whole + timedelta(seconds=1))) == {made}


def test_what_the_list_does_not_show_yet_comes_later(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    simulator.options(list_lag_seconds=30)
    made = submit(provider)
    seen = [read(provider)]

    simulator.advance(31)

    assert [*seen, ids(listed(provider))] == [[], {made}]


def test_inputs_that_are_not_told_are_none_and_not_empty(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    bare = submit(provider, prompt="x [[fault run.unlisted_inputs]]")
    usual = submit(provider)

    told = {each.prediction_id: each.inputs for each in read(provider)}
    simulator.fault("list.no_inputs")

    assert told == {bare: None, usual: INPUT}
    assert {each.inputs is None for each in read(provider)} == {True}


def test_more_than_a_page_is_read_page_by_page(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    made = {submit(provider, prompt=f"picture {number}") for number in range(103)}

    found = read(provider)

    assert len(found) == 103
    assert ids(found) == made
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
def test_a_list_that_cannot_be_read_is_not_an_empty_one(
    simulator: testing.Provider, provider: WaveSpeed, kind: str, params: dict[str, Any]
) -> None:
    made = submit(provider)
    simulator.fault(f"list.{kind}", **params)

    assert listed(provider) is None

    assert ids(listed(provider)) == {made}


def test_half_of_a_list_is_none(simulator: testing.Provider, provider: WaveSpeed) -> None:
    for number in range(101):
        submit(provider, prompt=f"picture {number}")
    simulator.fault("list.http", match={"nth": 2}, status=500)

    assert listed(provider) is None


def test_a_list_that_does_not_come_is_not_waited_for(
    simulator: testing.Provider, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wavespeed, "_CHECK_TIMEOUT", httpx.Timeout(10, read=0.3))
    simulator.fault("list.hang", seconds=20)

    assert listed(connect(Keys(simulator.key))) is None


def test_a_key_that_was_changed_is_read_afresh(
    simulator: testing.Provider, provider: WaveSpeed, connect: Connect
) -> None:
    made = submit(provider)
    keys = Keys("wsk_old", simulator.key)

    assert ids(listed(connect(keys))) == {made}
    assert keys.reads == [False, True]


def test_with_a_key_that_is_not_accepted_nothing_can_be_read(connect: Connect) -> None:
    assert listed(connect(Keys("wsk_nobodys"))) is None


def test_looking_at_the_list_costs_nothing_and_makes_nothing(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    read(provider)

    assert simulator.predictions() == simulator.ledger() == simulator.submissions() == []
