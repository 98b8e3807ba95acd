"""Chains of each entry point: presets, job descriptions, events and rows of batches."""

import json
from typing import Any

import pytest

from darkroom.domain import presets
from darkroom.domain.batch_file import BatchFileFormat
from darkroom.domain.callers import Caller
from darkroom.domain.chain_state import ChainStatus
from darkroom.domain.errors import Code
from darkroom.domain.events import JobEvent, JobRejected
from darkroom.domain.job import Job, Status
from darkroom.domain.row_parser import rows_of
from darkroom.domain.uploads import Upload
from darkroom.ports import Failed, Quote, Succeeded
from tests.fakes.chains import EDIT, THREE_STEPS, UPSCALE, ChainMachine, chain
from tests.fakes.images import PNG
from tests.fakes.machine import deployment
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World
from tests.unit.batches import create_all_jobs, result_rows, running_batch

SHOE = "studio-light/autumn/shoe.png"
NOTE = f"errors/{SHOE}.json"
FAILED = Failed(Code.PROVIDER_FAILED, "no")
MODERATED = Failed(Code.MODERATED, "no")


def put(world: World, key: str = SHOE, data: bytes = PNG, **metadata: str) -> tuple[Upload, Job]:
    upload = world.inbox.put(key, data, **metadata)
    job = world.app.upload_job.run(upload, event_id="event-1")
    assert job is not None
    return upload, job


def deliver_ends(world: World) -> None:
    """Deliver every end of a job or chain to OnUpload, also twice and the newest first."""
    ends = [e for e in world.events.published if getattr(e, "source", None) and e.job_id]
    for event in [*ends, *reversed(ends)]:
        world.app.note_outcome.run(str(event.job_id))


# ------------------------------------------------------------------------------------------- Inbox


def test_preset_with_steps_stores_every_output_in_the_folder_of_the_upload() -> None:
    world, account = deployment()
    _, root = put(world)

    ChainMachine(world).run()

    first, second = chain(world, root).jobs
    assert [job.caller for job in (first, second)] == ["inbox:studio-light"] * 2
    assert [job.preset for job in (first, second)] == ["studio-light@1"] * 2
    for job in (first, second):
        assert job.assets[0].key == f"edits/{SHOE}/{job.job_id}/0.png"
        assert job.source == root.source
    assert second.input["resolution"] == "4k"
    assert len(account.created) == 2


def test_metadata_overrides_the_first_step_only() -> None:
    world, _ = deployment()
    _, root = put(world, quality="low")

    ChainMachine(world).run()

    assert [job.input["quality"] for job in chain(world, root).jobs] == ["low", "high"]


def test_budget_of_a_preset_covers_the_whole_chain() -> None:
    world, _ = deployment()
    document = presets.shipped().model_dump(mode="json")
    document["presets"]["studio-light"]["daily_budget_usd"] = 0.4
    world.presets.current = presets.parse(json.dumps(document).encode())

    assert world.app.upload_job.run(world.inbox.put(SHOE, PNG), event_id="e") is None

    (rejected,) = [e for e in world.events.published if isinstance(e, JobRejected)]
    assert rejected.code is Code.BUDGET_EXCEEDED


def test_description_names_the_images_of_its_steps_as_its_own() -> None:
    world, _ = deployment()
    world.inbox.put("shop/logo.png", PNG)
    step = {"prompt": "add the logo", "images": ["$previous", "logo.png"]}
    body = {"operation": "text-to-image", "prompt": "a shoe", "then": [step]}
    _, root = put(world, "shop/shoe.job.json", json.dumps(body).encode())

    ChainMachine(world).run()

    references = chain(world, root).jobs[1].references
    assert str(references[1]) == "s3://inbox/shop/logo.png"


def test_description_waits_for_the_image_that_a_step_names() -> None:
    world, _ = deployment()
    step = {"prompt": "add the logo", "images": ["$previous", "logo.png"]}
    body = {"operation": "text-to-image", "prompt": "a shoe", "then": [EDIT, step]}
    upload = world.inbox.put("shop/shoe.job.json", json.dumps(body).encode())

    assert world.app.upload_job.run(upload, event_id="e") is None
    assert [waiting.upload for waiting in world.waiting.all()] == [upload]
    world.clock.advance(600)
    world.app.sweep_uploads.run()

    (rejected,) = [e for e in world.events.published if isinstance(e, JobRejected)]
    assert [problem.field for problem in rejected.errors] == ["then.1.images.1"]


