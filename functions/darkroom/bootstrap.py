"""Put together: the only place that makes clients and chooses adapters. Once a container, on use.

Imports stand inside the functions: each Lambda loads only what its own use case needs.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from darkroom import settings
from darkroom.adapters.bus import Bus
from darkroom.adapters.table import JobTable
from darkroom.observability import PowertoolsMetrics
from darkroom.usecases.end_job import EndJob

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from darkroom.adapters.wavespeed import WaveSpeed
    from darkroom.usecases.check_job import CheckJob
    from darkroom.usecases.finalize_job import FinalizeJob
    from darkroom.usecases.request_job import RequestJob
    from darkroom.usecases.submit_job import SubmitJob

# At the worst 3 x 6 seconds a call and its back-off: below the functions' timeouts, POST included.
_AWS = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)
_METRICS = PowertoolsMetrics()


@cache
def request_job() -> "RequestJob":
    """Build the use case of OnRequest."""
    from darkroom.adapters.references import ReferenceStore
    from darkroom.adapters.workflow import StateMachine
    from darkroom.usecases.create_job import CreateJob
    from darkroom.usecases.request_job import RequestJob

    env = settings.OnRequestSettings.read()
    create = CreateJob(
        jobs=_jobs(env.table_name),
        references=ReferenceStore(_s3(), env.assets_bucket),
        workflow=StateMachine(boto3.client("stepfunctions", config=_AWS), env.state_machine_arn),
        metrics=_METRICS,
        now=_now,
        default_deadline=env.default_deadline_seconds,
        retention=timedelta(days=env.record_retention_days),
    )
    return RequestJob(
        create_job=create,
        events=_bus(env.event_bus_name),
        metrics=_METRICS,
        max_deadline=env.max_deadline_seconds,
    )


@cache
def submit_job() -> "SubmitJob":
    """Build the use case of Submit."""
    from darkroom.adapters.references import ReferenceStore
    from darkroom.usecases.submit_job import SubmitJob

    env = settings.SubmitSettings.read()
    return SubmitJob(
        jobs=_jobs(env.table_name),
        references=ReferenceStore(_s3(), env.assets_bucket),
        provider=_provider(env.provider_url, env.provider_secret_id),
        events=_bus(env.event_bus_name),
        now=_now,
        max_queue=timedelta(seconds=env.max_queue_seconds),
        duration_scale=env.duration_scale,
    )


@cache
def check_job() -> "CheckJob":
    """Build the use case of Check."""
    from darkroom.usecases.check_job import CheckJob

    env = settings.CheckSettings.read()
    return CheckJob(
        jobs=_jobs(env.table_name),
        provider=_provider(env.provider_url, env.provider_secret_id),
        metrics=_METRICS,
        now=_now,
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
        jobs=_jobs(env.table_name),
        provider=_provider(env.provider_url, env.provider_secret_id),
        downloads=Cdn([host.strip().lower() for host in env.asset_hosts.split(",")]),
        assets=AssetBucket(_s3(), env.assets_bucket),
        end=_end(env.table_name, env.event_bus_name, env.assets_bucket),
    )


@cache
def end_job() -> EndJob:
    """Build the use case of Fail and OnExecutionEnded."""
    env = settings.EndSettings.read()
    return _end(env.table_name, env.event_bus_name, env.assets_bucket)


def _end(table: str, bus: str, bucket: str) -> EndJob:
    return EndJob(
        jobs=_jobs(table), events=_bus(bus), metrics=_METRICS, now=_now, assets_bucket=bucket
    )


def _jobs(table: str) -> JobTable:
    return JobTable(boto3.client("dynamodb", config=_AWS), table)


def _bus(name: str) -> Bus:
    return Bus(boto3.client("events", config=_AWS), name)


def _s3() -> "S3Client":
    # What is presigned has to name version 4, and the regional host: else botocore signs for the
    # global one, which answers other regions with a redirect that breaks the signature.
    return boto3.client(
        "s3",
        config=_AWS.merge(
            Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, read_timeout=20)
        ),
    )


def _provider(url: str, secret_id: str) -> "WaveSpeed":
    from darkroom.adapters.secrets import ProviderKey
    from darkroom.adapters.wavespeed import WaveSpeed

    key = ProviderKey(boto3.client("secretsmanager", config=_AWS), secret_id)
    return WaveSpeed(url, key)


def _now() -> datetime:
    return datetime.now(UTC)
