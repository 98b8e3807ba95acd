"""A URL of this deployment's own bucket names an object, in the input of every model."""

from typing import Any

import pytest

from darkroom.domain.callers import Caller
from darkroom.domain.errors import ConflictError, InvalidRequestError
from darkroom.domain.job import Job, Status
from darkroom.domain.references import S3Object
from darkroom.domain.steps import Step
from darkroom.ports import Accepted, ListedPrediction, Unknown
from darkroom.usecases.jobs.find_prediction import digest
from tests.fakes.images import PNG
from tests.fakes.world import DEADLINE, TEXT_TO_IMAGE, World

ROOT = "https://assets.s3.test"
SIGNED = f"{ROOT}/uploads/a.png?X-Amz-Expires=3600&X-Amz-Signature=one"
AGAIN = f"{ROOT}/uploads/a.png?X-Amz-Expires=3600&X-Amz-Signature=two"
NAME = "s3://assets/uploads/a.png"
OWNER = Caller(name="key:shop")


def world_with_upload(key: str = "uploads/a.png", content: bytes = PNG) -> World:
    world = World()
    world.references.objects["assets", key] = [content]
    world.references.owners[key] = OWNER.name
    return world


def accept(world: World, model_input: dict[str, Any], **options: Any) -> Job:
    body = {"model": "wavespeed-ai/any-model", "input": model_input}
    return world.accept_job(body, **{"caller": OWNER, **options})


def sent_input(world: World, job: Job) -> dict[str, Any]:
    world.app.submit_job.run(Step(job_id=job.job_id))
    return world.provider.posts[-1][1]


def presigned(key: str = "uploads/a.png") -> str:
    return f"{ROOT}/{key}?versionId=v1&X-Amz-Expires={DEADLINE + 3600}"


@pytest.mark.parametrize(
    "reference", [SIGNED, f"{ROOT}/uploads/a.png", NAME, "upload:a.png", f" {SIGNED}\n"]
)
def test_own_object_is_signed_anew_at_submit_anywhere_in_the_input(reference: str) -> None:
    world = world_with_upload()
    model_input = {
        "image": reference, "prompt": "x", "deep": [{"urls": [reference, "https://a.test/b?s=1"]}]
    }  # fmt: skip

    job = accept(world, model_input)

    assert "Signature" not in job.model_dump_json()
    assert job.input == {
        "image": NAME, "prompt": "x", "deep": [{"urls": [NAME, "https://a.test/b?s=1"]}]
    }  # fmt: skip
    assert job.references == (S3Object(bucket="assets", key="uploads/a.png", version_id="v1"),)
    assert sent_input(world, job) == {
        "image": presigned(), "prompt": "x",
        "deep": [{"urls": [presigned(), "https://a.test/b?s=1"]}],
    }  # fmt: skip


def test_own_urls_inside_a_text_are_signed_anew() -> None:
    world = world_with_upload()
    longer = "uploads/a.png.bak"
    world.references.objects["assets", longer] = [PNG]
    world.references.owners[longer] = OWNER.name
    text = (
        f'{SIGNED},{ROOT}/{longer}?sig=1;see {SIGNED}. [x]({SIGNED}) {{"path": "{SIGNED}"}}'
        " https://a.test/b.png?sig=1"
    )

    job = accept(world, {"prompt": text})
    sent = sent_input(world, job)["prompt"]

    assert "Signature" not in job.model_dump_json()
    own = presigned()
    assert sent == (
        f'{own},{presigned(longer)};see {own}. [x]({own}) {{"path": "{own}"}}'
        " https://a.test/b.png?sig=1"
    )
    assert len(job.references) == 2


def test_file_of_any_type_may_be_given_to_another_model() -> None:
    world = world_with_upload("jobs/j/0.mp4", b"\x00\x00\x00\x18ftypisom" + bytes(50))

    job = accept(world, {"video": f"{ROOT}/jobs/j/0.mp4?X-Amz-Signature=expired"})

    assert sent_input(world, job) == {"video": presigned("jobs/j/0.mp4")}


