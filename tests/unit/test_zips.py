"""Zip files of batches: their parts and names, who may make them, and erasures."""

import io
from typing import Any
from zipfile import ZipFile

import pytest

from darkroom.domain import zips
from darkroom.domain.batch import Batch
from darkroom.domain.file_names import row_name
from darkroom.domain.zips import MAKING, ZipPart, ZipPlan
from darkroom.ports import Accepted
from darkroom_cli.outputs import row_name as cli_row_name
from tests.fakes.images import PNG
from tests.fakes.world import World
from tests.unit.batches import create_all_jobs, running_batch
from tests.unit.http import Client, complete_job

OTHER = PNG + b"other"


def ended_batch(world: World, *ids: str | None) -> Batch:
    """Return a completed batch with a row for each id. Their outputs are in the assets bucket."""
    world.provider.submissions = [Accepted(f"p{n}") for n in range(9)]
    rows: list[dict[str, Any]] = [
        {"prompt": f"row {n}"} | ({} if row_id is None else {"id": row_id})
        for n, row_id in enumerate(ids)
    ]
    batch = running_batch(world, rows)
    create_all_jobs(world, batch)
    for number in range(1, len(ids) + 1):
        complete_job(world, batch.job_of(number))
    world.app.collect_batch.run(batch.batch_id)
    return world.batches.records[batch.batch_id]


def shop(world: World, **options: Any) -> Client:
    return Client(world, "shop", **options)


def run_started(world: World) -> None:
    """Run ZipBatch as often as it was started."""
    while world.zip_function.started:
        world.app.zip_batch.run(*world.zip_function.started.pop(0))


def names(world: World, batch: Batch, number: int = 1) -> list[str]:
    current = world.batches.records[batch.batch_id]
    data = world.assets.files[world.zips.location(current, number).key]
    return ZipFile(io.BytesIO(data)).namelist()


def test_zip_has_the_outputs_named_by_row_and_is_made_once() -> None:
    world = World()
    batch = ended_batch(world, "sku/1", None, "SKU-1", "b")
    path = f"/v1/batches/{batch.batch_id}"
    before = shop(world).get(path).json
    assert (before["zips"][0]["files"], before["zips"][0]["url"]) == (4, None)

    first = shop(world).post(f"{path}/zips", None)
    second = shop(world).post(f"{path}/zips", None)
    assert (first.status, second.status, len(world.zip_function.started)) == (202, 202, 1)
    run_started(world)

    assert names(world, batch) == ["sku-1.png", "row-2.png", "SKU-1-2.png", "b.png"]
    (made,) = shop(world).get(path).json["zips"]
    assert made["filename"] in made["url"]
    assert made["filename"] == f"rows-{batch.batch_id[:8]}-images.zip"
    assert shop(world).post(f"{path}/zips", None).status == 200
    assert shop(world).get("/v1/batches").json["batches"][0]["zips"][0]["url"] is None
    assert not world.app.zip_batch.run(batch.batch_id, 1)  # a second delivery writes nothing


def test_missing_zip_is_made_again_when_no_run_can_still_write_it() -> None:
    world = World()
    batch = ended_batch(world, "a")
    path = f"/v1/batches/{batch.batch_id}/zips"
    shop(world).post(path, None)
    world.zip_function.started.clear()  # the runs fail

    world.clock.advance(MAKING.total_seconds() - 1)
    shop(world).post(path, None)
    assert world.zip_function.started == []
    world.clock.advance(1)
    shop(world).post(path, None)

    assert world.zip_function.started == [(batch.batch_id, 1)]


def test_parts_are_limited_in_files_and_bytes_and_names_differ_across_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zips, "MAX_FILES", 2)
    world = World()
    batch = ended_batch(world, "x", "a", "A", "b", "c")
    assert [(part.row, part.files) for part in batch.zip_parts] == [(1, 2), (3, 2), (5, 1)]

    shop(world).post(f"/v1/batches/{batch.batch_id}/zips", None)
    run_started(world)

    assert [names(world, batch, number) for number in (1, 2, 3)] == [
        ["x.png", "a.png"], ["A-2.png", "b.png"], ["c.png"],
    ]  # fmt: skip


def test_plan_divides_by_bytes_and_gives_up_at_its_limit() -> None:
    plan = ZipPlan()
    plan.add(1, (zips.MAX_BYTES - 1, 1, 1))
    plan.add(2, (7,))
    assert plan.parts == (
        ZipPart(row=1, output=0, files=2, bytes=zips.MAX_BYTES),
        ZipPart(row=1, output=2, files=2, bytes=8),
    )
    plan.add(3, (zips.MAX_BYTES,) * zips.MAX_PARTS)
    assert not plan.parts


def test_other_callers_open_batches_and_batches_without_outputs_are_refused() -> None:
    world = World()
    batch = running_batch(world, [{"prompt": "x"}])
    path = f"/v1/batches/{batch.batch_id}/zips"
    assert shop(world).post(path, None).status == 409
    assert Client(world, "eve").post(path, None).status == 404

    world.batches.update(batch.batch_id, when=[batch.status], canceled_at=world.clock())
    create_all_jobs(world, batch)
    world.app.collect_batch.run(batch.batch_id)
    assert shop(world).post(path, None).status == 404
    assert world.zip_function.started == []


def test_erasure_removes_the_zip_and_a_new_one_lacks_the_output() -> None:
    world = World()
    batch = ended_batch(world, "a", "b")
    path = f"/v1/batches/{batch.batch_id}"
    shop(world).post(f"{path}/zips", None)
    late = world.zip_function.started[0]
    run_started(world)
    stale = world.batches.records[batch.batch_id]
    job = world.job(batch.job_of(1))

    assert shop(world).delete(f"/v1/jobs/{job.job_id}/data").status == 200

    assert not [key for key in world.assets.files if key.startswith("zips/")]
    world.zips.write(stale, late[1], [])  # a run that began before the erasure
    assert shop(world).get(path).json["zips"][0]["url"] is None
    shop(world).post(f"{path}/zips", None)
    run_started(world)
    assert names(world, batch) == ["b.png"]


@pytest.mark.parametrize(
    "row_id",
    ["sku-1", "../../etc/x", "-rf", " .a. ", "a\u202eb", "é" * 200, "a:b|c", "", None, "x\ny"],
)
def test_zip_and_command_line_give_a_row_the_same_name(row_id: str | None) -> None:
    assert row_name(row_id, 7) == cli_row_name({"id": row_id, "row": 7})
