"""Admins change presets and pause submission, and read what the inbox has refused."""

import json
from typing import Any

import pytest

from darkroom.domain.audit import Act
from darkroom.ports import RuntimeFlags
from tests.fakes.images import PNG
from tests.fakes.world import World
from tests.unit.http import Client, Response

PRESETS, VERSIONS, SUBMITS, INBOX = (
    "/v1/presets",
    "/v1/presets/versions",
    "/v1/submits",
    "/v1/inbox",
)
BOSS = {"name": "key:boss", "key_id": "0123456789ab"}


@pytest.fixture
def admin() -> Client:
    return Client(name="boss", role="admin")


def put(client: Client, path: str, body: object) -> Response:
    return client.send("PUT", path, body=json.dumps(body))


def document(client: Client, **presets: Any) -> dict[str, Any]:
    """Return the presets in use with more presets."""
    current = client.get(PRESETS).json
    return {"version": current["version"], "presets": current["presets"] | presets}


def acts(world: World) -> list[tuple[Act, str, str | None, str | None]]:
    return [(e.act, e.object, e.value, e.key_id) for e in world.audit.entries]


@pytest.mark.parametrize("role", ["submit", "read"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", PRESETS), ("GET", VERSIONS), ("GET", f"{VERSIONS}/x"), ("PUT", SUBMITS),
     ("GET", INBOX)],
)  # fmt: skip
def test_only_admins_use_the_settings(role: str, method: str, path: str) -> None:
    response = Client(role=role).send(method, path, body="{}")

    assert response.status == 403
    assert "Only a key with the role admin" in response.json["detail"]


# ------------------------------------------------------------------------------------- presets


def test_changed_presets_have_the_next_version_and_are_used_at_once(admin: Client) -> None:
    before = admin.get(PRESETS).json["version"]

    changed = put(admin, PRESETS, document(admin, winter={"prompt": "Snow", "quality": "low"}))

    assert changed.status == 200, changed.text
    assert changed.json["version"] == before + 1
    assert admin.get(PRESETS).json == changed.json
    assert changed.json["presets"]["winter"]["prompt"] == "Snow"
    job = admin.world.app.upload_job.run(admin.world.inbox.put("winter/a.png", PNG), event_id="e")
    assert job is not None
    assert job.preset == f"winter@{before + 1}"


def test_of_two_admins_only_the_first_replaces_a_version(admin: Client) -> None:
    first, second = (document(admin, winter={"prompt": text}) for text in ("Snow", "Ice"))
    put(admin, PRESETS, first)

    response = put(admin, PRESETS, second)

    assert (response.status, response.json["type"]) == (409, "urn:darkroom:problem:outdated")
    assert "Read the presets again" in response.json["detail"]
    assert admin.get(PRESETS).json["presets"]["winter"]["prompt"] == "Snow"
    assert len(admin.world.audit.entries) == 1


@pytest.mark.parametrize(
    ("preset", "field"),
    [
        ({}, "presets.winter.prompt"),
        ({"prompt": "x", "quality": "best"}, "presets.winter.quality"),
        ({"prompt": "x", "daily_budget_usd": 0}, "presets.winter.daily_budget_usd"),
        ({"prompt": "x", "style": "oil"}, "presets.winter.style"),
        ({"prompt": "x", "then": [{"prompt": ""}]}, "presets.winter.then"),
    ],
)
def test_invalid_preset_is_named_and_nothing_is_stored(
    admin: Client, preset: dict[str, Any], field: str
) -> None:
    response = put(admin, PRESETS, document(admin, winter=preset))

    assert (response.status, response.fields) == (400, [field])
    assert "winter" not in admin.get(PRESETS).json["presets"]


def test_unknown_field_lists_the_fields_of_its_level(admin: Client) -> None:
    body = document(admin, winter={"prompt": "x", "style": "oil"})

    nested = put(admin, PRESETS, body).json["errors"][0]["allowed"]
    outer = put(admin, PRESETS, body | {"owner": "me"}).json["errors"][0]["allowed"]

    assert "daily_budget_usd" in nested
    assert outer == "one of version, presets"


def test_document_without_presets_is_refused(admin: Client) -> None:
    assert put(admin, PRESETS, {"version": 1, "presets": {}}).fields == ["presets"]
    assert put(admin, PRESETS, {"presets": {"a": {"prompt": "x"}}}).fields == ["version"]


