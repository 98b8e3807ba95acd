"""Build the use cases of batches. Each is built once per container, on first use.

Imports are inside the functions, so that each Lambda function loads only its own dependencies.
"""

import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from darkroom import settings
from darkroom.adapters.s3.batch_files import BatchBucket
from darkroom.bootstrap import clients, entry_points

if TYPE_CHECKING:
    from darkroom.usecases.batches.collect_batch import CollectBatch
    from darkroom.usecases.batches.create_rows import CreateRows
    from darkroom.usecases.batches.end_batch import EndBatch
    from darkroom.usecases.batches.start_batch import StartBatch
    from darkroom.usecases.jobs.create_job import CreateJob


@cache
def create_rows() -> "CreateRows":
    """Build the use case of CreateRows."""
    from darkroom.usecases.batches.create_rows import CreateRows

    env = settings.CreateRowsSettings.read()
    return CreateRows(
        batches=clients.batches(env.table_name),
        files=BatchBucket(clients.s3(), env.assets_bucket),
        queue=clients.queue(env.table_name),
        create_job=entry_points.create_job(env),
        max_deadline=env.max_deadline_seconds,
        max_queue=env.max_queue_seconds,
    )


@cache
def collect_batch() -> "CollectBatch":
    """Build the use case of CollectBatch."""
    from darkroom.usecases.batches.collect_batch import CollectBatch
    from darkroom.usecases.jobs.cancel_job import CancelJob
    from darkroom.usecases.jobs.find_jobs import FindJobs

    env = settings.EndSettings.read()
    jobs = clients.jobs(env.table_name)
    return CollectBatch(
        batches=clients.batches(env.table_name),
        files=BatchBucket(clients.s3(), env.assets_bucket),
        jobs=jobs,
        cancel=CancelJob(
            find=FindJobs(jobs=jobs, lists=jobs, sleep=time.sleep),
            jobs=jobs,
            end=clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket),
            now=clients.now,
        ),
        end=end_batch(env.table_name, env.event_bus_name, env.assets_bucket),
        now=clients.now,
    )


def start_batch(env: settings.ApiSettings, create: "CreateJob") -> "StartBatch":
    """Return the use case that starts batches."""
    from darkroom.adapters.workflow import BatchMachine
    from darkroom.usecases.batches.plan_batch import PlanBatch
    from darkroom.usecases.batches.start_batch import StartBatch

    files = BatchBucket(clients.s3(), env.assets_bucket)
    return StartBatch(
        plan=PlanBatch(
            references=create.references,
            files=files,
            prices=create.prices,
            max_deadline=env.max_deadline_seconds,
        ),
        batches=clients.batches(env.table_name),
        files=files,
        workflow=BatchMachine(clients.states(), env.batch_state_machine_arn, env.assets_bucket),
        metrics=clients.METRICS,
        now=clients.now,
        retention=timedelta(days=env.record_retention_days),
    )


def end_batch(table: str, bus: str, bucket: str) -> "EndBatch":
    """Return the use case that ends batches."""
    from darkroom.usecases.batches.end_batch import EndBatch

    return EndBatch(
        batches=clients.batches(table),
        files=BatchBucket(clients.s3(), bucket),
        events=clients.bus(bus),
        metrics=clients.METRICS,
        now=clients.now,
    )
