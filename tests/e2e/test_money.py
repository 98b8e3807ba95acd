"""Money on the deployed stack: caps at each door, the kill switch, the report of a day."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.adapters.preset_document import KEY
from darkroom.domain import presets
from reliability.functions import Functions
from tests.e2e.desk import Desk, picture
from tests.e2e.shop import Shop


@pytest.fixture(scope="module")
def functions(desk: Desk) -> Functions:
    return Functions(desk.stack)


@pytest.fixture
def capped_folder(desk: Desk) -> Iterator[str]:
    """A folder of the inbox that may spend the price of one small edit a day."""
    document = presets.shipped().model_dump(mode="json")
    document["presets"]["capped"] = {
        "prompt": "Make it blue",
        "quality": "low",
        "daily_budget_usd": 0.03,
    }
    body = json.dumps(document).encode()
    desk.s3.put_object(Bucket=desk.stack.assets_bucket, Key=KEY, Body=body)
    yield "capped"
    desk.s3.delete_object(Bucket=desk.stack.assets_bucket, Key=KEY)


def test_a_key_spends_its_budget_and_no_more(desk: Desk) -> None:
    with desk.http(desk.key("frugal", budget=0.02)) as client:
        thrifty = Shop(client)
        done = [thrifty.done(prompt=f"Within the budget, {n}") for n in range(2)]
        answer = thrifty.ask(prompt="Beyond the budget")

    assert [job["status"] for job in done] == ["completed"] * 2
    assert answer.status_code == 402
    assert answer.json()["type"] == "urn:darkroom:problem:budget-exceeded"
    assert "$0.0000 is left" in answer.json()["detail"]
    assert desk.posts("Beyond the budget") == []


def test_what_was_not_charged_can_be_spent_again(desk: Desk) -> None:
    with desk.http(desk.key("unlucky", budget=0.01)) as client:
        unlucky = Shop(client)
        refused = unlucky.done(prompt="Refused [[fault submit.http status=400]]")
        done = unlucky.done(prompt="With the money that came back")

    assert refused["failure"]["code"] == "invalid_request"
    assert done["status"] == "completed"


def test_a_folder_spends_its_budget_and_says_so(desk: Desk, capped_folder: str) -> None:
    keys = [f"{capped_folder}/{n}.png" for n in range(3)]

    events = [
        desk.outcome_of_upload(key, desk.drop(key, picture(64 + n))) for n, key in enumerate(keys)
    ]

    assert [event["detail-type"] for event in events] == ["JobCompleted"] + ["JobRejected"] * 2
    assert events[1]["detail"]["errors"][0]["field"] == "budget"


def test_the_stacks_budget_stands_over_events_too(desk: Desk, functions: Functions) -> None:
    with functions.environment({"OnRequest": {"DAILY_BUDGET_USD": "0.000001"}}):
        event = desk.run(prompt="More than the stack may spend")

    assert event["detail-type"] == "JobRejected"
    assert event["detail"]["errors"][0]["field"] == "budget"
    assert desk.posts("More than the stack may spend") == []


def test_the_kill_switch_stops_submits_and_lets_go_on_what_is_under_way(
    desk: Desk, functions: Functions, shop: Shop
) -> None:
    parameters = desk.stack.client("ssm")
    name = f"/{desk.stack.stack_name}/switches/submits"
    before = shop.accepted(prompt="Sent before [[fault run.duration seconds=4]]")
    shop.until(before["job_id"], "submitted")
    parameters.put_parameter(Name=name, Value="off", Overwrite=True)
    try:
        functions.restart(["Submit"])  # it would look again within five seconds
        stopped = shop.accepted(prompt="Not to be sent yet")

        assert shop.until(before["job_id"])["status"] == "completed"
        assert shop.get(stopped["job_id"])["status"] == "queued"
        assert desk.posts("Not to be sent yet") == []
    finally:
        parameters.put_parameter(Name=name, Value="on", Overwrite=True)

    assert shop.until(stopped["job_id"])["status"] == "completed"
    assert len(desk.posts("Not to be sent yet")) == 1


def test_yesterday_is_held_against_the_bills_by_its_own_rights(
    desk: Desk, functions: Functions
) -> None:
    day = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()

    told = json.loads(
        functions.invoke("Reconcile", {"id": "by-hand", "day": day})["Payload"].read()
    )

    stored = desk.s3.get_object(Bucket=desk.stack.assets_bucket, Key=f"reports/{day}.json")
    assert json.loads(stored["Body"].read()) == told
    assert told["orphans"]["count"] == told["double"]["count"] == 0
