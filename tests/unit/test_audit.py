"""The audit log: each security-relevant act leaves one entry, without prompts."""

import json
from dataclasses import replace

from darkroom.domain.audit import Act, AuditEntry
from darkroom.domain.presets import parse
from darkroom.domain.steps import Step
from darkroom.ports import RuntimeFlags
from tests.fakes.images import PNG
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.batches import running_batch
from tests.unit.http import Client

KEY_ID = "0123456789ab"
ADDRESS = "203.0.113.7"


def acts(world: World) -> list[tuple[Act, str]]:
    return [(entry.act, entry.object) for entry in world.audit.entries]


def audited(world: World) -> AuditEntry:
    """Return the only entry."""
    (entry,) = world.audit.entries
    return entry


def test_a_created_job_is_audited_once_with_key_and_address() -> None:
    client = Client()

    job = client.accept_job(Idempotency_Key="order-1")
    client.accept_job(Idempotency_Key="order-1")

    entry = audited(client.world)
    assert (entry.act, entry.object) == (Act.JOB_CREATED, job.job_id)
    assert (entry.name, entry.key_id, entry.source_ip) == ("key:ada", KEY_ID, ADDRESS)
    assert entry.time == job.accepted_at


def test_an_entry_has_no_prompt() -> None:
    client = Client()

    client.accept_job()

    assert TEXT_TO_IMAGE["prompt"] not in audited(client.world).model_dump_json()


def test_a_refused_request_creates_no_entry() -> None:
    client = Client()

    client.post("/v1/jobs", {"operation": "text-to-image"})

    assert client.world.audit.entries == []


def test_a_canceled_job_is_audited_once_with_the_key_that_canceled_it() -> None:
    client = Client()
    job = client.accept_job()
    client.world.app.submit_job.run(Step(job_id=job.job_id))
    client.world.audit.entries.clear()

    admin = client.as_("root", "admin")
    admin.delete(f"/v1/jobs/{job.job_id}")
    admin.delete(f"/v1/jobs/{job.job_id}")

    entry = audited(client.world)
    assert (entry.act, entry.object, entry.name) == (Act.JOB_CANCELED, job.job_id, "key:root")


def test_a_batch_is_audited_when_created_and_once_when_canceled() -> None:
    world = World()
    batch = running_batch(world, [{"prompt": "a"}])
    shop = Client(world, "shop")

    shop.delete(f"/v1/batches/{batch.batch_id}")
    shop.delete(f"/v1/batches/{batch.batch_id}")

    created, canceled = acts(world)
    assert created == (Act.BATCH_CREATED, batch.batch_id)
    assert canceled == (Act.BATCH_CANCELED, batch.batch_id)


def test_uploads_and_events_are_audited_with_their_caller() -> None:
    world = World()

    world.app.upload_job.run(world.inbox.put("clean-scan/page.png", PNG), event_id="event-1")

    assert (audited(world).name, audited(world).key_id) == ("inbox:clean-scan", None)


def test_changed_settings_are_audited_once() -> None:
    world = World()
    assert world.app.audit_settings.run() == []  # the first run has no earlier values
    world.flag_store.flags = RuntimeFlags(submits=False)
    changed = replace(world, stack_budget=5_000_000)
    changed.presets.current = parse(
        json.dumps({"version": 2, "presets": {"winter": {"prompt": "Snow"}}}).encode()
    )

    changed.app.audit_settings.run()
    changed.app.audit_settings.run()

    assert acts(changed) == [
        (Act.PRESETS_CHANGED, "presets"),
        (Act.SWITCH_CHANGED, "submits"),
        (Act.BUDGET_CHANGED, "STACK"),
    ]
    presets, submits, budget = [entry.value for entry in changed.audit.entries]
    assert presets is not None
    assert presets.startswith("version 2, digest ")
    assert (submits, budget) == ("off", "5 USD a day")
    assert {entry.name for entry in changed.audit.entries} == {"aws"}


def test_a_changed_preset_text_is_audited_without_the_text() -> None:
    world = World()
    world.app.audit_settings.run()
    texts = ("Snow", "Deep snow")
    for text in texts:
        world.presets.current = parse(
            json.dumps({"version": 1, "presets": {"winter": {"prompt": text}}}).encode()
        )
        world.app.audit_settings.run()

    assert len(world.audit.entries) == 2
    assert all(
        text not in entry.model_dump_json() for text in texts for entry in world.audit.entries
    )


def test_keys_and_budgets_are_audited_with_the_admin_that_changed_them() -> None:
    admin = Client(name="root", role="admin")
    limits = {"name": "shop", "expires_in_days": 1, "daily_budget_usd": 5}

    created = admin.post("/v1/keys", limits).json
    path = f"/v1/keys/{created['id']}"
    admin.send("PATCH", path, body=json.dumps({"daily_budget_usd": 7.5}))
    admin.delete(path)

    assert [(e.act, e.object, e.value) for e in admin.world.audit.entries] == [
        (Act.KEY_CREATED, created["id"], "submit shop"),
        (Act.BUDGET_CHANGED, "key:shop", "5 USD a day"),
        (Act.BUDGET_CHANGED, "key:shop", "7.5 USD a day"),
        (Act.KEY_REVOKED, created["id"], "shop"),
    ]
    assert {(e.name, e.key_id) for e in admin.world.audit.entries} == {("key:root", KEY_ID)}
    assert created["key"] not in str(admin.world.audit.entries)
