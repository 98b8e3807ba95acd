"""FindJobs: a caller's jobs, or everybody's, page by page."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.callers import Role, of_key
from darkroom.domain.job import OPEN, Job, Status
from darkroom.ports import Cursor
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TESTS, World

MINE = of_key("mine", Role.SUBMIT)


def keys(world: World, limit: int, caller: str | None = TESTS.name) -> list[list[str]]:
    """The idempotency keys on every page."""
    pages: list[list[str]] = []
    after: Cursor | None = None
    while after is not None or not pages:
        found, after = world.find_jobs().page(caller, status=None, limit=limit, after=after)
        pages.append([job.idempotency_key for job in found])
    return pages


def test_pages_come_newest_first() -> None:
    world = World()
    for number in range(5):
        world.accepted(key=f"k{number}")
        world.clock.advance(1)

    assert keys(world, limit=2) == [["k4", "k3"], ["k2", "k1"], ["k0"]]
    assert keys(world, limit=5) == [["k4", "k3", "k2", "k1", "k0"]]


def test_a_list_is_a_callers_or_everybodys() -> None:
    world = World()
    for key, caller in [("a", MINE), ("b", TESTS), ("c", MINE)]:
        world.accepted(key=key, caller=caller)
        world.clock.advance(1)

    assert keys(world, limit=20, caller=MINE.name) == [["c", "a"]]
    assert keys(world, limit=20, caller=None) == [["c", "b", "a"]]
    assert keys(world, limit=20, caller="key:nobody") == [[]]


def test_jobs_of_one_status_are_picked_out_of_all_others() -> None:
    world = World()
    for number in range(250):
        job = world.accepted(key=f"k{number}")
        world.clock.advance(1)
        if number % 100 == 7:
            world.jobs.update(job.job_id, when=OPEN, status=Status.SUBMITTED)
    find = world.find_jobs()

    first, after = find.page(TESTS.name, status=Status.SUBMITTED, limit=2, after=None)
    rest, end = find.page(TESTS.name, status=Status.SUBMITTED, limit=2, after=after)

    assert [job.idempotency_key for job in first] == ["k207", "k107"]
    assert [job.idempotency_key for job in rest] == ["k7"]
    assert end is None


def test_a_rare_status_does_not_make_one_call_look_at_everything() -> None:
    world = World()
    oldest = world.accepted(key="oldest")
    world.jobs.update(oldest.job_id, when=OPEN, status=Status.SUBMITTED)
    for number in range(1100):
        made = oldest.model_copy(
            update={"job_id": f"{number:026}", "accepted_at": START.replace(hour=13)}
        )
        world.jobs.create(made)
    find = world.find_jobs()

    first, after = find.page(None, status=Status.SUBMITTED, limit=20, after=None)
    second, end = find.page(None, status=Status.SUBMITTED, limit=20, after=after)

    assert (first, end) == ([], None)
    assert [job.job_id for job in second] == [oldest.job_id]


@given(
    old=st.lists(st.integers(0, 20), max_size=12),
    new=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 5),
    status=st.sampled_from([None, Status.QUEUED]),
)
def test_whatever_comes_in_meanwhile_each_old_job_is_seen_once(
    old: list[int], new: list[int], limit: int, status: Status | None
) -> None:
    world = World()
    for number, seconds in enumerate(old):
        world.accepted(key=f"old{number}")
        world.clock.advance(seconds)
    before = {job.job_id for job in world.jobs.records.values()}
    # Now and later: in the order of time what is new comes before all that is old.
    world.clock.advance(1)
    seen: list[str] = []
    after: Cursor | None = None

    while True:
        found, after = world.find_jobs().page(None, status=status, limit=limit, after=after)
        assert len(found) <= limit
        seen += [job.job_id for job in found]
        if after is None:
            break
        if new:
            world.accepted(key=f"new{len(new)}")
            world.clock.advance(new.pop())

    assert set(seen) == before
    assert len(seen) == len(before)
    times = [world.job(job_id).accepted_at for job_id in seen]
    assert times == sorted(times, reverse=True)


class Expiring(InMemoryJobs):
    """Records that are in the list and gone when they are read."""

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        jobs, further = super().page(caller, limit=limit, after=after)
        return [job for job in jobs if job.status is not Status.FAILED], further


def test_a_page_whose_records_are_gone_is_not_the_end() -> None:
    world = World(jobs=Expiring())
    asked = [_ask(world, n) for n in range(6)]
    for job_id in asked[3:5]:
        world.jobs.update(job_id, when=OPEN, status=Status.FAILED)

    first, after = world.find_jobs().page("tests", status=None, limit=3, after=None)
    assert after is not None
    rest, end = world.find_jobs().page("tests", status=None, limit=3, after=after)

    assert [job.job_id for job in first + rest] == [asked[5], *asked[2::-1]]
    assert end is None


def _ask(world: World, number: int) -> str:
    world.clock.advance(1)
    return world.accepted(key=f"expiring-{number}").job_id


def test_a_page_ends_early_where_inputs_are_long() -> None:
    """A function may answer with 6 MB."""
    world = World()
    for number in range(12):
        world.clock.advance(1)
        world.accepted({"model": "a/b", "input": {"x": '"' * 120_000}}, key=f"long-{number}")

    jobs, after = world.find_jobs().page("tests", status=None, limit=100, after=None)
    rest, end = world.find_jobs().page("tests", status=None, limit=100, after=after)

    assert 5 <= len(jobs) < 12
    assert (len(jobs) + len(rest), end) == (12, None)
