"""The use cases of the steps of a job. Once a container, on use.

Imports stand inside the functions: each Lambda loads only what its own use case needs.
"""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from darkroom import settings
from darkroom.bootstrap import clients
from darkroom.usecases.end_job import EndJob

if TYPE_CHECKING:
    from darkroom.usecases.check_job import CheckJob
    from darkroom.usecases.finalize_job import FinalizeJob
    from darkroom.usecases.submit_job import SubmitJob


@cache
def submit_job() -> "SubmitJob":
    """Build the use case of Submit."""
    from darkroom.adapters.references import ReferenceStore
    from darkroom.usecases.submit_job import SubmitJob

    env = settings.SubmitSettings.read()
    return SubmitJob(
        jobs=clients.jobs(env.table_name),
        references=ReferenceStore(clients.s3(), env.assets_bucket),
        provider=clients.provider(env.provider_url, env.provider_secret_id),
        events=clients.bus(env.event_bus_name),
        now=clients.now,
        max_queue=timedelta(seconds=env.max_queue_seconds),
        duration_scale=env.duration_scale,
    )


@cache
def check_job() -> "CheckJob":
    """Build the use case of Check."""
    from darkroom.usecases.check_job import CheckJob

    env = settings.CheckSettings.read()
    return CheckJob(
        jobs=clients.jobs(env.table_name),
        provider=clients.provider(env.provider_url, env.provider_secret_id),
        metrics=clients.METRICS,
        now=clients.now,
        duration_scale=env.duration_scale,
    )


@cache
def finalize_job() -> "FinalizeJob":
    """Build the use case of Finalize."""
    from darkroom.adapters.assets import AssetBucket
    from darkroom.adapters.cdn import Cdn
    from darkroom.usecases.finalize_job import FinalizeJob

    env = settings.FinalizeSettings.read()
    return FinalizeJob(
        jobs=clients.jobs(env.table_name),
        provider=clients.provider(env.provider_url, env.provider_secret_id),
        downloads=Cdn([host.strip().lower() for host in env.asset_hosts.split(",")]),
        assets=AssetBucket(clients.s3(), env.assets_bucket),
        end=clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket),
    )


@cache
def end_job() -> EndJob:
    """Build the use case of Fail and OnExecutionEnded."""
    env = settings.EndSettings.read()
    return clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket)
