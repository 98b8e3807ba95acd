"""EraseJob: no content of an erased job is left, whatever crashes, and nothing brings it back."""

import json
from contextlib import suppress
from typing import Any

import pytest

from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.sweeping import PROVIDER_RETENTION
from darkroom.ports import Accepted, Failed, NotDownloaded
from tests.fakes.chains import ChainMachine, chain
from tests.fakes.crashes import CrashAt, Interruption, SimulatedCrashError
from tests.fakes.images import JPEG, PNG
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import TEST_CALLER, World
from tests.unit.batches import SHOP, create_all_jobs, result_rows, running_batch
from tests.unit.http import Client, Response, complete_job
from tests.unit.test_inbox_outcomes import NOTE, PAGE, end, put

PROMPT = "a heliotrope walrus"
EDIT: dict[str, Any] = {"operation": "edit", "prompt": PROMPT, "images": ["upload:1.png"]}


def erase(client: Client, job: Job) -> Response:
    return client.delete(f"/v1/jobs/{job.job_id}/data")


def upload(world: World, name: str = "1.png", owner: str = "key:ada", data: bytes = PNG) -> str:
    world.references.objects["assets", f"uploads/{name}"] = [data]
    world.references.owners[f"uploads/{name}"] = owner
    return f"upload:{name}"


def edited(client: Client, **headers: str) -> Job:
    """Return a completed edit of an upload, with a thumbnail."""
    upload(client.world)
    job = client.accept_job(EDIT, **headers)
    complete_job(client.world, job.job_id)
    client.world.assets.files[f"thumbnails/{job.job_id}/0.webp"] = b"small"
    return client.world.job(job.job_id)


def content(world: World) -> str:
    """Return everything that the deployment stores, as one text."""
    return str(
        [
            world.jobs.records, world.batches.records, world.batches.refusals_by_batch,
            world.assets.files, world.assets.documents, world.references.objects,
            world.batch_files.lines, world.batch_files.written,
        ]
    )  # fmt: skip


def assert_erased(world: World, job: Job) -> None:
    stored = world.job(job.job_id)
    assert stored.erased_at is not None
    assert (stored.input, stored.references, stored.assets) == ({}, (), ())
    assert (stored.detail, stored.sent_images) == (None, ())
    text = content(world)
    for text_or_bytes in (PROMPT, str(PNG)[2:40], "small"):
        assert text_or_bytes not in text


def test_content_is_erased_here_and_at_the_provider_and_money_and_times_stay() -> None:
    ada = Client()
    job = edited(ada)
    before = ada.get(f"/v1/jobs/{job.job_id}").json

    response = erase(ada, job)

    assert response.status == 200
    assert_erased(ada.world, job)
    assert ada.world.provider.deleted == [PREDICTION]
    kept = (
        "job_id", "caller", "status", "model", "operation", "estimated_cost_micro_usd", "charged",
        "prediction_id", "timings", "idempotency_key",
    )  # fmt: skip
    shown = response.json
    assert {name: shown[name] for name in kept} == {name: before[name] for name in kept}
    assert shown["charged"] == "yes"
    assert (shown["input"], shown["references"], shown["assets"]) == ({}, [], [])
    assert (shown["event"], shown["source"]) == (None, None)
    assert shown["erased_at"] is not None


def test_erased_job_is_shown_with_another_etag_and_listed_without_content() -> None:
    ada = Client()
    job = edited(ada)
    etag = ada.get(f"/v1/jobs/{job.job_id}").headers["ETag"]

    erased = erase(ada, job)

    shown = ada.get(f"/v1/jobs/{job.job_id}", {"If-None-Match": etag})
    assert (shown.status, shown.headers["ETag"]) == (200, erased.headers["ETag"])
    (listed,) = ada.get("/v1/jobs").json["jobs"]
    assert (listed["job_id"], listed["input"], listed["assets"]) == (job.job_id, {}, [])
    assert ada.get("/v1/jobs", text="walrus").json["jobs"] == []
    assert ada.get(f"/api/v3/predictions/{job.job_id}").status == 404


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUBMITTED])
def test_open_job_is_refused_with_the_way_to_cancel_it(status: Status) -> None:
    ada = Client()
    job = ada.accept_job()
    ada.world.jobs.update(job.job_id, when=list(Status), status=status)

    response = erase(ada, job)

    assert response.status == 409
    assert response.json["type"] == "urn:darkroom:problem:not-ended"
    assert f"DELETE /v1/jobs/{job.job_id}" in response.json["detail"]
    assert ada.world.job(job.job_id).input == job.input


