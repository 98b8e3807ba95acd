"""Build the use cases of job steps. Each is built once per container, on first use.

Imports are inside the functions, so that each Lambda function loads only its own dependencies.
"""

import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from darkroom import settings
from darkroom.bootstrap import clients

if TYPE_CHECKING:
    from darkroom.usecases.jobs.check_job import CheckJob
    from darkroom.usecases.jobs.end_job import EndJob
    from darkroom.usecases.jobs.finalize_job import FinalizeJob
    from darkroom.usecases.jobs.submit_job import SubmitJob


@cache
def submit_job() -> "SubmitJob":
    """Build the use case of Submit."""
    from darkroom.adapters.dynamodb.stats import StatsTable
    from darkroom.adapters.s3.references import ReferenceStore
    from darkroom.domain.submit_queue import RateLimit
    from darkroom.usecases.jobs.acquire_slot import AcquireSlot
    from darkroom.usecases.jobs.expect_duration import ExpectDuration
    from darkroom.usecases.jobs.submit_job import SubmitJob

    env = settings.SubmitSettings.read()
    provider = clients.provider(env.provider_url, env.provider_secret_id)
    acquire = AcquireSlot(
        jobs=clients.jobs(env.table_name),
        queue=clients.queue(env.table_name),
        metrics=clients.METRICS,
        now=clients.now,
        sleep=time.sleep,
        breaker=clients.circuit_breaker(env.table_name, env.breaker_seconds),
        rate_limit=RateLimit(env.images_per_minute, env.jobs_in_flight),
        expect=ExpectDuration(
            StatsTable(clients.dynamodb(), env.table_name), clients.now, env.duration_scale
        ),
    )
    return SubmitJob(
        jobs=clients.jobs(env.table_name),
        references=ReferenceStore(clients.lazy_s3(), env.assets_bucket),
        provider=provider,
        acquire=acquire,
        find=clients.find_prediction(env.table_name, provider),
        flag_store=clients.flags(env.runtime_flags),
        events=clients.bus(env.event_bus_name),
        metrics=clients.METRICS,
        now=clients.now,
        max_queue=timedelta(seconds=env.max_queue_seconds),
        duration_scale=env.duration_scale,
        resubmits=env.ambiguous_submit == "resubmit",
    )


@cache
def check_job() -> "CheckJob":
    """Build the use case of Check."""
    from darkroom.usecases.jobs.check_job import CheckJob

    env = settings.CheckSettings.read()
    return CheckJob(
        jobs=clients.jobs(env.table_name),
        provider=clients.provider(env.provider_url, env.provider_secret_id),
        breaker=clients.circuit_breaker(env.table_name, env.breaker_seconds),
        metrics=clients.METRICS,
        now=clients.now,
        sleep=time.sleep,
        duration_scale=env.duration_scale,
        check_poll_seconds=env.check_poll_seconds,
    )


@cache
def finalize_job() -> "FinalizeJob":
    """Build the use case of Finalize."""
    from darkroom.usecases.jobs.finalize_job import FinalizeJob

    env = settings.FinalizeSettings.read()
    return FinalizeJob(
        jobs=clients.jobs(env.table_name),
        provider=clients.provider(env.provider_url, env.provider_secret_id),
        store_outputs=clients.store_outputs(env.table_name, env.assets_bucket, env.asset_hosts),
        metrics=clients.METRICS,
        end=clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket),
    )


@cache
def end_job() -> "EndJob":
    """Build the use case of Fail and OnExecutionEnded."""
    env = settings.EndSettings.read()
    return clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket)