@pytest.mark.parametrize("name", ["uploads/another.png", "uploads/none.png", "uploads/../a.png"])
def test_object_that_the_caller_may_not_read_is_refused_by_its_field(name: str) -> None:
    world = world_with_upload("uploads/another.png")
    world.references.owners["uploads/another.png"] = "key:other"

    with pytest.raises(InvalidRequestError) as refused:
        accept(world, {"frames": [{"image": f"{ROOT}/{name}?X-Amz-Signature=forged"}]})

    [problem] = refused.value.problems
    assert problem.field == "input.frames.0.image"
    assert problem.message.startswith("`input.frames.0.image` ")
    assert world.jobs.records == {}


def test_number_of_objects_is_limited() -> None:
    world = world_with_upload()

    with pytest.raises(InvalidRequestError, match="at most 64 S3 objects"):
        accept(world, {"images": [f"s3://assets/uploads/{n}.png" for n in range(65)]})


@pytest.mark.parametrize(
    "model_input",
    [
        {"text": f"{SIGNED} " * 65},
        {"image": NAME, "text": f"{NAME} " * 65},  # a text that Submit signs, too
        {"images": [SIGNED] * 65},
    ],
)
def test_repeated_names_count_as_objects(model_input: dict[str, Any]) -> None:
    """Each becomes a presigned URL: 250 KB of names would be 8 MB at the provider."""
    with pytest.raises(InvalidRequestError, match="at most 64 S3 objects"):
        accept(world_with_upload(), model_input)


def test_outputs_of_a_chain_count_as_objects() -> None:
    step = {"model": "a/b", "input": {"images": ["$previous"] * 65}}

    with pytest.raises(InvalidRequestError, match="at most 64 S3 objects"):
        world_with_upload().accept_job(TEXT_TO_IMAGE | {"then": [step]}, caller=OWNER)


def test_new_signature_of_an_own_url_is_the_same_request() -> None:
    world = world_with_upload()

    jobs = {accept(world, {"b": reference, "a": 1}).job_id for reference in (SIGNED, AGAIN, NAME)}

    assert len(jobs) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"model": "a/b", "input": {"image": "https://x.test/a.png?sig=1"}},
         {"model": "a/b", "input": {"image": "https://x.test/a.png?sig=2"}}),
        ({"operation": "edit", "prompt": "x", "images": ["https://x.test/a.png?sig=1"]},
         {"operation": "edit", "prompt": "x", "images": ["https://x.test/a.png?sig=2"]}),
    ],
)  # fmt: skip
def test_conflict_names_a_changed_query_of_a_url(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    world = World()
    world.accept_job(first)

    with pytest.raises(ConflictError, match="another query, such as a new signature"):
        world.accept_job(second)


def test_conflict_with_equal_urls_does_not_mention_them() -> None:
    world = World()
    body = {"operation": "edit", "prompt": "x", "images": ["https://x.test/a.png?sig=1"]}
    world.accept_job(body)

    with pytest.raises(ConflictError) as conflict:
        world.accept_job({**body, "prompt": "y"})

    assert "query" not in str(conflict.value)


def test_unanswered_submit_with_an_own_object_is_found_by_its_signed_url() -> None:
    world = world_with_upload()
    world.provider.submissions = [Unknown()]
    job = accept(world, {"image": SIGNED, "prompt": f"like {SIGNED}."})
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    assert world.job(job.job_id).sent_images == (digest(presigned()),)
    other, own = (
        {"image": url, "prompt": f"like {url}.", "seed": -1} for url in (AGAIN, presigned())
    )
    world.provider.listed = [
        ListedPrediction(name, world.clock(), inputs)
        for name, inputs in (("another", other), ("own", own))
    ]

    world.app.submit_job.run(step)

    assert world.job(job.job_id).prediction_id == "own"
    assert world.job(job.job_id).status is Status.SUBMITTED


def test_jobs_of_other_models_with_equal_input_and_different_objects_are_told_apart() -> None:
    world = world_with_upload()
    world.references.objects["assets", "uploads/b.png"] = [PNG]
    world.references.owners["uploads/b.png"] = OWNER.name
    world.provider.submissions = [Unknown(), Accepted("p-2")]
    first = accept(world, {"image": NAME})
    second = accept(world, {"image": "s3://assets/uploads/b.png"}, key="second")
    step = world.app.submit_job.run(Step(job_id=first.job_id))
    world.app.submit_job.run(Step(job_id=second.job_id))
    world.provider.listed = [
        ListedPrediction("p-2", world.clock(), {"image": presigned("uploads/b.png")})
    ]

    world.app.submit_job.run(step)

    assert world.job(first.job_id).prediction_id is None