def test_only_the_owner_and_an_admin_erase() -> None:
    ada = Client()
    job = edited(ada)

    assert erase(ada.as_("eve"), job).status == 404
    assert erase(ada.as_("ada", "read"), job).status == 403
    assert ada.world.job(job.job_id).erasing_at is None
    assert erase(ada.as_("boss", "admin"), job).status == 200


def test_erasure_is_audited_with_the_key_that_requested_it() -> None:
    ada = Client()
    job = edited(ada)
    ada.world.audit.entries.clear()

    erase(ada.as_("boss", "admin"), job)

    (entry,) = ada.world.audit.entries
    assert (entry.act, entry.object, entry.name) == (Act.JOB_ERASED, job.job_id, "key:boss")


@pytest.mark.parametrize("timing", ["before", "after"])
def test_erasure_that_crashed_is_visible_and_completed_by_a_repetition(timing: Any) -> None:
    """A crash at every call of every port, then a second request."""
    call, has_crashed = 0, True
    while has_crashed:
        ada = Client()
        job = edited(ada)
        world = ada.world
        world.crash_at = CrashAt({call: timing})
        try:
            world.app.erase_job.run(Caller(name="key:ada"), job.job_id)
        except SimulatedCrashError:
            record = world.job(job.job_id)
            assert record.erased_at is None or timing == "after"
            assert record.erasing_at is not None or PROMPT in str(record.input)
        else:
            has_crashed = False
        world.crash_at = CrashAt({})
        assert world.app.erase_job.run(Caller(name="key:ada"), job.job_id).erased_at
        assert_erased(world, job)
        call += 1
    assert call > 5


def test_sweep_completes_an_erasure_that_crashed() -> None:
    ada = Client()
    job = edited(ada)
    ada.world.crash_at.methods = {"erase_folder": "before"}
    with pytest.raises(SimulatedCrashError):
        ada.world.app.erase_job.run(Caller(name="key:ada"), job.job_id)
    shown = ada.get(f"/v1/jobs/{job.job_id}").json
    assert (shown["erased_at"], shown["erasing_at"] is None) == (None, False)

    sweep_until_done(ada.world, job)

    assert_erased(ada.world, job)


def sweep_until_done(world: World, job: Job) -> None:
    while sweep_after := world.job(job.job_id).sweep_after:
        world.clock.time = max(world.clock.time, sweep_after)
        world.app.sweep_jobs.run()


def test_failed_deletion_at_the_provider_is_reported_and_repeated() -> None:
    ada = Client()
    job = edited(ada)
    ada.world.provider.confirms_deletions = False

    response = erase(ada, job)

    assert (response.status, response.json["erased_at"]) == (202, None)
    assert PROMPT not in content(ada.world)
    ada.world.clock.advance(600)
    ada.world.app.sweep_jobs.run()
    assert ada.world.job(job.job_id).erased_at is None
    ada.world.provider.confirms_deletions = True
    sweep_until_done(ada.world, job)
    assert_erased(ada.world, job)
    assert ada.world.provider.deleted[0] == PREDICTION


def test_erasure_is_complete_once_the_provider_keeps_nothing() -> None:
    ada = Client()
    job = edited(ada)
    ada.world.provider.confirms_deletions = False
    ada.world.clock.advance(PROVIDER_RETENTION.total_seconds() + 60)

    assert erase(ada, job).status == 200


def test_upload_of_another_caller_and_asset_of_another_job_are_kept() -> None:
    boss = Client(name="boss", role="admin")
    world = boss.world
    upload(world, "2.png", owner="key:eve")
    world.references.objects["assets", "jobs/other/0.png"] = [PNG]
    images = ["upload:2.png", "s3://assets/jobs/other/0.png"]
    job = boss.accept_job(EDIT | {"images": images})
    complete_job(world, job.job_id)

    assert erase(boss, job).status == 200

    assert world.references.objects["assets", "uploads/2.png"] == [PNG]
    assert world.references.objects["assets", "jobs/other/0.png"] == [PNG]


