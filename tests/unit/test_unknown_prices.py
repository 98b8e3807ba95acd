"""A model of unknown price runs only for the callers that the parameter UnknownPrices permits."""

from typing import Any, Literal

import pytest

from darkroom.domain import callers
from darkroom.domain.callers import Caller, Role
from darkroom.domain.errors import Code, InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.ports import Quote
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.batches import SMALL_IMAGE, create_all_jobs, result_rows, running_batch, upload_rows
from tests.unit.http import V1_JOBS, Client, error_message

UNPRICED: dict[str, Any] = {"model": "maker/other", "input": {"prompt": "x"}}
SUBMIT, ADMIN = callers.of_key("ada", Role.SUBMIT), callers.of_key("boss", Role.ADMIN)
OTHER_BUS = callers.of_rule("orders", can_read_all=False)
STACK_BUS = callers.of_rule("events", can_read_all=True)
MESSAGE = (
    "The price of this model with this input is not known, and this deployment runs such models"
    " only with an admin key. Use a model with a known price, or ask the operator (parameter"
    " `UnknownPrices`)."
)

type Setting = Literal["all", "admin", "none"]


@pytest.mark.parametrize(
    ("setting", "permitted"),
    [
        ("all", {SUBMIT, ADMIN, OTHER_BUS, STACK_BUS, callers.INBOX}),
        ("admin", {ADMIN, STACK_BUS, callers.INBOX}),
        ("none", set()),
    ],
)
@pytest.mark.parametrize(
    "caller", [SUBMIT, ADMIN, OTHER_BUS, STACK_BUS, callers.INBOX], ids=lambda c: c.name
)
def test_setting_decides_who_may_run_a_model_of_unknown_price(
    setting: Setting, permitted: set[Caller], caller: Caller
) -> None:
    world = World(unknown_prices=setting)
    request = parse_request(UNPRICED | {"input": {"image": "data:image/png;base64,aGk="}})
    source = RequestSource(caller, "key", "request")

    if caller in permitted:
        assert world.app.create_job.run(request, source).estimated_cost_micro_usd is None
        return
    with pytest.raises(InvalidRequestError) as error:
        world.app.create_job.run(request, source)

    assert [problem.field for problem in error.value.problems] == ["model"]
    assert world.jobs.records == {}
    assert world.workflow.started == []


def test_unknown_price_is_a_400_before_anything_is_stored_or_charged() -> None:
    ada = Client(World(unknown_prices="admin"))

    response = ada.post(V1_JOBS, UNPRICED)
    message = error_message(ada.post("/api/v3/maker/other", UNPRICED["input"]), 400)

    assert (response.status, response.fields) == (400, ["model"])
    assert response.json["detail"] == message == MESSAGE
    assert ada.world.jobs.records == {}
    assert ada.as_("boss", "admin").post(V1_JOBS, UNPRICED).status == 202
    assert ada.post(V1_JOBS, TEXT_TO_IMAGE).status == 202


def test_model_with_a_quote_runs_for_every_caller() -> None:
    world = World(unknown_prices="none")
    world.prices.quotes["maker/other"] = Quote(12_345, "2026-11-22")

    assert Client(world).post(V1_JOBS, UNPRICED).status == 202


def test_event_for_a_model_of_unknown_price_is_rejected() -> None:
    world = World(unknown_prices="none")

    assert world.app.request_job.run(UNPRICED, caller=STACK_BUS, event_id="e-1") is None

    [event] = world.events.of_type("JobRejected")
    assert event.model_dump()["code"] == Code.INVALID_REQUEST


def test_plan_and_batch_name_the_rows_of_unknown_price_as_invalid() -> None:
    ada = Client(World(unknown_prices="admin"))
    source = upload_rows(ada.world, [SMALL_IMAGE | {"prompt": "x"}, UNPRICED], "key:ada")

    plan = ada.post("/v1/batches", {"source": source, "dry_run": True}).json
    started = ada.post("/v1/batches", {"source": source}).json

    assert (plan["bad_rows"], plan["unpriced_rows"]) == (1, 0)
    assert [(error["row"], error["field"]) for error in plan["errors"]] == [(2, "model")]
    assert plan["errors"][0]["message"].endswith(MESSAGE[1:])
    batch = ada.world.batches.records[started["batch_id"]]
    create_all_jobs(ada.world, batch)
    assert list(ada.world.jobs.records) == [batch.job_of(1)]

    admin = ada.as_("boss", "admin")
    plan = admin.post("/v1/batches", {"source": source, "dry_run": True}).json
    assert (plan["bad_rows"], plan["unpriced_rows"]) == (0, 1)


def test_plan_names_the_step_of_unknown_price() -> None:
    ada = Client(World(unknown_prices="admin"))
    row = SMALL_IMAGE | {"prompt": "x", "then": [{"prompt": "y"}, UNPRICED]}
    source = upload_rows(ada.world, [row], "key:ada")

    plan = ada.post("/v1/batches", {"source": source, "dry_run": True}).json

    (error,) = plan["errors"]
    assert error["field"] == "then.1.model"
    assert error["message"] == f"Row 1: step 3: t{MESSAGE[1:]}"


def test_batch_of_rows_of_unknown_price_only_is_refused() -> None:
    ada = Client(World(unknown_prices="admin"))
    source = upload_rows(ada.world, [UNPRICED], "key:ada")

    response = ada.post("/v1/batches", {"source": source, "confirm_micro_usd": 10**9})

    assert (response.status, response.fields) == (400, ["rows.1.model"])
    assert ada.world.batches.records == {}


def test_row_whose_quote_is_missing_when_its_job_is_created_is_refused() -> None:
    world = World(unknown_prices="admin")
    batch = running_batch(world, [{"prompt": "x"}])
    world.prices.quotes["openai/gpt-image-2/text-to-image"] = None

    create_all_jobs(world, batch)
    assert world.app.collect_batch.run(batch.batch_id) == 0

    assert world.jobs.records == {}
    [row] = result_rows(world, batch)
    assert (row["status"], row["code"], row["charged"]) == ("failed", "invalid_request", "no")
    assert row["message"].endswith(MESSAGE[1:])
