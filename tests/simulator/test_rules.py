from typing import Any

import pytest

from simulator.clock import SECOND, Clock
from simulator.fault_names import FAULTS
from simulator.faults import Call, Faults, Match, Rule, markers, without_markers
from tests.simulator.client import EDIT, TEXT, Api


def matching_calls(faults: Faults, times: int, **call: str) -> list[int]:
    """Return the numbers, from 1, of the calls to which a fault applied."""
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
def test_rule_applies_to_matching_calls(
    times: int, match: dict[str, Any], expected: list[int]
) -> None:
    faults = Faults(7, Clock())
    faults.add(Rule(fault="submit.http", times=times, match=Match(**match)))

    assert matching_calls(faults, 6, prompt="a red fox", model=TEXT) == expected


@pytest.mark.parametrize("as_marker", [True, False])
def test_fault_lasts_for_seconds_after_its_first_match(as_marker: bool) -> None:
    clock = Clock(lambda: 0)
    faults = Faults(7, clock)
    clock.advance(100)
    prompt = "a fox [[fault submit.http lasts=20]]" if as_marker else "a fox"
    if not as_marker:
        faults.add(Rule(fault="submit.http", lasts=20))

    applied = []
    for _ in range(4):
        applied.append(faults.take(Call("submit", prompt)) is not None)
        clock.advance(9)

    assert applied == [True, True, True, False]
    assert clock.now() == 136 * SECOND


def test_rules_apply_in_order_one_per_call() -> None:
    faults = Faults(7, Clock())
    for status in (500, 502):
        faults.add(Rule(fault="submit.http", params={"status": status}))

    results = [faults.take(Call("submit")) for _ in range(3)]

    assert [fault and fault.params["status"] for fault in results] == [500, 502, None]


def test_markers_are_parsed_from_the_prompt() -> None:
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
def test_invalid_marker_returns_400(api: Api, marker: str) -> None:
    response = api.post(f"/{TEXT}", {"prompt": f"x [[fault {marker}]]"})

    assert response.status_code == 400


def test_one_prompt_can_script_submit_run_and_polls(api: Api) -> None:
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
def test_invalid_rule_returns_400(api: Api, rule: dict[str, Any]) -> None:
    response = api.anonymous.post(f"{api.provider.provider_admin_url}/faults", json=rule)

    assert response.status_code == 400


def test_fault_names_lists_every_fault_with_its_effect(api: Api) -> None:
    listed = api.anonymous.get(f"{api.provider.provider_admin_url}/fault-names").json()

    assert [fault["name"] for fault in listed] == list(FAULTS)
    assert all(fault["does"] for fault in listed)


@pytest.mark.parametrize(
    ("method", "path", "point"),
    [
        ("GET", "/balance", "balance"),
        ("POST", "/model/price", "price"),
        ("POST", "/predictions", "list"),
        ("POST", "/billings/search", "billing"),
        ("POST", "/media/uploads", "upload"),
        ("POST", "/predictions/delete", "delete"),
        ("GET", "/models", "models"),
        ("GET", "/webhook/secret", "secret"),
    ],
)
def test_http_faults_apply_to_all_calls(api: Api, method: str, path: str, point: str) -> None:
    body = {"model_id": TEXT, "ids": [], "filename": "a.png", "size": 3}
    api.provider.fault(f"{point}.http", status=500)
    api.provider.fault(f"{point}.not_json")

    failed, invalid, normal = (api.http.request(method, path, json=body) for _ in range(3))

    assert (failed.status_code, invalid.status_code) == (500, 200)
    assert invalid.headers["content-type"].startswith("text/plain")
    assert normal.status_code == 200


def test_rules_are_listed_removed_and_cleared(api: Api) -> None:
    admin = api.provider.provider_admin_url
    first = api.provider.fault("submit.http", times=3, status=502)
    api.provider.fault("poll.hang")
    api.post(f"/{TEXT}", {"prompt": "x"})

    listed = api.anonymous.get(f"{admin}/faults").json()
    assert [(rule["fault"], rule["hits"]) for rule in listed] == [
        ("submit.http", 1),
        ("poll.hang", 0),
    ]
    assert api.anonymous.delete(f"{admin}/faults/{first['id']}").status_code == 204
    assert api.anonymous.delete(f"{admin}/faults/{first['id']}").status_code == 404
    assert api.anonymous.delete(f"{admin}/faults").json() == []
