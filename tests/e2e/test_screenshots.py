"""The pictures of README.md: written to out/ by the tests, copied to docs/images by hand."""

import random
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.adapters.dynamodb.stats import StatsTable
from darkroom.domain.callers import Role
from darkroom.domain.errors import Code
from darkroom.domain.histogram import bucket_of
from darkroom.domain.job import Job
from darkroom.domain.pricing import estimate_cost
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL
from darkroom.domain.stats import ImageKind, JobStats
from local.paths import ROOT
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot

PHOTOGRAPH = ROOT / "docs" / "images" / "photograph.jpg"
SCENES = (
    "A harbour at dawn", "Rooftops of an old city at night", "A pine forest in the mist",
    "A desert road at noon", "A lagoon under a rose sky", "Snow on the ridge above the lake",
    "A lighthouse in a storm", "Hills of moss after the rain", "A skyline at dusk",
    "A quiet bay by moonlight", "Autumn trees on a slope", "A canyon at sunset",
    "An island in a green sea", "A winter valley", "Dunes under a violet evening",
    "A fjord in the morning", "A village below the cliffs",
)  # fmt: skip
DAYS = 14


def test_stats_page_plots_two_weeks(studio: Studio, deployment: Deployment) -> None:
    key = deployment.create_key("operator", Role.ADMIN)
    for seed, caller in enumerate(("key:shop", "key:newsletter", "inbox:product-studio")):
        _record_history(deployment, caller, seed)
    page = studio.page
    page.set_viewport_size({"width": 1440, "height": 1100})
    studio.open(key)

    page.get_by_role("link", name="Stats").click()

    expect(page.locator("figure canvas")).to_have_count(4)
    page.get_by_text("As a table").first.click()
    spend = page.locator("figure", has_text="Daily spend by key")
    expect(spend.locator("tbody tr")).to_have_count(DAYS)
    page.get_by_text("As a table").first.click()
    shot(studio, "stats")


def test_gallery_is_full_and_shows_no_image_twice(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    key = deployment.create_key("gallery", daily_budget_usd=5.0)
    with deployment.http_client(key) as client:
        api_client = ApiClient(client)
        edit = api_client.run_job(
            operation="edit", prompt="Make it a golden evening",
            images=[api_client.upload(PHOTOGRAPH.read_bytes(), "image/jpeg")["reference"]],
        )  # fmt: skip
        jobs = [
            api_client.create_job(operation="text-to-image", prompt=prompt, aspect_ratio="3:2")
            for prompt in SCENES
        ]
        ended = [api_client.wait_for_status(job["job_id"]) for job in jobs]

    assert {job["status"] for job in ended} == {"completed"}
    digests = [job["assets"][0]["sha256"] for job in [edit, *ended]]
    assert len(set(digests)) == len(digests)

    page.set_viewport_size({"width": 1440, "height": 1000})
    studio.open(key)
    expect(page.locator(".frame.completed.loaded")).to_have_count(len(digests))
    page.mouse.move(0, 0)  # no card shows its actions
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    studio.wait_until("document.getAnimations().length === 0")
    shot(studio, "gallery")

    studio.open_job("Make it a golden evening")
    expect(page.get_by_role("img", name="Before")).to_be_visible()
    shot(studio, "job")


def _record_history(deployment: Deployment, caller: str, seed: int) -> None:
    """Record two weeks of ended jobs, with quiet weekends, as RecordStats records them."""
    rng = random.Random(seed)  # noqa: S311 - reproducible test data
    client = deployment.stack.client("dynamodb")
    records, stats = (
        JobTable(client, deployment.stack.table),
        StatsTable(client, deployment.stack.table),
    )
    now = datetime.now(UTC)
    medians = {"low": 14.0, "medium": 34.0, "high": 52.0}
    for age in range(DAYS):
        day = now - timedelta(days=age)
        count = rng.randint(1, 3) if day.weekday() >= 5 else rng.randint(4, 12)
        for index in range(count):
            quality = rng.choices(["low", "medium", "high"], [5, 6, 2])[0]
            code = rng.choice([Code.MODERATED, Code.DEADLINE_EXCEEDED]) if index % 9 == 7 else None
            job = _job(f"history-{seed}-{age}-{index}", caller, day)
            records.create(job)
            price = estimate_cost(TEXT_TO_IMAGE_MODEL, {"quality": quality, "resolution": "1k"}, 0)
            seconds = medians[quality] * rng.lognormvariate(0, 0.3)
            stats.add(
                job.job_id,
                JobStats(
                    day=day.date(),
                    caller=caller,
                    quality=quality,
                    micro_usd=0 if code else price or 0,
                    code=code,
                    kind=ImageKind("text-to-image", quality, "1k"),
                    bucket=None if code else bucket_of(seconds),
                ),
                job.expires_at,
            )


def _job(job_id: str, caller: str, accepted_at: datetime) -> Job:
    return Job(
        job_id=job_id,
        caller=caller,
        request_id=job_id,
        idempotency_key=job_id,
        fingerprint=job_id,
        operation="text-to-image",
        model=TEXT_TO_IMAGE_MODEL,
        input={"prompt": "A scene"},
        prefix=f"jobs/{job_id}",
        deadline_seconds=900,
        status="completed",
        accepted_at=accepted_at,
        ended_at=accepted_at,
        expires_at=int((accepted_at + timedelta(days=91)).timestamp()),
    )
