"""Functions that die before or after any call of any port: one POST, one end, one kind of event."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Status
from darkroom.ports import Failed, NotDownloaded, Prediction, Running, Succeeded
from tests.fakes.account import Take
from tests.fakes.crashes import CrashAt, When
from tests.fakes.invariants import assert_claims, assert_counts, assert_ended
from tests.fakes.machine import alone, deployment
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World

TAKES = st.lists(st.sampled_from(Take), max_size=4)
ENDS: st.SearchStrategy[Prediction] = st.sampled_from(
    [
        Succeeded((OUTPUT,)),
        Running("odd", known=False),
        Failed(Code.PROVIDER_FAILED, "no"),
        Failed(Code.MODERATED, "no"),
    ]
)
FILES = st.lists(
    st.sampled_from([PNG, NotDownloaded(Code.ASSET_UNAVAILABLE, "")]), min_size=1, max_size=4
)
WHEN: st.SearchStrategy[When] = st.sampled_from(["before", "after"])
SOME = st.dictionaries(st.integers(0, 50), WHEN, max_size=6)
# A run of crashes exhausts a step's tries.
MANY = st.builds(
    lambda start, length, when: dict.fromkeys(range(start, start + length), when),
    st.integers(0, 30),
    st.integers(1, 40),
    WHEN,
)


def assert_whole(world: World) -> None:
    """All that is true of every deployment when everything has ended."""
    assert_ended(world)
    assert_counts(world.jobs)
    assert_claims(world.jobs)
    for job in world.jobs.records.values():
        assert (job.code is None) == (job.status is Status.COMPLETED)
        if job.status is Status.COMPLETED:
            assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(takes=TAKES, end=ENDS, files=FILES, crashes=SOME | MANY, hooked=st.booleans())
@example(takes=[], end=Succeeded((OUTPUT,)), files=[PNG], crashes={7: "after"}, hooked=False)
def test_whatever_dies_a_job_is_posted_once_and_ends_once(
    takes: list[Take],
    end: Prediction,
    files: list[bytes | NotDownloaded],
    crashes: dict[int, When],
    hooked: bool,
) -> None:
    world, account = deployment(crash_at=CrashAt(crashes))
    account.takes, account.ends = takes, [end]
    world.downloads.files = {OUTPUT: files}
    if hooked:
        world.flag_store.set(webhook_url="https://api.test")

    job = alone(world)

    assert account.possibly_taken(job.job_id) <= 1
    assert_whole(world)
    if job.status is Status.FAILED and account.made and isinstance(end, Succeeded):
        assert job.charge is not Charged.NO, "what may be paid for is not called free"


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(takes=TAKES, crashes=SOME | MANY)
def test_even_with_resubmits_nothing_is_sent_again_that_the_list_knows_of(
    takes: list[Take], crashes: dict[int, When]
) -> None:
    world, account = deployment(crash_at=CrashAt(crashes), resubmits=True)
    account.takes = takes

    job = alone(world)

    assert len(account.made) <= 1
    assert account.possibly_taken(job.job_id) <= 3
    assert_whole(world)
    if account.possibly_taken(job.job_id) and job.code is not Code.MODERATED:
        assert job.charge is not Charged.NO


def lost(resubmits: bool) -> list[tuple[int, When]]:
    """The crashes that a job does not get over."""
    whens: tuple[When, ...] = ("before", "after")
    found = []
    for at in range(40):
        for when in whens:
            world, account = deployment(crash_at=CrashAt({at: when}), resubmits=resubmits)
            if alone(world).status is not Status.COMPLETED:
                found.append((at, when))
            assert len(account.made) <= 1
            assert_whole(world)
    return found


def test_only_a_death_just_before_the_post_is_not_got_over() -> None:
    # 0-2 create, 3 get, 4 prepare, 5 the line, 6 queued -> submitting, 7 the POST.
    assert lost(resubmits=False) == [(6, "after"), (7, "before")]


def test_with_resubmits_there_is_none() -> None:
    assert lost(resubmits=True) == []
