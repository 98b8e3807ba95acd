from typing import Any

import pytest

from local.provider.fault_names import FAULTS
from local.provider.faults import Call, Faults, Match, Rule, markers, without_markers
from tests.simulator.client import EDIT, TEXT, Api


def struck(faults: Faults, times: int, **call: str) -> list[int]:
    """Which of the calls, counted from one, were struck."""
    calls = range(1, times + 1)
    return [n for n in calls if faults.take(Call("submit", **call)) is not None]


@pytest.mark.parametrize(
    ("times", "match", "expected"),
    [
        (1, {}, [1]),
        (2, {}, [1, 2]),
        (0, {}, [1, 2, 3, 4, 5, 6]),
        (1, {"nth": 3}, [3]),
        (2, {"nth": 3}, [3, 4]),
        (1, {"prompt": "fox"}, [1]),
        (1, {"prompt": "hen"}, []),
        (0, {"model": TEXT, "nth": 5}, [5, 6]),
        (0, {"model": EDIT}, []),
        (0, {"probability": 0}, []),
    ],
)
def test_a_rule_strikes_the_calls_it_matches(
    times: int, match: dict[str, Any], expected: list[int]
) -> None:
    faults = Faults(7)
    faults.add(Rule(fault="submit.http", times=times, match=Match(**match)))

    assert struck(faults, 6, prompt="a red fox", model=TEXT) == expected


def test_chance_is_seeded() -> None:
    runs = []
    for seed in (7, 7, 8):
        faults = Faults(seed)
        faults.add(Rule(fault="submit.http", times=0, match=Match(probability=0.3)))
        runs.append(struck(faults, 300))

    assert runs[0] == runs[1] != runs[2]
    assert 60 < len(runs[0]) < 120


def test_rules_take_turns_in_the_order_of_the_script() -> None:
    faults = Faults(7)
    for status in (500, 502):
        faults.add(Rule(fault="submit.http", params={"status": status}))

    taken = [faults.take(Call("submit")) for _ in range(3)]

    assert [fault and fault.params["status"] for fault in taken] == [500, 502, None]


def test_markers_are_read_out_of_a_prompt() -> None:
    prompt = (
        "A fox [[fault run.failed code=1200 message=\"not 'this'\"]] at [[fault poll.hang]] dawn"
    )

    first, second = markers(prompt)

    assert first.fault.name.name == "run.failed"
    assert (first.fault.params["code"], first.fault.params["message"]) == (1200, "not 'this'")
    assert second.fault.name.name == "poll.hang"
    assert without_markers(prompt).split() == ["A", "fox", "at", "dawn"]


@pytest.mark.parametrize(
    "marker",
    ["no.such", "run.failed kode=1", "run.failed code=many", "run.failed 1200", 'run.failed m="'],
)
def test_a_marker_with_a_mistake_is_a_400(api: Api, marker: str) -> None:
    reply = api.post(f"/{TEXT}", {"prompt": f"x [[fault {marker}]]"})

    assert reply.status_code == 400


def test_a_prompt_can_script_its_submit_its_run_and_its_polls(api: Api) -> None:
    prompt = (
        "x [[fault submit.http status=429 retry_after=1 times=2]]"
        "[[fault run.failed code=1406]][[fault poll.http status=502 times=1]]"
    )
    first, second = (api.post(f"/{TEXT}", {"prompt": prompt}) for _ in range(2))
    prediction = api.submit(prompt)
    polled = api.get(f"/predictions/{prediction['id']}")

    assert (first.status_code, second.status_code, polled.status_code) == (429, 429, 502)
    assert first.headers["retry-after"] == "1"
    assert api.finish(prediction)["code"] == 1406
    charges = [entry for entry in api.provider.ledger() if entry["kind"] == "deduct"]
    assert len(charges) == 1


def test_markers_count_by_prediction_for_polls_and_downloads(api: Api) -> None:
    prompt = "x [[fault cdn.http status=404 times=1]]"

    for _ in range(2):
        done = api.run(prompt)
        assert [api.download(done).status_code for _ in range(2)] == [404, 200]


def test_rules_are_listed_removed_and_cleared(api: Api) -> None:
    admin = api.provider.provider_admin_url
    first = api.provider.fault("submit.http", times=3, status=502)
    api.provider.fault("poll.hang")
    api.post(f"/{TEXT}", {"prompt": "x"})

    listed = api.anyone.get(f"{admin}/faults").json()
    assert [(rule["fault"], rule["hits"]) for rule in listed] == [
        ("submit.http", 1),
        ("poll.hang", 0),
    ]
    assert api.anyone.delete(f"{admin}/faults/{first['id']}").status_code == 204
    assert api.anyone.delete(f"{admin}/faults/{first['id']}").status_code == 404
    assert api.anyone.delete(f"{admin}/faults").json() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "no.such"},
        {"fault": "submit.http", "params": {"state": 1}},
        {"fault": "submit.http", "params": {"status": "x"}},
        {"fault": "submit.http", "times": -1},
        {"fault": "submit.http", "match": {"promt": "x"}},
        {},
    ],
)
def test_a_rule_with_a_mistake_is_refused(api: Api, rule: dict[str, Any]) -> None:
    reply = api.anyone.post(f"{api.provider.provider_admin_url}/faults", json=rule)

    assert reply.status_code == 400


def test_every_fault_has_a_name_a_place_and_a_sentence(api: Api) -> None:
    listed = api.anyone.get(f"{api.provider.provider_admin_url}/fault-names").json()

    assert [each["name"] for each in listed] == list(FAULTS)
    assert all(each["does"] for each in listed)
