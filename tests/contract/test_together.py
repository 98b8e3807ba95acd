"""Jobs.together: a record, the line, claims and budgets change all at once, or not at all."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.limiter import Lane, Line
from darkroom.ports import Also, Claim, Hitch, LineChange, Release
from tests.contract.stores import Stores, hold, job
from tests.fakes.signals import START

PRICE = hold(60)


def state(stores: Stores) -> tuple[object, ...]:
    """All that a change may touch."""
    owners = [stores.claims.owner(name) for name in ("p", "q")]
    return stores.jobs.get("j"), stores.lines.read(), owners, stores.held("tests")


@pytest.fixture
def ready(stores: Stores) -> Stores:
    """A queued job that holds money, a prediction of another's, and a line of two in flight."""
    assert stores.jobs.create(job(holds=[PRICE]), [1000])
    assert stores.jobs.create(job(job_id="other"))
    stores.jobs.together("other", [Claim("q"), LineChange(flight=2)], when=OPEN, checks=1)
    return stores


def entered(line: Line) -> Line:
    """The line with one more that waits."""
    queue, _ = line.interactive.enter("tests", 1.0)
    return line.with_queue(Lane.INTERACTIVE, queue)


def every(stores: Stores, **changes: Any) -> list[Also]:
    """One of each, all of which can be made."""
    line = stores.lines.read()
    told: dict[str, Any] = {"before": line, "after": entered(line), "flight": 1, "below": 3}
    return [LineChange(**told | changes), Claim("p"), Release(PRICE)]


def test_everything_changes_at_once(ready: Stores) -> None:
    before = ready.lines.read()

    done = ready.jobs.together(
        "j", every(ready), when=[Status.QUEUED], status=Status.SUBMITTING, place=3
    )

    assert done == ready.job() == job(holds=[PRICE], status="submitting", place=3)
    line = ready.lines.read()
    assert (line.version, line.in_flight) == (before.version + 1, before.in_flight + 1)
    assert len(line.interactive) == 1
    assert ready.claims.owner("p") == "j"
    assert ready.held("tests") == 0


def test_with_nothing_else_it_is_an_update(ready: Stores) -> None:
    line = ready.lines.read()

    done = ready.jobs.together("j", [], when=OPEN, detail="words", due_at=START)

    assert done == ready.job() == job(holds=[PRICE], detail="words", due_at=START)
    assert ready.lines.read() == line


def test_a_change_to_none_removes_the_field(ready: Stores) -> None:
    ready.jobs.update("j", when=OPEN, place=3, due_at=START)

    ready.jobs.together("j", [LineChange(flight=1)], when=OPEN, place=None, due_at=None)

    assert ready.job() == job(holds=[PRICE])


@pytest.mark.parametrize(
    ("what", "hitch"),
    [
        ({"when": [Status.SUBMITTING]}, Hitch.JOB),
        ({"absent": "place"}, Hitch.JOB),
        ({"line": {"before": Line(version=7)}}, Hitch.LINE),
        ({"line": {"below": 2}}, Hitch.LINE),
        ({"claim": "q"}, Hitch.CLAIM),
    ],
    ids=str,
)
def test_when_one_condition_fails_nothing_changes(
    ready: Stores, what: dict[str, Any], hitch: Hitch
) -> None:
    ready.jobs.update("j", when=OPEN, place=3)
    line, _, release = every(ready, **what.get("line", {}))
    also: list[Also] = [line, Claim(what.get("claim", "p")), release]
    before = state(ready)

    found = ready.jobs.together(
        "j",
        also,
        when=what.get("when", [Status.QUEUED]),
        absent=what.get("absent"),
        status=Status.SUBMITTING,
    )

    assert found is hitch
    assert state(ready) == before


@pytest.mark.parametrize("job_id", ["j", "none"])
def test_the_record_comes_first_of_several_that_fail(ready: Stores, job_id: str) -> None:
    before = state(ready)
    also: list[Also] = [LineChange(flight=1, below=2), Claim("q"), Release(PRICE)]

    found = ready.jobs.together(job_id, also, when=[Status.FAILED], checks=1)

    assert found is Hitch.JOB
    assert state(ready) == before
    assert ready.jobs.get("none") is None


@pytest.mark.parametrize(
    ("also", "hitch"),
    [
        ([LineChange(flight=1, below=2), Claim("q")], Hitch.LINE),
        ([Claim("q"), LineChange(flight=1, below=2)], Hitch.CLAIM),
    ],
)
def test_of_the_others_the_first_in_their_order_is_told(
    ready: Stores, also: list[Also], hitch: Hitch
) -> None:
    assert ready.jobs.together("j", also, when=OPEN, checks=1) is hitch


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("when", [[Status.QUEUED], list(OPEN), [Status.FAILED]])
def test_the_status_must_be_one_of_those_given(
    stores: Stores, status: Status, when: list[Status]
) -> None:
    stores.jobs.create(job(status=status))

    done = stores.jobs.together("j", [LineChange(flight=1)], when=when, checks=7)

    assert isinstance(done, Job) == (status in when)
    assert stores.lines.read().in_flight == (1 if status in when else 0)


def test_a_field_may_be_asked_not_to_be_set(ready: Stores) -> None:
    also = [LineChange(flight=1)]

    first, second = (
        ready.jobs.together(
            "j", also, when=OPEN, absent="canceled_at", canceled_at=START + timedelta(n)
        )
        for n in range(2)
    )

    assert isinstance(first, Job)
    assert second is Hitch.JOB
    assert (ready.job().canceled_at, ready.lines.read().in_flight) == (START, 3)


def test_of_two_that_want_the_same_step_one_gets_it(ready: Stores) -> None:
    line = ready.lines.read()
    change = LineChange(line, entered(line), flight=1)

    found = [
        ready.jobs.together("j", [change], when=[Status.QUEUED], status=Status.SUBMITTING)
        for _ in range(2)
    ]

    assert isinstance(found[0], Job)
    assert found[1] is Hitch.JOB
    assert ready.lines.read().in_flight == 3


def test_two_jobs_that_saw_the_same_line_cannot_both_change_it(ready: Stores) -> None:
    line = ready.lines.read()
    change = LineChange(line, entered(line))

    found = [
        ready.jobs.together(name, [change], when=OPEN, place=number)
        for number, name in enumerate(["j", "other"])
    ]

    assert isinstance(found[0], Job)
    assert found[1] is Hitch.LINE
    assert ready.job("other").place is None


def test_several_holds_are_released_together(stores: Stores) -> None:
    holds = [hold(60, "ada"), hold(60, "STACK")]
    stores.jobs.create(job(holds=holds), [100, 100])

    stores.jobs.together("j", [Release(each) for each in holds], when=OPEN, status=Status.FAILED)

    assert (stores.held("ada"), stores.held("STACK")) == (0, 0)
