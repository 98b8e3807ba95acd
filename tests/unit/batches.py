"""A deployment in memory with a file of rows, and the machine of batches run by hand."""

import json
from typing import Any

from darkroom.domain.batch import Batch
from darkroom.domain.callers import Caller
from darkroom.domain.steps import Step
from darkroom.usecases.create_job import RequestSource
from darkroom.usecases.plan_batch import BatchFile
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import World

SHOP = Caller(name="key:shop")
SMALL = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}


def put(world: World, rows: list[dict[str, Any]] | bytes, owner: str = SHOP.name) -> str:
    """Put a file as an upload; return what it is called."""
    data = rows if isinstance(rows, bytes) else "\n".join(map(json.dumps, rows)).encode()
    world.references.objects["assets", "uploads/rows.jsonl"] = [data]
    world.references.owners["uploads/rows.jsonl"] = owner
    return "upload:rows.jsonl"


def started(world: World, rows: list[dict[str, Any]], **more: Any) -> Batch:
    """A batch of these rows, running."""
    request_source = RequestSource(SHOP, "autumn", "request-1", **more)
    batch_file = BatchFile(put(world, [SMALL | row for row in rows]))
    return world.start_batch()(batch_file, request_source, confirmed=10**12)


def create_all(world: World, batch: Batch) -> None:
    """What the machine's map does, without waiting for room."""
    spans: Any = world.batch_files.chunks[batch.batch_id]
    for span in spans:
        world.create_rows()(batch.batch_id, span)
    world.batches.update(batch.batch_id, when=[batch.status], creation_finished=True)


def finish(world: World, job_id: str) -> None:
    """What the machine of jobs does with one that goes well."""
    world.downloads.files.setdefault(OUTPUT, PNG)
    step = world.submit_job()(Step(job_id=job_id))
    world.finalize_job()(world.check_job()(step))


def result_lines(world: World, batch: Batch) -> list[dict[str, Any]]:
    """The rows of the results."""
    text = world.batch_files.written[batch.batch_id, "results.jsonl"]
    return [json.loads(line) for line in text.splitlines()]