def test_same_request_afterwards_returns_the_erased_job() -> None:
    ada = Client()
    job = edited(ada, Idempotency_Key="order-1")
    erase(ada, job)

    again = ada.post("/v1/jobs", EDIT, Idempotency_Key="order-1")

    assert again.status == 202
    assert (again.json["job_id"], again.json["assets"]) == (job.job_id, [])
    assert len(ada.world.provider.posts) == 1
    other = ada.post("/v1/jobs", EDIT | {"prompt": "other"}, Idempotency_Key="order-1")
    assert other.status == 409


# ---------------------------------------------------------------------------------- Late functions


def failed_job(client: Client) -> Job:
    """Return a job whose output could not be downloaded; the sweep still tries to store it."""
    world = client.world
    world.downloads.files = {OUTPUT: NotDownloaded(Code.ASSET_UNAVAILABLE, "no")}  # type: ignore[dict-item]
    job = client.accept_job({"operation": "text-to-image", "prompt": PROMPT})
    StateMachine(world).run(3600)
    assert world.job(job.job_id).is_recoverable
    world.downloads.files = {OUTPUT: PNG}
    return world.job(job.job_id)


def test_late_output_of_an_erased_job_is_not_stored() -> None:
    ada = Client()
    job = failed_job(ada)
    erase(ada, job)

    sweep_until_done(ada.world, job)

    assert_erased(ada.world, job)
    assert ada.world.events.of_type("JobRecovered") == []
    assert ada.world.job(job.job_id).charge is Charged.YES


@pytest.mark.parametrize("call", range(7))
def test_output_that_a_function_was_storing_during_the_erasure_is_deleted(call: int) -> None:
    """The erasure happens before each call of a recovery that has read the record."""
    ada = Client()
    job, world = failed_job(ada), ada.world
    interrupted = world.crash_at = Interruption({}, at=call)
    recover = world.app.recover_job
    world.crash_at = CrashAt({})
    responses: list[Response] = []
    interrupted.action = lambda: responses.append(erase(ada, job))

    recover.run(job)
    assert world.job(job.job_id).assets == ()
    sweep_until_done(world, job)

    assert [response.status for response in responses] == [200]
    assert_erased(world, job)
    assert world.job(job.job_id).prefix == f"jobs/{job.job_id}"
    assert f"jobs/{job.job_id}/manifest.json" not in world.assets.documents


@pytest.mark.parametrize("outcome", [None, Failed(Code.MODERATED, PROMPT)])
def test_event_delivered_after_the_erasure_brings_nothing_back(outcome: Failed | None) -> None:
    world = World()
    job = put(world, prompt=PROMPT)
    end(world, job, outcome)
    erase(Client(world, "boss", "admin"), job)

    world.app.note_outcome.run(job.job_id)
    world.app.record_stats.run(job.job_id)

    assert_erased(world, job)
    assert NOTE not in world.assets.documents


def test_terminal_event_that_is_missing_is_published_before_the_erasure() -> None:
    ada = Client()
    job = edited(ada)
    ada.world.jobs.update(job.job_id, when=[job.status], published_at=None)
    ada.world.events.published.clear()

    erase(ada, job)

    (event,) = ada.world.events.of_type("JobCompleted")
    assert event.model_dump()["assets"]
    assert_erased(ada.world, job)


# ------------------------------------------------------------------------------------------- Inbox


def outcome_of(code: Code) -> Failed:
    """Return a failure of the provider whose message quotes the prompt."""
    return Failed(code, PROMPT)


def test_inbox_upload_and_its_note_are_erased() -> None:
    world = World()
    job = put(world, prompt=PROMPT)
    failed = end(world, job, outcome_of(Code.MODERATED))
    assert NOTE in world.assets.documents

    erase(Client(world, "boss", "admin"), failed)

    assert_erased(world, job)
    assert NOTE not in world.assets.documents
    assert world.inbox.find(PAGE) is None


def test_repeated_upload_of_the_job_is_erased_and_that_of_another_job_is_kept() -> None:
    world = World()
    first = put(world)
    end(world, first)
    repeated = put(world)  # the same bytes and settings: the same job
    other = put(world, quality="low")  # the same bytes, another job
    assert repeated.job_id == first.job_id
    assert other.job_id != first.job_id
    end(world, other)

    erase(Client(world, "boss", "admin"), first)

    versions = world.references.objects["inbox", PAGE]
    assert versions == [b"", b"", PNG]
    assert world.job(other.job_id).assets


