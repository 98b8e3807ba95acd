"""AWS and provider clients, and the adapters that several functions share."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from darkroom.adapters.bus import Bus
from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.adapters.dynamodb.queue import QueueTable
from darkroom.observability import PowertoolsMetrics

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

    from darkroom.adapters.dynamodb.batches import BatchTable
    from darkroom.adapters.runtime_flags import ParameterFlags
    from darkroom.adapters.secrets import ProviderKey
    from darkroom.adapters.wavespeed.client import WaveSpeed
    from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker
    from darkroom.usecases.jobs.end_job import EndJob
    from darkroom.usecases.jobs.find_prediction import FindPrediction
    from darkroom.usecases.jobs.store_outputs import StoreOutputs

# At most 3 x 6 seconds per call, plus backoff: below the functions' timeouts, POST included.
_AWS = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)
METRICS = PowertoolsMetrics()


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    return boto3.client("dynamodb", config=_AWS)


@cache
def states() -> "SFNClient":
    """Return the Step Functions client."""
    return boto3.client("stepfunctions", config=_AWS)


@cache
def events() -> "EventBridgeClient":
    """Return the EventBridge client."""
    return boto3.client("events", config=_AWS)


def jobs(table: str) -> JobTable:
    """Return the job records."""
    return JobTable(dynamodb(), table)


def bus(name: str) -> Bus:
    """Return the event bus."""
    return Bus(events(), name)


def batches(table: str) -> "BatchTable":
    """Return the batch records."""
    from darkroom.adapters.dynamodb.batches import BatchTable

    return BatchTable(dynamodb(), table)


@cache
def s3() -> "S3Client":
    """Return the S3 client for all buckets."""
    # Presigned URLs need signature version 4 and the regional host. By default botocore signs for
    # the global host, which redirects to other regions, and the redirect breaks the signature.
    return boto3.client(
        "s3",
        config=_AWS.merge(
            Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, read_timeout=20)
        ),
    )


class _LazyClient:
    """A client that is created on first use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(s3(), name)


def lazy_s3() -> "S3Client":
    """Return an S3 client that is created on first use.

    Few jobs need it, and it takes longer to create than all others.
    """
    return cast("S3Client", _LazyClient())


def provider_key(secret_id: str) -> "ProviderKey":
    """Return the provider's API key."""
    from darkroom.adapters.secrets import ProviderKey

    return ProviderKey(boto3.client("secretsmanager", config=_AWS), secret_id)


def provider(url: str, secret_id: str) -> "WaveSpeed":
    """Return the provider's API."""
    from darkroom.adapters.wavespeed.client import WaveSpeed

    return WaveSpeed(url, provider_key(secret_id))


def flags(prefix: str) -> "ParameterFlags":
    """Return the runtime flags."""
    from darkroom.adapters.runtime_flags import ParameterFlags

    return ParameterFlags(boto3.client("ssm", config=_AWS), prefix)


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def queue(table: str) -> QueueTable:
    """Return the submit queue."""
    return QueueTable(dynamodb(), table)


def end_job(table: str, bus_name: str, bucket: str) -> "EndJob":
    """Return the use case that ends jobs."""
    from darkroom.usecases.jobs.end_job import EndJob

    return EndJob(
        jobs=jobs(table),
        queue=queue(table),
        events=bus(bus_name),
        metrics=METRICS,
        now=now,
        assets_bucket=bucket,
    )


def circuit_breaker(table: str, breaker_seconds: float) -> "CircuitBreaker":
    """Return the use case of the circuit breaker. `breaker_seconds` is its first open period."""
    from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker

    return CircuitBreaker(
        queue=queue(table), metrics=METRICS, now=now, breaker_seconds=breaker_seconds
    )


def find_prediction(table: str, wavespeed: "WaveSpeed") -> "FindPrediction":
    """Return the use case that finds the prediction of an unanswered POST."""
    from darkroom.adapters.dynamodb.claims import ClaimTable
    from darkroom.usecases.jobs.find_prediction import FindPrediction

    claims = ClaimTable(dynamodb(), table)
    return FindPrediction(jobs=jobs(table), claims=claims, provider=wavespeed, now=now)


def store_outputs(table: str, bucket: str, hosts: str) -> "StoreOutputs":
    """Return the use case that copies outputs into the assets bucket.

    `hosts` has the allowed host names of outputs, separated by commas.
    """
    from darkroom.adapters.cdn import Cdn
    from darkroom.adapters.s3.assets import AssetBucket
    from darkroom.usecases.jobs.store_outputs import StoreOutputs

    return StoreOutputs(
        jobs=jobs(table),
        downloads=Cdn([host.strip().lower() for host in hosts.split(",")]),
        assets=AssetBucket(s3(), bucket),
    )