def test_failed_step_is_noted_and_a_resume_removes_the_note() -> None:
    world, account = deployment()
    account.results = [Succeeded((OUTPUT,)), MODERATED]
    _, root = put(world)
    machine = ChainMachine(world)
    machine.run()
    deliver_ends(world)

    note = world.assets.documents[NOTE]
    failed = chain(world, root).jobs[1]
    assert (note["code"], note["job_id"]) == ("moderated", failed.job_id)
    assert note["message"].startswith(f"The chain of {SHOE} failed. Step 2: WaveSpeed's moderation")
    world.app.resume_chain.run(Caller(name="key:root", can_read_all=True), root.job_id)
    machine.run()
    deliver_ends(world)

    assert chain(world, root).status is ChainStatus.COMPLETED
    assert NOTE not in world.assets.documents


def test_note_does_not_say_that_a_chain_with_a_paid_step_was_free() -> None:
    world, account = deployment()
    account.results = [Succeeded((OUTPUT,)), FAILED]
    put(world)
    ChainMachine(world).run()
    deliver_ends(world)

    note = world.assets.documents[NOTE]
    assert note["charged"] == "no"
    assert note["message"].endswith(" The step was not charged.")


def test_repeated_notification_keeps_the_note_of_a_failed_chain() -> None:
    world, account = deployment()
    account.results = [Succeeded((OUTPUT,)), MODERATED]
    upload, _ = put(world)
    ChainMachine(world).run()
    deliver_ends(world)

    world.app.upload_job.run(upload, event_id="event-2")

    assert NOTE in world.assets.documents


@pytest.mark.parametrize(("result", "created"), [(FAILED, 3), (MODERATED, 2)])
def test_same_upload_resumes_a_chain_whose_step_was_not_charged(
    result: Failed, created: int
) -> None:
    """A step that may be charged is not repeated, as a single job is not."""
    world, account = deployment()
    account.results = [Succeeded((OUTPUT,)), result]
    _, root = put(world)
    machine = ChainMachine(world)
    machine.run()

    _, again = put(world)
    machine.run()

    assert again.job_id == root.job_id
    assert len(account.created) == created
    if result is FAILED:
        assert chain(world, root).status is ChainStatus.COMPLETED
        assert chain(world, root).jobs[1].source == again.source


def test_same_upload_is_not_paid_again_after_a_resume_of_its_first_step() -> None:
    world, account = deployment()
    account.results = [FAILED]
    _, root = put(world)
    machine = ChainMachine(world)
    machine.run()
    world.app.resume_chain.run(Caller(name="key:root", can_read_all=True), root.job_id)
    machine.run()
    assert chain(world, root).status is ChainStatus.COMPLETED

    _, again = put(world)
    machine.run()

    assert again.job_id == root.job_id
    assert len(account.created) == 3


# ------------------------------------------------------------------------------------------ Events


def test_event_requests_a_chain() -> None:
    world, account = deployment()
    caller = Caller(name="events", can_read_all=True)

    root = world.app.request_job.run(THREE_STEPS, caller=caller, event_id="event-1")
    ChainMachine(world).run()

    assert root is not None
    assert chain(world, root).status is ChainStatus.COMPLETED
    assert len(account.created) == 3
    ended = [e for e in world.events.published if isinstance(e, JobEvent)]
    assert {(event.chain_id, event.step) for event in ended} == {
        (root.job_id, step) for step in range(3)
    }


def test_event_with_a_bad_step_is_rejected() -> None:
    world, _ = deployment()
    body = {**THREE_STEPS, "then": [EDIT, EDIT, {"prompt": ""}]}

    assert world.app.request_job.run(body, caller=Caller(name="e"), event_id="event-1") is None

    (rejected,) = [e for e in world.events.published if isinstance(e, JobRejected)]
    assert [problem.field for problem in rejected.errors] == ["then.2.prompt"]


# ----------------------------------------------------------------------------------------- Batches

CHAIN_ROW: dict[str, Any] = {"id": "a", "prompt": "a shoe", "then": [EDIT, UPSCALE]}
PRICES = (10_000, 190_000, 10_000)


def batch_world(*results: Any) -> tuple[World, Any]:
    world, account = deployment()
    world.prices.quotes = {UPSCALE["model"]: Quote(PRICES[2], "2026-11-30")}
    account.results = list(results)
    return world, account


