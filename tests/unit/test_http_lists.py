"""Lists of jobs over HTTP: page by page, and of one's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.job import Status
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, finished


def listed(client: Client, /, **query: object) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    more: dict[str, object] = {}
    while True:
        page = client.get(V1_JOBS, **query, **more).json
        found += [job["job_id"] for job in page["jobs"]]
        if page["cursor"] is None:
            return found
        more = {"cursor": page["cursor"]}


def some(client: Client, count: int) -> list[str]:
    """Ids of new jobs, newest first."""
    made = []
    for _ in range(count):
        client.world.clock.advance(1)
        made.append(client.accepted().job_id)
    return made[::-1]


def test_an_empty_list_is_a_page() -> None:
    assert Client().get(V1_JOBS).json == {"jobs": [], "cursor": None}


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_hold_every_job_once_newest_first(limit: int) -> None:
    ada = Client()
    made = some(ada, 5)

    assert listed(ada, limit=limit) == made


def test_a_page_has_20_jobs_unless_it_is_asked_for_more_or_fewer() -> None:
    ada = Client()
    some(ada, 25)

    assert len(ada.get(V1_JOBS).json["jobs"]) == 20


@given(
    st.integers(1, 12), st.integers(1, 4), st.lists(st.integers(0, 3), max_size=12), st.booleans()
)
def test_a_cursor_survives_jobs_that_come_meanwhile(
    count: int, limit: int, inserts: list[int], same_moment: bool
) -> None:
    ada = Client()
    made = {ada.accepted().job_id for _ in range(count)} if same_moment else {*some(ada, count)}
    seen: list[str] = []
    query: dict[str, object] = {"limit": limit}
    while True:
        page = ada.get(V1_JOBS, **query).json
        seen += [job["job_id"] for job in page["jobs"]]
        some(ada, inserts.pop() if inserts else 0)
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]

    assert len(seen) == len(set(seen))
    assert set(seen) == made


def test_a_status_leaves_the_others_out() -> None:
    ada = Client()
    done, waiting = ada.accepted().job_id, ada.accepted().job_id
    finished(ada.world, done)

    assert listed(ada, status="completed") == [done]
    assert listed(ada, status="queued") == [waiting]
    assert listed(ada, status="failed") == []


def test_operation_and_words_of_the_prompt_leave_the_others_out() -> None:
    ada = Client()
    fog = ada.accepted(TEXT_TO_IMAGE | {"prompt": "Ein GROSSER Turm im Nebel"}).job_id
    ada.world.clock.advance(1)
    edit = ada.accepted(
        {"operation": "edit", "prompt": "Nebel weg", "images": ["https://a.test/b.png"]}
    ).job_id
    model = ada.accepted({"model": "any/model", "input": {"text": "Nebel"}}).job_id

    assert listed(ada, text="nebel") == [edit, fog]
    assert listed(ada, text="großer turm") == [fog]
    assert listed(ada, operation="edit", text="NEBEL") == [edit]
    assert listed(ada, operation="model") == [model]
    assert listed(ada, text="Sonne") == []


@pytest.mark.parametrize("query", [{"operation": "paint"}, {"text": ""}, {"text": "x" * 201}])
def test_a_filter_that_means_nothing_is_refused(query: dict[str, str]) -> None:
    answer = Client().get(V1_JOBS, **query)

    assert (answer.status, answer.fields) == (400, list(query))


def test_a_rare_status_is_found_behind_more_jobs_than_one_look_takes_in() -> None:
    ada = Client()
    [rare] = some(ada, 1)
    ada.world.jobs.update(rare, when=list(Status), status=Status.FAILED, code="rejected")
    world, blank = ada.world, ada.world.job(rare)
    for n in range(1200):  # straight into the table: ten looks of a hundred are one answer
        world.clock.advance(1)
        job_id = f"{n:026}".translate(str.maketrans("0123456789", "abcdefghij"))
        world.jobs.create(
            blank.model_copy(
                update={"job_id": job_id, "status": Status.QUEUED, "accepted_at": world.clock()}
            )
        )

    first = ada.get(V1_JOBS, status="failed").json

    assert first["jobs"] == []
    assert first["cursor"]
    assert listed(ada, status="failed") == [rare]


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
def test_a_bad_parameter_is_named(name: str, value: str) -> None:
    answer = Client().get(V1_JOBS, **{name: value})

    assert (answer.status, answer.fields) == (400, [name])


def test_a_list_holds_a_callers_own_jobs() -> None:
    ada = Client()
    hers, bobs = some(ada, 2), some(ada.as_("bob"), 2)

    assert listed(ada) == hers
    assert listed(ada, caller="key:ada") == hers
    assert listed(ada.as_("bob", role="read")) == bobs


@pytest.mark.parametrize("role", ["submit", "read"])
def test_a_list_of_anothers_jobs_is_for_an_admin_only(role: str) -> None:
    ada = Client()
    some(ada, 1)

    answer = ada.as_("bob", role).get(V1_JOBS, caller="key:ada")

    assert (answer.status, answer.json["type"]) == (403, "urn:darkroom:problem:forbidden")


def test_an_admin_sees_everybodys_jobs_those_of_other_doors_too() -> None:
    ada = Client()
    hers = some(ada, 1)
    by_event = ada.world.accepted().job_id
    boss = ada.as_("boss", role="admin")

    assert {*listed(boss)} == {*hers, by_event}
    assert listed(boss, caller="key:ada") == hers
    assert listed(boss, caller="tests") == [by_event]


def test_a_cursor_of_anothers_list_shows_nothing_of_it() -> None:
    ada = Client()
    some(ada, 3)
    cursor = ada.get(V1_JOBS, limit=1).json["cursor"]

    assert ada.as_("bob").get(V1_JOBS, cursor=cursor).json["jobs"] == []
