"""Chains over HTTP: creation, the state of each step, prices, cancellation, resume, long polls."""

from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.ports import Failed, Quote, Succeeded
from tests.fakes.chains import THREE_STEPS, UPSCALE, ChainMachine
from tests.fakes.machine import deployment
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Client

FAILED = Failed(Code.PROVIDER_FAILED, "The prompt 'a lighthouse' failed")
PRICES = (60_000, 190_000, 10_000)


def chain_of_ada(*results: Any) -> tuple[Client, World, Job]:
    world, account = deployment()
    world.prices.quotes = {UPSCALE["model"]: Quote(PRICES[2], "2026-11-30")}
    account.results = list(results)
    ada = Client(world)
    return ada, world, ada.accept_job(THREE_STEPS)


def statuses(view: dict[str, Any]) -> list[str]:
    return [step["status"] for step in view["chain"]["steps"]]


def test_created_job_shows_its_chain() -> None:
    world, _ = deployment(stack_budget=10_000_000)
    world.prices.quotes = {UPSCALE["model"]: Quote(PRICES[2], "2026-11-30")}

    view = Client(world).post(V1_JOBS, THREE_STEPS).json

    assert (view["chain_id"], view["step"]) == (view["job_id"], 0)
    assert view["estimated_cost_micro_usd"] == PRICES[0]
    chain = view["chain"]
    assert (chain["status"], chain["attempt"], chain["code"]) == ("running", 0, None)
    assert statuses(view) == ["queued", "waiting", "waiting"]
    assert [step["model"] for step in chain["steps"]] == [
        "openai/gpt-image-2/text-to-image", "openai/gpt-image-2/edit", "wavespeed-ai/upscaler",
    ]  # fmt: skip
    assert [step["estimated_cost_micro_usd"] for step in chain["steps"]] == list(PRICES)
    assert chain["estimated_cost_micro_usd"] == sum(PRICES)
    assert chain["reserved_micro_usd"] == PRICES[1] + PRICES[2]


def test_completed_chain_is_shown_by_each_of_its_jobs() -> None:
    ada, world, root = chain_of_ada()
    ChainMachine(world).run()

    first = ada.get(f"{V1_JOBS}/{root.job_id}").json

    assert first["chain"]["status"] == "completed"
    assert statuses(first) == ["completed"] * 3
    assert first["chain"]["spent_micro_usd"] == sum(PRICES)
    assert first["chain"]["reserved_micro_usd"] == 0
    for step in first["chain"]["steps"]:
        view = ada.get(f"{V1_JOBS}/{step['job_id']}").json
        assert view["chain"] == first["chain"]
        assert view["step"] == step["step"]


def test_failed_chain_names_the_step_and_quotes_no_message_of_the_provider() -> None:
    ada, world, root = chain_of_ada(Succeeded((OUTPUT,)), FAILED)
    ChainMachine(world).run()

    chain = ada.get(f"{V1_JOBS}/{root.job_id}").json["chain"]

    assert [step["status"] for step in chain["steps"]] == ["completed", "failed", "skipped"]
    assert (chain["status"], chain["code"]) == ("failed", "provider_failed")
    assert chain["message"].startswith("Step 2: ")
    assert "lighthouse" not in str(chain)
    assert chain["spent_micro_usd"] == PRICES[0]


def test_job_without_further_steps_has_no_chain() -> None:
    view = Client().post(V1_JOBS, {"operation": "text-to-image", "prompt": "x"}).json

    assert (view["chain_id"], view["step"], view["chain"]) == (None, None, None)


def test_list_shows_the_chain_of_each_job_by_its_id() -> None:
    ada, world, root = chain_of_ada()
    ChainMachine(world).run()

    jobs = ada.get(V1_JOBS).json["jobs"]

    assert [(job["chain_id"], job["step"], job["chain"]) for job in jobs] == [
        (root.job_id, step, None) for step in (2, 1, 0)
    ]


