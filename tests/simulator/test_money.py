from typing import Any

import pytest

from tests.simulator.client import EDIT, TEXT, Api

HALF_AN_HOUR = 1800


def entry_kinds(api: Api, prediction: dict[str, Any]) -> list[str]:
    return [entry["kind"] for entry in api.provider.ledger(prediction["id"])]


def test_failed_prediction_is_refunded_after_the_delay(api: Api) -> None:
    before = api.balance()
    api.provider.fault("run.failed")
    api.provider.fault("run.duration", seconds=10)
    prediction = api.submit()

    api.provider.advance(11)
    assert api.result(prediction)["status"] == "failed"
    assert entry_kinds(api, prediction) == ["deduct"]

    api.provider.advance(HALF_AN_HOUR)
    assert entry_kinds(api, prediction) == ["deduct", "refund"]
    assert api.balance() == before


@pytest.mark.parametrize(
    ("options", "fault", "refunded"),
    [
        ({}, "run.moderated", False),
        ({"refund_moderated": True}, "run.moderated", True),
        ({"refunds": "never"}, "run.failed", False),
        ({}, "run.cancelled", False),
        ({}, "run.empty_outputs", False),
    ],
)
def test_refund_depends_on_the_end_and_the_options(
    api: Api, options: dict[str, Any], fault: str, refunded: bool
) -> None:
    api.provider.options(**options)
    api.provider.fault(fault)
    prediction = api.run()

    assert ("refund" in entry_kinds(api, prediction)) is refunded


@pytest.mark.parametrize(
    ("faults", "refunded"),
    [
        (["run.failed", "money.refund_never"], False),
        (["run.failed", "money.refund_now"], True),
        (["run.moderated", "money.refund_now"], True),
        (["money.refund_now"], False),
    ],
)
def test_refund_faults_override_the_options(api: Api, faults: list[str], refunded: bool) -> None:
    api.provider.options(refunds="delayed" if not refunded else "never")
    prompt = "x " + " ".join(f"[[fault {fault}]]" for fault in faults)

    prediction = api.run(prompt)

    assert ("refund" in entry_kinds(api, prediction)) is refunded


def test_refund_now_and_refund_after_faults(api: Api) -> None:
    prompt = "x [[fault run.failed]][[fault run.duration seconds=10]]"
    at_once = api.submit(f"{prompt}[[fault money.refund_now]]")
    later = api.submit(f"{prompt}[[fault money.refund_after seconds=7200]]")

    api.provider.advance(11)
    assert (entry_kinds(api, at_once), entry_kinds(api, later)) == (
        ["deduct", "refund"],
        ["deduct"],
    )

    api.provider.advance(7100)
    assert entry_kinds(api, later) == ["deduct"]
    api.provider.advance(100)
    assert entry_kinds(api, later) == ["deduct", "refund"]


def test_submit_without_credit_can_fail_the_prediction(api: Api) -> None:
    api.provider.options(no_credit=1407)
    api.provider.set_balance(0)

    done = api.run("x", EDIT)

    assert (done["status"], done["code"]) == ("failed", 1407)
    assert api.provider.ledger() == []


def test_billing_search_links_entries_to_predictions(api: Api) -> None:
    kept = api.run()
    api.provider.fault("run.failed")
    lost = api.run(quality="low")

    charges = api.data(api.post("/billings/search", {"billing_type": "deduct"}))
    refunds = api.data(api.post("/billings/search", {"billing_type": "refund"}))

    assert [item["prediction"]["uuid"] for item in charges["items"]] == [lost["id"], kept["id"]]
    assert [item["price"] for item in charges["items"]] == [0.01, 0.06]
    [refund] = refunds["items"]
    assert refund["prediction"] == {"uuid": lost["id"], "model_uuid": TEXT, "status": "failed"}
    assert refund["price"] == 0.01
    assert refund["access_key_name"] == "key-1"


def test_usage_stats_total_by_model_and_day(api: Api) -> None:
    first = api.submit(quality="low")
    api.run("x", EDIT)
    api.provider.advance(2 * 86_400)
    done = api.run()

    window = {"start_time": first["created_at"], "end_time": done["created_at"]}
    usage = api.data(api.post("/user/usage_stats", window))

    assert usage["summary"] == {"total_cost": 0.14, "total_requests": 3, "success_requests": 3}
    assert {row["model_uuid"]: row["total_count"] for row in usage["per_model_usage"]} == {
        TEXT: 2,
        EDIT: 1,
    }
    assert [day["count"] for day in usage["daily_usage"]] == [2, 1]
    assert api.post("/user/usage_stats", {}).status_code == 400


def test_emptied_fault_sets_the_balance_after_the_charge(api: Api) -> None:
    api.provider.fault("money.emptied", match={"nth": 2}, usd=0.07)

    responses = [api.post(f"/{TEXT}", {"prompt": "x"}) for _ in range(4)]

    assert [response.status_code for response in responses] == [200, 200, 200, 400]
    assert api.balance() == pytest.approx(0.01)
    assert len(api.provider.ledger()) == 3