def test_name_of_the_upload_leaves_the_record_with_the_last_run() -> None:
    world = World()
    job = put(world)
    end(world, job)
    erase(Client(world, "boss", "admin"), job)

    sweep_until_done(world, job)

    assert "page.png" not in str(world.job(job.job_id))


@pytest.mark.parametrize("crash", [{}, {"equal": "before"}])
def test_new_upload_of_the_same_bytes_is_a_new_job(crash: dict[str, Any]) -> None:
    world = World()
    job = put(world)
    end(world, job)
    world.crash_at.methods = crash
    with suppress(SimulatedCrashError):
        world.app.erase_job.run(TEST_CALLER, job.job_id)

    assert put(world).job_id != job.job_id


@pytest.mark.parametrize("call", range(9))
def test_upload_during_the_erasure_of_its_equal_is_erased_or_has_its_own_job(call: int) -> None:
    world = World()
    job = put(world)
    end(world, job)
    world.crash_at = Interruption({}, at=call)
    world.crash_at.action = lambda: erase(Client(world.without_crashes(), "boss", "admin"), job)

    world.app.upload_job.run(world.inbox.put(PAGE, PNG), event_id="event-2")
    world.crash_at = CrashAt({})
    sweep_until_done(world, job)

    assert world.job(job.job_id).erased_at is not None
    others = [other for other in world.jobs.records.values() if other.job_id != job.job_id]
    assert (world.inbox.find(PAGE) is not None) == bool(others)


def test_note_of_a_newer_upload_is_kept() -> None:
    world = World()
    job = put(world)
    end(world, job)
    newer = put(world, data=JPEG)
    end(world, newer, outcome_of(Code.MODERATED))

    erase(Client(world, "boss", "admin"), job)

    assert world.assets.documents[NOTE]["job_id"] == newer.job_id


# ----------------------------------------------------------------------------------------- Batches


def ended_batch(world: World) -> tuple[Any, Job, Job]:
    """Return a completed batch of two rows, and the jobs of both."""
    world.provider.submissions = [Accepted(f"p{n}") for n in range(9)]
    batch = running_batch(world, [{"prompt": PROMPT}, {"prompt": "a red bicycle"}])
    create_all_jobs(world, batch)
    for row in (1, 2):
        complete_job(world, batch.job_of(row))
    world.app.collect_batch.run(batch.batch_id)
    return batch, world.job(batch.job_of(1)), world.job(batch.job_of(2))


def test_row_of_a_batch_is_erased_from_rows_results_and_file() -> None:
    world = World()
    batch, job, other = ended_batch(world)
    shop = Client(world, SHOP.name.removeprefix("key:"))

    assert erase(shop, job).status == 200

    assert PROMPT not in content(world)
    erased, kept = result_rows(world, batch)
    assert (erased["request"], erased["assets"], erased["charged"]) == (None, [], "yes")
    assert kept["request"]["prompt"] == "a red bicycle"
    assert world.job(other.job_id).assets
    assert batch.batch_id not in world.batch_files.lines  # nothing reads them after the end


def test_step_of_a_row_is_erased_from_the_results_and_other_rows_stay() -> None:
    world, _ = deployment()
    bad_row = {"prompt": "a hat", "operation": "edit", "images": ["s3://assets/none.png"]}
    rows: list[dict[str, Any]] = [bad_row, {"prompt": "a shoe", "then": [{"prompt": PROMPT}]}]
    batch = running_batch(world, rows)
    create_all_jobs(world, batch)
    ChainMachine(world).run()
    world.app.collect_batch.run(batch.batch_id)
    step = chain(world, world.job(batch.job_of(2))).jobs[1]

    assert erase(Client(world, "shop"), step).status == 200

    refused, erased = result_rows(world, batch)
    assert (erased["request"], erased["assets"]) == (None, [])
    assert PROMPT not in content(world)
    assert refused["request"]["prompt"] == "a hat"
    assert world.batches.refusals(batch.batch_id)[1].message == refused["message"]


def test_job_of_a_running_batch_is_refused() -> None:
    world = World()
    batch = running_batch(world, [{"prompt": PROMPT}, {"prompt": "a red bicycle"}])
    create_all_jobs(world, batch)
    complete_job(world, batch.job_of(1))

    response = erase(Client(world, "shop"), world.job(batch.job_of(1)))

    assert response.status == 409
    assert batch.batch_id in response.json["detail"]
    assert json.loads(world.batch_files.lines[batch.batch_id].splitlines()[0])
