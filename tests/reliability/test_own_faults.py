"""The faults that microburst lacks, decided from a seed."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from local.errors import LocalError
from reliability.faults import Fault, lost, outage, partial_put_events, rules, throttle
from reliability.http_messages import Request
from reliability.own_faults import OwnFaults


class Bus:
    """Takes entries, and gives each an id."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def put(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.taken += [entry["Detail"] for entry in entries]
        return {"Entries": [{"EventId": f"id of {entry['Detail']}"} for entry in entries]}


def answer(faults: OwnFaults, fault: Fault, details: Sequence[str]) -> dict[str, Any]:
    body = json.dumps({"Entries": [{"Detail": detail} for detail in details]}).encode()
    told = faults.answer_in_part(fault, Request("POST", "/", (), body))
    assert told.status == 200
    content: dict[str, Any] = json.loads(told.body)
    return content


def test_a_lone_entry_is_refused_with_200() -> None:
    bus = Bus()

    told = answer(OwnFaults(0, bus.put), partial_put_events(), ["a"])

    assert told["FailedEntryCount"] == 1
    assert told["Entries"][0]["ErrorCode"] == "InternalFailure"
    assert bus.taken == []


@pytest.mark.parametrize("seed", range(20))
def test_of_several_entries_some_fail_and_the_others_are_taken(seed: int) -> None:
    bus = Bus()

    told = answer(OwnFaults(seed, bus.put), partial_put_events("ThrottlingException"), "abcde")

    failed = [entry.get("ErrorCode") == "ThrottlingException" for entry in told["Entries"]]
    assert told["FailedEntryCount"] == sum(failed) > 0
    assert bus.taken == [
        detail for detail, is_failed in zip("abcde", failed, strict=True) if not is_failed
    ]
    ids = [entry["EventId"] for entry in told["Entries"] if "EventId" in entry]
    assert ids == [f"id of {detail}" for detail in bus.taken]


def drawn(faults: OwnFaults, times: int) -> list[bool]:
    return [faults.draw("lost", "dynamodb UpdateItem", "Submit") is not None for _ in range(times)]


def test_the_same_seed_draws_the_same() -> None:
    faults, others = OwnFaults(7, Bus().put), OwnFaults(8, Bus().put)
    half = lost("dynamodb", probability=0.5)
    faults.set([half])
    others.set([half])

    first = drawn(faults, 50)
    faults.set([half])

    assert drawn(faults, 50) == first
    assert drawn(others, 50) != first
    assert 10 < sum(first) < 40


def test_a_fault_happens_so_many_times() -> None:
    faults = OwnFaults(0, Bus().put)
    faults.set([lost("dynamodb", times=2)])

    assert drawn(faults, 4) == [True, True, False, False]


@pytest.mark.parametrize(
    ("fault", "befalls"),
    [
        (lost("dynamodb"), True),
        (lost("dynamodb", "UpdateItem", function="Submit"), True),
        (lost("dynamodb", "GetItem"), False),
        (lost("dynamodb", function="Check"), False),
        (lost("s3"), False),
        (throttle("dynamodb"), False),  # microburst's
    ],
)
def test_a_fault_befalls_what_it_names(fault: Fault, befalls: bool) -> None:
    faults = OwnFaults(0, Bus().put)
    faults.set([fault])

    assert drawn(faults, 1) == [befalls]


def test_faults_of_microburst_become_its_rules() -> None:
    (rule,) = rules([throttle("s3", "PutObject", function="Finalize", probability=0.5, times=3)])

    assert rule == {
        "service": "s3",
        "operation": "PutObject",
        "probability": 0.5,
        "times": 3,
        "headers": {"x-reliability-function": "/Finalize/"},
        "error": {"code": "SlowDown", "status": 503, "message": "on purpose"},
    }


def test_a_service_without_a_known_fault_is_refused() -> None:
    with pytest.raises(LocalError, match="sqs"):
        outage("sqs")