def test_versions_name_author_and_changed_presets_and_can_be_restored(admin: Client) -> None:
    put(admin, PRESETS, document(admin, winter={"prompt": "Snow"}))
    put(admin, PRESETS, document(admin, winter={"prompt": "Ice"}, spring={"prompt": "Rain"}))

    newest, first, _ = admin.get(VERSIONS).json["versions"]
    assert (newest["changed"], first["changed"]) == (["spring", "winter"], ["winter"])
    assert newest["stored_by"] == first["stored_by"] == BOSS

    earlier = admin.get(f"{VERSIONS}/{first['version_id']}").json["presets"]
    put(admin, PRESETS, {"version": newest["version"], "presets": earlier})

    assert admin.get(PRESETS).json["presets"] == earlier
    assert admin.get(PRESETS).json["version"] == newest["version"] + 1
    assert admin.get(f"{VERSIONS}/unknown").status == 404


def test_shipped_presets_are_the_first_version_and_can_be_restored(admin: Client) -> None:
    shipped = admin.get(PRESETS).json
    put(admin, PRESETS, {"version": shipped["version"], "presets": {"winter": {"prompt": "Snow"}}})

    newest, first = admin.get(VERSIONS).json["versions"]
    assert (first["version"], first["stored_at"], first["changed"]) == (
        shipped["version"],
        None,
        [],
    )
    earlier = admin.get(f"{VERSIONS}/{first['version_id']}").json["presets"]
    put(admin, PRESETS, {"version": newest["version"], "presets": earlier})

    assert admin.get(PRESETS).json["presets"] == shipped["presets"]


def test_change_through_the_api_is_audited_once_with_its_key(admin: Client) -> None:
    world = admin.world
    world.app.audit_settings.run()

    put(admin, PRESETS, document(admin, winter={"prompt": "Snow"}))
    put(admin, SUBMITS, {"paused": True})
    put(admin, SUBMITS, {"paused": False})
    put(admin, SUBMITS, {"paused": True})
    assert world.app.audit_settings.run() == []

    presets, *switches = acts(world)
    assert presets[:2] == (Act.PRESETS_CHANGED, "presets")
    assert str(presets[2]).startswith("version ")
    assert "Snow" not in str(world.audit.entries)
    assert switches == [
        (Act.SWITCH_CHANGED, "submits", value, BOSS["key_id"]) for value in ("off", "on", "off")
    ]


# --------------------------------------------------------------------------------------- pause


def test_pause_stops_submission_and_names_who_and_when(admin: Client) -> None:
    paused = {"paused": True, "paused_at": "2026-11-22T12:00:00Z", "paused_by": BOSS}
    running = {"paused": False, "paused_at": None, "paused_by": None}

    assert put(admin, SUBMITS, {"paused": True}).json == paused
    assert admin.world.flag_store.read().submits is False
    queue = admin.as_("shop").get("/v1/stats").json["queue"]
    assert {name: queue[name] for name in paused} == paused

    assert put(admin, SUBMITS, {"paused": False}).json == running
    assert admin.world.flag_store.read() == RuntimeFlags()


@pytest.mark.parametrize("body", [{}, {"paused": "yes"}, {"paused": None}, {"pause": True}])
def test_invalid_switch_changes_nothing(admin: Client, body: dict[str, object]) -> None:
    assert put(admin, SUBMITS, body).status == 400
    assert admin.world.flag_store.read().submits is True
    assert admin.world.audit.entries == []


# --------------------------------------------------------------------------------------- inbox


def test_inbox_lists_refused_and_waiting_uploads_by_folder(admin: Client) -> None:
    world = admin.world
    for key in ("summer/a.png", "clean-scan/b.txt"):
        world.inbox.put(key, PNG)
        world.app.upload_job.run(world.inbox.put(key, b"text"), event_id="e")
        world.clock.advance(60)
    waiting = world.inbox.put("clean-scan/c.png", PNG, references="logo.png")
    world.app.upload_job.run(waiting, event_id="e")

    everything = admin.get(INBOX).json
    scans = admin.get(INBOX, folder="clean-scan").json

    assert [note["key"] for note in everything["notes"]] == ["clean-scan/b.txt", "summer/a.png"]
    assert 'The folder "summer" is not a preset.' in everything["notes"][1]["message"]
    assert [note["key"] for note in scans["notes"]] == ["clean-scan/b.txt"]
    assert [each["key"] for each in scans["waiting"]] == ["clean-scan/c.png"]
    assert admin.get(INBOX, folder="summer", limit=1).json["waiting"] == []
