"""Job lists over HTTP: pages, filters and visibility by caller."""

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, complete_job


def list_job_ids(client: Client, /, **query: object) -> list[str]:
    """Return the job ids of all pages."""
    job_ids: list[str] = []
    cursor: dict[str, object] = {}
    while True:
        page = client.get(V1_JOBS, **query, **cursor).json
        job_ids += [job["job_id"] for job in page["jobs"]]
        if page["cursor"] is None:
            return job_ids
        cursor = {"cursor": page["cursor"]}


def create_jobs(client: Client, count: int) -> list[str]:
    """Create jobs; return their ids, newest first."""
    job_ids = []
    for _ in range(count):
        client.world.clock.advance(1)
        job_ids.append(client.accept_job().job_id)
    return job_ids[::-1]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_have_every_job_once_newest_first(limit: int) -> None:
    ada = Client()
    job_ids = create_jobs(ada, 5)

    assert list_job_ids(ada, limit=limit) == job_ids


def test_page_has_20_jobs_by_default() -> None:
    ada = Client()
    create_jobs(ada, 25)

    assert len(ada.get(V1_JOBS).json["jobs"]) == 20


def test_list_is_filtered_by_status() -> None:
    ada = Client()
    completed, queued = ada.accept_job().job_id, ada.accept_job().job_id
    complete_job(ada.world, completed)

    assert list_job_ids(ada, status="completed") == [completed]
    assert list_job_ids(ada, status="queued") == [queued]
    assert list_job_ids(ada, status="failed") == []


def test_list_is_filtered_by_operation_and_prompt_text() -> None:
    ada = Client()
    fog = ada.accept_job(TEXT_TO_IMAGE | {"prompt": "Ein GROSSER Turm im Nebel"}).job_id
    ada.world.clock.advance(1)
    edit = ada.accept_job(
        {"operation": "edit", "prompt": "Nebel weg", "images": ["https://a.test/b.png"]}
    ).job_id
    model = ada.accept_job({"model": "any/model", "input": {"text": "Nebel"}}).job_id

    assert list_job_ids(ada, text="nebel") == [edit, fog]
    assert list_job_ids(ada, text="großer turm") == [fog]
    assert list_job_ids(ada, operation="edit", text="NEBEL") == [edit]
    assert list_job_ids(ada, operation="model") == [model]
    assert list_job_ids(ada, text="Sonne") == []


def test_list_is_filtered_by_failure_code() -> None:
    ada = Client()
    moderated, invalid, _ = (ada.accept_job().job_id for _ in range(3))
    ada.world.app.end_job.fail(moderated, Code.MODERATED)
    ada.world.app.end_job.fail(invalid, Code.INVALID_REQUEST)

    assert list_job_ids(ada, code="moderated") == [moderated]
    assert list_job_ids(ada, code="deadline_exceeded") == []
    assert ada.get(V1_JOBS, code="ugly").fields == ["code"]


@pytest.mark.parametrize("query", [{"operation": "paint"}, {"text": ""}, {"text": "x" * 201}])
def test_invalid_filter_returns_400(query: dict[str, str]) -> None:
    response = Client().get(V1_JOBS, **query)

    assert (response.status, response.fields) == (400, list(query))


def test_rare_status_is_found_on_a_later_page() -> None:
    ada = Client()
    [rare] = create_jobs(ada, 1)
    ada.world.jobs.update(rare, when=list(Status), status=Status.FAILED, code="rejected")
    world, template = ada.world, ada.world.job(rare)
    for n in range(1200):  # written directly: one response reads at most 10 pages of 100 jobs
        world.clock.advance(1)
        job_id = f"{n:026}".translate(str.maketrans("0123456789", "abcdefghij"))
        world.jobs.create(
            template.model_copy(
                update={"job_id": job_id, "status": Status.QUEUED, "accepted_at": world.clock()}
            )
        )

    first = ada.get(V1_JOBS, status="failed").json

    assert first["jobs"] == []
    assert first["cursor"]
    assert list_job_ids(ada, status="failed") == [rare]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "done"),
        ("status", ""),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("limit", "1" * 5000),
        ("cursor", ""),
        ("cursor", "AAAA"),
        ("cursor", "é"),
        ("cursor", "W10"),  # []
        ("cursor", "WyIyMDI2LTExLTIyIiwieCJd"),  # ["2026-11-22","x"]
        ("cursor", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwiYWFhIl0"),
        ("caller", ""),
        ("caller", "x" * 257),
        ("offset", "10"),
    ],
)
def test_invalid_parameter_is_named(name: str, value: str) -> None:
    response = Client().get(V1_JOBS, **{name: value})

    assert (response.status, response.fields) == (400, [name])


def test_list_has_the_callers_own_jobs() -> None:
    ada = Client()
    of_ada, of_bob = create_jobs(ada, 2), create_jobs(ada.as_("bob"), 2)

    assert list_job_ids(ada) == of_ada
    assert list_job_ids(ada, caller="key:ada") == of_ada
    assert list_job_ids(ada.as_("bob", role="read")) == of_bob


@pytest.mark.parametrize("role", ["submit", "read"])
def test_list_of_another_callers_jobs_requires_admin(role: str) -> None:
    ada = Client()
    create_jobs(ada, 1)

    response = ada.as_("bob", role).get(V1_JOBS, caller="key:ada")

    assert (response.status, response.json["type"]) == (403, "urn:darkroom:problem:forbidden")


def test_admin_lists_the_jobs_of_all_callers_and_entry_points() -> None:
    ada = Client()
    of_ada = create_jobs(ada, 1)
    by_event = ada.world.accept_job().job_id
    admin = ada.as_("boss", role="admin")

    assert {*list_job_ids(admin)} == {*of_ada, by_event}
    assert list_job_ids(admin, caller="key:ada") == of_ada
    assert list_job_ids(admin, caller="tests") == [by_event]


def test_cursor_of_another_callers_list_returns_no_jobs_of_it() -> None:
    ada = Client()
    create_jobs(ada, 3)
    cursor = ada.get(V1_JOBS, limit=1).json["cursor"]

    assert ada.as_("bob").get(V1_JOBS, cursor=cursor).json["jobs"] == []
