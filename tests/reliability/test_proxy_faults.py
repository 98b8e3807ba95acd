"""Faults injected by the proxy, drawn from a seed."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from local.errors import LocalError
from reliability.faults import Fault, lost, outage, partial_put_events, rules, throttle
from reliability.http_messages import Request
from reliability.proxy_faults import ProxyFaults


class Bus:
    """Accepts entries, and returns an id for each."""

    def __init__(self) -> None:
        self.accepted: list[str] = []

    def put(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.accepted += [entry["Detail"] for entry in entries]
        return {"Entries": [{"EventId": f"id of {entry['Detail']}"} for entry in entries]}


def put_events(faults: ProxyFaults, fault: Fault, details: Sequence[str]) -> dict[str, Any]:
    body = json.dumps({"Entries": [{"Detail": detail} for detail in details]}).encode()
    response = faults.put_events_partially(fault, Request("POST", "/", (), body))
    assert response.status == 200
    result: dict[str, Any] = json.loads(response.body)
    return result


def test_single_entry_fails_with_200() -> None:
    bus = Bus()

    result = put_events(ProxyFaults(0, bus.put), partial_put_events(), ["a"])

    assert result["FailedEntryCount"] == 1
    assert result["Entries"][0]["ErrorCode"] == "InternalFailure"
    assert bus.accepted == []


@pytest.mark.parametrize("seed", range(20))
def test_some_of_several_entries_fail_and_the_rest_are_accepted(seed: int) -> None:
    bus = Bus()

    result = put_events(
        ProxyFaults(seed, bus.put), partial_put_events("ThrottlingException"), "abcde"
    )

    failed = [entry.get("ErrorCode") == "ThrottlingException" for entry in result["Entries"]]
    assert result["FailedEntryCount"] == sum(failed) > 0
    assert bus.accepted == [
        detail for detail, is_failed in zip("abcde", failed, strict=True) if not is_failed
    ]
    ids = [entry["EventId"] for entry in result["Entries"] if "EventId" in entry]
    assert ids == [f"id of {detail}" for detail in bus.accepted]


def draw(faults: ProxyFaults, times: int) -> list[bool]:
    return [faults.draw("lost", "dynamodb UpdateItem", "Submit") is not None for _ in range(times)]


def test_same_seed_gives_same_draws() -> None:
    faults, other_seed = ProxyFaults(7, Bus().put), ProxyFaults(8, Bus().put)
    half = lost("dynamodb", probability=0.5)
    faults.set([half])
    other_seed.set([half])

    first = draw(faults, 50)
    faults.set([half])

    assert draw(faults, 50) == first
    assert draw(other_seed, 50) != first
    assert 10 < sum(first) < 40


def test_fault_fires_at_most_times() -> None:
    faults = ProxyFaults(0, Bus().put)
    faults.set([lost("dynamodb", times=2)])

    assert draw(faults, 4) == [True, True, False, False]


@pytest.mark.parametrize(
    ("fault", "fires"),
    [
        (lost("dynamodb"), True),
        (lost("dynamodb", "UpdateItem", function="Submit"), True),
        (lost("dynamodb", "GetItem"), False),
        (lost("dynamodb", function="Check"), False),
        (lost("s3"), False),
        (throttle("dynamodb"), False),  # injected by microburst
    ],
)
def test_fault_fires_only_for_matching_requests(fault: Fault, fires: bool) -> None:
    faults = ProxyFaults(0, Bus().put)
    faults.set([fault])

    assert draw(faults, 1) == [fires]


def test_microburst_fault_becomes_a_rule() -> None:
    (rule,) = rules([throttle("s3", "PutObject", function="Finalize", probability=0.5, times=3)])

    assert rule == {
        "service": "s3",
        "operation": "PutObject",
        "probability": 0.5,
        "times": 3,
        "headers": {"x-reliability-function": "/Finalize/"},
        "error": {"code": "SlowDown", "status": 503, "message": "on purpose"},
    }


def test_fault_of_unknown_service_raises_error() -> None:
    with pytest.raises(LocalError, match="sqs"):
        outage("sqs")
