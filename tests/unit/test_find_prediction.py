"""FindPrediction: an unanswered POST finds its own prediction, or a twin's, and never another's."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.job import Job, Status
from darkroom.ports import ListedPrediction
from darkroom.usecases.find_prediction import Missing, digest
from tests.fakes.invariants import assert_claims, assert_counts
from tests.fakes.pictures import JPEG, PNG
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World

URL = "https://example.com/b.png?x=1"
EDIT: dict[str, Any] = {"operation": "edit", "prompt": "more fog", "images": [URL]}


def sent(world: World, body: dict[str, Any] | None = None, key: str = "key") -> Job:
    """A job whose POST was sent and not answered."""
    job = world.accepted(body, key)
    admit, submit = world.acquire_slot(), world.submit_job()
    images = submit._images(job)
    admitted = admit(job, tuple(digest(image) for image in images))
    assert isinstance(admitted, Job)
    return admitted


def listed(
    world: World, job: Job, number: int = 1, after: float = 0, **changes: Any
) -> ListedPrediction:
    """Put a prediction with the job's input into the provider's list."""
    inputs = dict(job.input) | ({"images": [URL]} if job.references else {}) | changes
    found = ListedPrediction(f"p-{number}", START + timedelta(seconds=after), inputs)
    assert world.provider.listed is not None
    world.provider.listed.append(found)
    return found


def find(world: World, job: Job) -> Job | Missing:
    return world.find_prediction()(world.job(job.job_id))


def test_the_one_that_is_nobodys_is_adopted() -> None:
    world = World()
    job = sent(world)
    listed(world, job)
    world.clock.advance(20)

    found = find(world, job)

    assert isinstance(found, Job)
    assert found == world.job(job.job_id)
    assert (found.status, found.prediction_id) == (Status.SUBMITTED, "p-1")
    assert found.submitted_at == world.clock()
    assert found.sweep_after == world.clock() + timedelta(seconds=job.deadline_seconds, minutes=15)
    assert world.jobs.claims.owner("p-1") == job.job_id
    assert_counts(world.jobs)


def test_the_providers_echo_may_say_more_than_was_asked() -> None:
    world = World()
    job = sent(world)
    listed(world, job, enable_sync_mode=False, images=[], seed=7)

    assert isinstance(find(world, job), Job)


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "another"},
        {"quality": "low"},
        {"resolution": "4k"},
        {"output_format": "webp"},
        {"images": [URL]},
    ],
)
def test_what_was_asked_otherwise_is_not_taken(other: dict[str, Any]) -> None:
    world = World()
    job = sent(world)
    listed(world, job, **other)

    assert find(world, job) is Missing.ABSENT
    assert world.jobs.claims.owners == {}


def test_what_lacks_a_part_of_what_was_asked_is_not_taken() -> None:
    world = World()
    job = sent(world, TEXT_TO_IMAGE | {"aspect_ratio": "16:9"})
    found = listed(world, job)
    assert found.inputs is not None
    del found.inputs["aspect_ratio"]

    assert find(world, job) is Missing.ABSENT


@pytest.mark.parametrize(
    ("seconds", "is_ours"),
    [(-181, False), (-180, True), (0, True), (240, True), (241, False)],
)
def test_only_what_was_made_around_the_post_is_taken(seconds: int, is_ours: bool) -> None:
    world = World()
    job = sent(world)
    listed(world, job, after=seconds)

    assert isinstance(find(world, job), Job) == is_ours


def test_an_edit_is_known_by_the_urls_that_were_sent() -> None:
    world = World()
    job = sent(world, EDIT)
    listed(world, job, 1, images=["https://example.com/other.png"])
    listed(world, job, 2, images=[URL, URL])
    listed(world, job, 3, images=[])
    listed(world, job, 4, images=URL)
    listed(world, job, 5, images=[7])
    listed(world, job, 6)

    found = find(world, job)

    assert isinstance(found, Job)
    assert found.prediction_id == "p-6"


def test_an_edit_of_a_private_picture_is_known_by_its_signed_url() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG, JPEG]
    job = sent(world, EDIT | {"images": ["s3://public/a.png"]})
    [url] = world.submit_job()._images(job)
    listed(world, job, 1, images=[url.replace("v2", "v1")])
    listed(world, job, 2, images=[url])

    found = find(world, job)

    assert isinstance(found, Job)
    assert found.prediction_id == "p-2"
    assert url not in found.model_dump_json()


@pytest.mark.parametrize("unclaimed", [True, False])
def test_a_list_without_inputs_proves_nothing_unless_all_in_it_have_owners(unclaimed: bool) -> None:
    world = World()
    job = sent(world)
    world.provider.listed = [ListedPrediction("p-1", START, None)]
    if not unclaimed:
        world.jobs.claims.owners["p-1"] = "another"

    assert find(world, job) is (Missing.UNREAD if unclaimed else Missing.ABSENT)


def test_a_list_that_could_not_be_read_proves_nothing() -> None:
    world = World()
    job = sent(world)
    world.provider.listed = None

    assert find(world, job) is Missing.UNREAD


def test_what_is_ours_is_taken_though_another_hides_its_inputs() -> None:
    world = World()
    job = sent(world)
    listed(world, job, 2, after=1)
    assert world.provider.listed is not None
    world.provider.listed.append(ListedPrediction("p-1", START, None))

    assert isinstance(find(world, job), Job)


def test_found_again_it_is_the_same_one() -> None:
    world = World()
    job = sent(world)
    listed(world, job, 1)
    listed(world, job, 2)

    find(world, job)
    again = find(world, job)

    assert isinstance(again, Job)
    assert again.prediction_id == "p-1"
    assert world.jobs.claims.owners == {"p-1": job.job_id}


@given(
    jobs=st.integers(1, 6),
    predictions=st.integers(0, 8),
    others=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_of_identical_jobs_as_many_find_one_as_there_are_and_none_is_claimed_twice(
    jobs: int, predictions: int, others: int, order: Any
) -> None:
    world = World()
    asked = [sent(world, key=f"key-{number}") for number in range(jobs)]
    for number in range(predictions):
        listed(world, asked[0], number, after=number)
    for number in range(others):
        listed(world, asked[0], 100 + number, prompt="another")
    looks = asked * 2
    order.shuffle(looks)

    for job in looks:
        if world.job(job.job_id).prediction_id is None:
            find(world, job)

    owned = [job for job in asked if world.job(job.job_id).prediction_id]
    assert len(owned) == len(world.jobs.claims.owners) == min(jobs, predictions)
    assert not world.jobs.claims.owners.keys() & {f"p-{100 + n}" for n in range(others)}
    assert_claims(world.jobs)
    assert_counts(world.jobs)


@given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=6), st.integers(0, 63))
def test_jobs_that_asked_for_different_things_find_each_its_own(
    prompts: list[str], made: int
) -> None:
    world = World()
    asked = [
        sent(world, TEXT_TO_IMAGE | {"prompt": prompt}, f"key-{number}")
        for number, prompt in enumerate(prompts)
    ]
    there = [number for number in range(len(asked)) if made >> number & 1]
    for number in there:
        listed(world, asked[number], number)

    for job in asked:
        find(world, job)

    for prompt in "ab":
        mine = [job for job in asked if job.input["prompt"] == prompt]
        claimed = sum(world.job(job.job_id).prediction_id is not None for job in mine)
        assert claimed == sum(prompts[number] == prompt for number in there)
    assert_claims(world.jobs)
