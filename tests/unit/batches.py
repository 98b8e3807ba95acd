"""Helpers for batches in memory: upload a batch file and run the steps of its state machine."""

import json
from typing import Any

from darkroom.domain.batch import Batch
from darkroom.domain.callers import Caller
from darkroom.usecases.batches.plan_batch import BatchFile
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.world import World

SHOP = Caller(name="key:shop")
SMALL_IMAGE = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}


def upload_rows(world: World, rows: list[dict[str, Any]] | bytes, owner: str = SHOP.name) -> str:
    """Store a batch file as an upload; return its reference."""
    data = rows if isinstance(rows, bytes) else "\n".join(map(json.dumps, rows)).encode()
    world.references.objects["assets", "uploads/rows.jsonl"] = [data]
    world.references.owners["uploads/rows.jsonl"] = owner
    return "upload:rows.jsonl"


def running_batch(
    world: World,
    rows: list[dict[str, Any]],
    key: str = "autumn",
    key_id: str | None = None,
    **changes: Any,
) -> Batch:
    """Start a batch with these rows."""
    request_source = RequestSource(
        SHOP.model_copy(update={"key_id": key_id}), key, "request-1", **changes
    )
    batch_file = BatchFile(upload_rows(world, [SMALL_IMAGE | row for row in rows]))
    return world.app.start_batch.run(batch_file, request_source, confirmed=10**12)


def create_all_jobs(world: World, batch: Batch) -> None:
    """Create the jobs of all rows, like the Map state, without waiting for room in the queue."""
    spans: Any = world.batch_files.chunks[batch.batch_id]
    for span in spans:
        world.app.create_rows.run(batch.batch_id, span)
    world.batches.update(batch.batch_id, when=[batch.status], creation_finished=True)


def result_rows(world: World, batch: Batch) -> list[dict[str, Any]]:
    """Return the rows of results.jsonl."""
    text = world.batch_files.written[batch.batch_id, "results.jsonl"]
    return [json.loads(line) for line in text.splitlines()]