def test_estimate_prices_the_whole_chain() -> None:
    world, _ = deployment()
    ada = Client(world)

    unknown = ada.post("/v1/estimates", THREE_STEPS).json
    world.prices.quotes = {UPSCALE["model"]: Quote(PRICES[2], "2026-11-30")}
    known = ada.post("/v1/estimates", THREE_STEPS).json

    assert unknown["estimated_cost_micro_usd"] is None
    assert known["estimated_cost_micro_usd"] == sum(PRICES)
    assert [step["estimated_cost_micro_usd"] for step in known["then"]] == [*PRICES[1:]]


def test_cancellation_of_the_first_job_cancels_the_running_step() -> None:
    ada, world, root = chain_of_ada()
    machine = ChainMachine(world)
    machine.run(until=lambda: len(world.jobs.records) == 2)

    response = ada.delete(f"{V1_JOBS}/{root.job_id}")

    assert (response.status, response.json["status"]) == (200, "completed")
    assert response.json["chain"]["status"] == "canceled"
    assert statuses(response.json) == ["completed", "failed", "skipped"]


def test_cancellation_is_accepted_while_the_running_step_is_stored() -> None:
    ada, world, root = chain_of_ada()
    ChainMachine(world).run(until=lambda: len(world.provider.posts) == 2)

    response = ada.delete(f"{V1_JOBS}/{root.job_id}")

    assert (response.status, response.json["chain"]["status"]) == (202, "canceled")
    assert response.headers["Retry-After"]


def test_resume_starts_the_failed_step_again() -> None:
    ada, world, root = chain_of_ada(Succeeded((OUTPUT,)), FAILED)
    machine = ChainMachine(world)
    machine.run()

    response = ada.send("POST", f"{V1_JOBS}/{root.job_id}/resume")
    machine.run()

    assert (response.status, response.json["job_id"]) == (202, root.job_id)
    assert (response.json["chain"]["status"], response.json["chain"]["attempt"]) == ("running", 1)
    assert statuses(response.json) == ["completed", "queued", "waiting"]
    assert statuses(ada.get(f"{V1_JOBS}/{root.job_id}").json) == ["completed"] * 3
    assert "chain.resumed" in {entry.act for entry in world.audit.entries}


@pytest.mark.parametrize("is_running", [True, False])
def test_resume_of_a_chain_that_has_not_failed_is_a_conflict(is_running: bool) -> None:
    ada, world, root = chain_of_ada()
    if not is_running:
        ChainMachine(world).run()

    response = ada.send("POST", f"{V1_JOBS}/{root.job_id}/resume")

    assert (response.status, response.json["type"]) == (409, "urn:darkroom:problem:not-resumable")


def test_resume_needs_the_owner_and_a_role_that_submits() -> None:
    ada, world, root = chain_of_ada(FAILED)
    ChainMachine(world).run()
    path = f"{V1_JOBS}/{root.job_id}/resume"

    assert ada.as_("ada", "read").send("POST", path).status == 403
    assert ada.as_("bob").send("POST", path).status == 404
    assert ada.as_("root", "admin").send("POST", path).status == 202


def test_wait_lasts_until_the_chain_changes() -> None:
    ada, world, root = chain_of_ada()
    machine = ChainMachine(world)
    machine.run(until=lambda: world.job(root.job_id).status is Status.COMPLETED)
    path = f"{V1_JOBS}/{root.job_id}"
    etag = ada.get(path).headers["ETag"]

    assert ada.get(path, {"If-None-Match": etag}, wait=2).status == 304
    machine.run(until=lambda: len(world.jobs.records) == 2)
    changed = ada.get(path, {"If-None-Match": etag}, wait=2)

    assert (changed.status, statuses(changed.json)[1]) == (200, "queued")
    assert changed.headers["ETag"] != etag
    machine.run()
    before = world.clock()
    assert ada.get(path, wait=20).json["chain"]["status"] == "completed"
    assert world.clock() == before