def test_row_ends_with_the_last_step_of_its_chain() -> None:
    world, account = batch_world()
    batch = running_batch(world, [CHAIN_ROW, {"id": "b", "prompt": "a hat"}])
    assert batch.estimated_cost_micro_usd == sum(PRICES) + PRICES[0]
    create_all_jobs(world, batch)
    machine = ChainMachine(world)
    machine.run(until=lambda: world.job(batch.job_of(1)).status is Status.COMPLETED)
    assert world.app.collect_batch.run(batch.batch_id) > 0
    counts = world.batches.records[batch.batch_id].counts
    machine.run()

    assert world.app.collect_batch.run(batch.batch_id) == 0

    assert (counts.completed, counts.open) == (0, 2)
    first, second = result_rows(world, batch)
    last = chain(world, world.job(batch.job_of(1))).jobs[-1]
    assert (first["status"], first["job_id"]) == ("completed", batch.job_of(1))
    assert first["assets"] == [f"s3://assets/{last.assets[0].key}"]
    assert (first["charged"], first["cost_micro_usd"]) == ("yes", sum(PRICES))
    assert second["cost_micro_usd"] == PRICES[0]
    ended = world.batches.records[batch.batch_id]
    assert ended.spent_micro_usd == sum(PRICES) + PRICES[0]
    assert {job.batch_id for job in world.jobs.records.values()} == {batch.batch_id}
    assert len(account.created) == 4


def test_row_whose_chain_fails_has_the_step_in_its_message() -> None:
    world, _ = batch_world(Succeeded((OUTPUT,)), MODERATED)
    batch = running_batch(world, [CHAIN_ROW])
    create_all_jobs(world, batch)
    ChainMachine(world).run()

    assert world.app.collect_batch.run(batch.batch_id) == 0

    (row,) = result_rows(world, batch)
    assert (row["status"], row["code"], row["charged"]) == ("failed", "moderated", "maybe")
    assert row["message"].startswith("Step 2: ")
    assert row["cost_micro_usd"] == PRICES[0] + PRICES[1]
    ended = world.batches.records[batch.batch_id]
    assert (ended.spent_micro_usd, ended.uncertain_micro_usd) == PRICES[:2]


def test_canceled_batch_ends_the_chains_of_its_rows() -> None:
    world, account = batch_world()
    batch = running_batch(world, [CHAIN_ROW])
    create_all_jobs(world, batch)
    machine = ChainMachine(world, deliveries=lambda _: 0)
    machine.run(until=lambda: world.job(batch.job_of(1)).status is Status.COMPLETED)

    world.app.find_batches.cancel(Caller(name=batch.caller), batch.batch_id)
    world.app.collect_batch.run(batch.batch_id)
    machine.run()
    world.app.collect_batch.run(batch.batch_id)

    assert [row["status"] for row in result_rows(world, batch)] == ["canceled"]
    assert len(account.created) == 1


def test_cell_with_steps_is_json() -> None:
    cell = json.dumps([EDIT, {"prompt": ""}]).replace('"', '""')
    sheet = f'prompt,then\na shoe,"{cell}"\na hat,two steps\na cup,\n'.encode()
    parsed = list(rows_of(sheet, BatchFileFormat.CSV, template=None, defaults={}))

    bad_step, no_json, plain = (row for row, _ in parsed)
    assert bad_step.errors[0].message == "Step 3: `prompt` is empty. Use at least 1 character."
    assert no_json.errors[0].message == 'Column "then" must be a JSON list of steps.'
    assert plain.request is not None


def test_steps_of_the_defaults_apply_to_rows_without_their_own() -> None:
    rows = b'{"prompt": "a shoe"}\n{"prompt": "a hat", "then": []}\n'
    parsed = rows_of(rows, BatchFileFormat.JSONL, template=None, defaults={"then": [EDIT, UPSCALE]})

    assert [len(request.then) for _, request in parsed if request] == [2, 0]


def test_bad_reference_of_a_step_is_a_problem_of_the_row() -> None:
    row = {"prompt": "a shoe", "then": [{"prompt": "x", "images": ["$previous", "file:///etc/x"]}]}
    ((parsed, _),) = rows_of(
        json.dumps(row).encode(), BatchFileFormat.JSONL, template=None, defaults={}
    )

    assert [problem.field for problem in parsed.errors] == ["then.0.images.1"]
