"""FindPrediction: an unanswered POST claims an unclaimed prediction with an identical input."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.job import Job, Status
from darkroom.ports import ListedPrediction
from darkroom.usecases.jobs.find_prediction import Missing, digest
from tests.fakes.images import JPEG, PNG
from tests.fakes.invariants import assert_claims, assert_queue_counts
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World

URL = "https://example.com/b.png?x=1"
EDIT: dict[str, Any] = {"operation": "edit", "prompt": "more fog", "images": [URL]}


def job_with_unanswered_post(
    world: World, body: dict[str, Any] | None = None, key: str = "key"
) -> Job:
    """Return a job whose POST was sent and got no response."""
    job = world.accept_job(body, key)
    acquire, submit = world.app.acquire_slot, world.app.submit_job
    images = submit._images(job)
    submitting = acquire.run(job, tuple(digest(image) for image in images))
    assert isinstance(submitting, Job)
    return submitting


def list_prediction(
    world: World, job: Job, number: int = 1, after: float = 0, **changes: Any
) -> ListedPrediction:
    """Add a prediction with the job's input to the provider's list and return it."""
    inputs = dict(job.input) | ({"images": [URL]} if job.references else {}) | changes
    prediction = ListedPrediction(f"p-{number}", START + timedelta(seconds=after), inputs)
    assert world.provider.listed is not None
    world.provider.listed.append(prediction)
    return prediction


def find(world: World, job: Job) -> Job | Missing:
    return world.app.find_prediction.run(world.job(job.job_id))


def test_unclaimed_prediction_is_claimed() -> None:
    world = World()
    job = job_with_unanswered_post(world)
    list_prediction(world, job)
    world.clock.advance(20)

    found = find(world, job)

    assert isinstance(found, Job)
    assert found == world.job(job.job_id)
    assert (found.status, found.prediction_id) == (Status.SUBMITTED, "p-1")
    assert found.submitted_at == world.clock()
    assert found.sweep_after == world.clock() + timedelta(seconds=job.deadline_seconds, minutes=15)
    assert world.jobs.claims.owner("p-1") == job.job_id
    assert_queue_counts(world.jobs)


def test_extra_fields_in_the_listed_input_are_ignored() -> None:
    world = World()
    job = job_with_unanswered_post(world)
    list_prediction(world, job, enable_sync_mode=False, images=[], seed=7)

    assert isinstance(find(world, job), Job)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "another"},
        {"quality": "low"},
        {"resolution": "4k"},
        {"output_format": "webp"},
        {"images": [URL]},
    ],
)
def test_prediction_with_another_input_is_not_claimed(changes: dict[str, Any]) -> None:
    world = World()
    job = job_with_unanswered_post(world)
    list_prediction(world, job, **changes)

    assert find(world, job) is Missing.ABSENT
    assert world.jobs.claims.owners == {}


def test_prediction_with_a_missing_input_field_is_not_claimed() -> None:
    world = World()
    job = job_with_unanswered_post(world, TEXT_TO_IMAGE | {"aspect_ratio": "16:9"})
    prediction = list_prediction(world, job)
    assert prediction.inputs is not None
    del prediction.inputs["aspect_ratio"]

    assert find(world, job) is Missing.ABSENT


@pytest.mark.parametrize(
    ("seconds", "is_claimed"),
    [(-181, False), (-180, True), (0, True), (240, True), (241, False)],
)
def test_only_predictions_created_around_the_post_are_claimed(
    seconds: int, is_claimed: bool
) -> None:
    world = World()
    job = job_with_unanswered_post(world)
    list_prediction(world, job, after=seconds)

    assert isinstance(find(world, job), Job) == is_claimed


def test_edit_is_matched_by_its_image_urls() -> None:
    world = World()
    job = job_with_unanswered_post(world, EDIT)
    list_prediction(world, job, 1, images=["https://example.com/other.png"])
    list_prediction(world, job, 2, images=[URL, URL])
    list_prediction(world, job, 3, images=[])
    list_prediction(world, job, 4, images=URL)
    list_prediction(world, job, 5, images=[7])
    list_prediction(world, job, 6)

    found = find(world, job)

    assert isinstance(found, Job)
    assert found.prediction_id == "p-6"


def test_edit_of_an_s3_image_is_matched_by_its_presigned_url() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG, JPEG]
    job = job_with_unanswered_post(world, EDIT | {"images": ["s3://public/a.png"]})
    [url] = world.app.submit_job._images(job)
    list_prediction(world, job, 1, images=[url.replace("v2", "v1")])
    list_prediction(world, job, 2, images=[url])

    found = find(world, job)

    assert isinstance(found, Job)
    assert found.prediction_id == "p-2"
    assert url not in found.model_dump_json()


@pytest.mark.parametrize("unclaimed", [True, False])
def test_listed_prediction_without_inputs_leaves_the_result_unknown_unless_claimed(
    unclaimed: bool,
) -> None:
    world = World()
    job = job_with_unanswered_post(world)
    world.provider.listed = [ListedPrediction("p-1", START, None)]
    if not unclaimed:
        world.jobs.claims.owners["p-1"] = "another"

    assert find(world, job) is (Missing.UNREAD if unclaimed else Missing.ABSENT)


def test_matching_prediction_is_claimed_despite_a_prediction_without_inputs() -> None:
    world = World()
    job = job_with_unanswered_post(world)
    list_prediction(world, job, 2, after=1)
    assert world.provider.listed is not None
    world.provider.listed.append(ListedPrediction("p-1", START, None))

    assert isinstance(find(world, job), Job)


@given(
    jobs=st.integers(1, 6),
    predictions=st.integers(0, 8),
    others=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_identical_jobs_claim_each_prediction_once(
    jobs: int, predictions: int, others: int, order: Any
) -> None:
    world = World()
    all_jobs = [job_with_unanswered_post(world, key=f"key-{number}") for number in range(jobs)]
    for number in range(predictions):
        list_prediction(world, all_jobs[0], number, after=number)
    for number in range(others):
        list_prediction(world, all_jobs[0], 100 + number, prompt="another")
    searches = all_jobs * 2
    order.shuffle(searches)

    for job in searches:
        if world.job(job.job_id).prediction_id is None:
            find(world, job)

    with_prediction = [job for job in all_jobs if world.job(job.job_id).prediction_id]
    assert len(with_prediction) == len(world.jobs.claims.owners) == min(jobs, predictions)
    assert not world.jobs.claims.owners.keys() & {f"p-{100 + n}" for n in range(others)}
    assert_claims(world.jobs)
    assert_queue_counts(world.jobs)


@given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=6), st.integers(0, 63))
def test_jobs_with_different_inputs_claim_their_own_predictions(
    prompts: list[str], listed_bits: int
) -> None:
    world = World()
    jobs = [
        job_with_unanswered_post(world, TEXT_TO_IMAGE | {"prompt": prompt}, f"key-{number}")
        for number, prompt in enumerate(prompts)
    ]
    listed = [number for number in range(len(jobs)) if listed_bits >> number & 1]
    for number in listed:
        list_prediction(world, jobs[number], number)

    for job in jobs:
        find(world, job)

    for prompt in "ab":
        same_prompt = [job for job in jobs if job.input["prompt"] == prompt]
        claimed = sum(world.job(job.job_id).prediction_id is not None for job in same_prompt)
        assert claimed == sum(prompts[number] == prompt for number in listed)
    assert_claims(world.jobs)
