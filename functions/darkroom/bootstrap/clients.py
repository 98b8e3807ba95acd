"""The clients of AWS and of the provider, and the adapters that more than one function needs."""

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from darkroom.adapters.bus import Bus
from darkroom.adapters.queue_table import QueueTable
from darkroom.adapters.table import JobTable
from darkroom.observability import PowertoolsMetrics

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

    from darkroom.adapters.batch_table import BatchTable
    from darkroom.adapters.runtime_flags import ParameterFlags
    from darkroom.adapters.secrets import ProviderKey
    from darkroom.adapters.wavespeed import WaveSpeed
    from darkroom.usecases.circuit_breaker import CircuitBreaker
    from darkroom.usecases.end_job import EndJob
    from darkroom.usecases.find_prediction import FindPrediction
    from darkroom.usecases.store_outputs import StoreOutputs

# At the worst 3 x 6 seconds a call and its back-off: below the functions' timeouts, POST included.
_AWS = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)
METRICS = PowertoolsMetrics()


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the client of the table."""
    return boto3.client("dynamodb", config=_AWS)


@cache
def states() -> "SFNClient":
    """Return the client of Step Functions."""
    return boto3.client("stepfunctions", config=_AWS)


@cache
def events() -> "EventBridgeClient":
    """Return the client of the bus."""
    return boto3.client("events", config=_AWS)


def jobs(table: str) -> JobTable:
    """Return the records."""
    return JobTable(dynamodb(), table)


def bus(name: str) -> Bus:
    """Return the bus."""
    return Bus(events(), name)


def batches(table: str) -> "BatchTable":
    """Return the records of batches."""
    from darkroom.adapters.batch_table import BatchTable

    return BatchTable(dynamodb(), table)


@cache
def s3() -> "S3Client":
    """Return the client of every bucket."""
    # What is presigned has to name version 4, and the regional host: else botocore signs for the
    # global one, which answers other regions with a redirect that breaks the signature.
    return boto3.client(
        "s3",
        config=_AWS.merge(
            Config(signature_version="s3v4", s3={"addressing_style": "virtual"}, read_timeout=20)
        ),
    )


class _LazyClient:
    """A client that is made when something is first asked of it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(s3(), name)


def lazy_s3() -> "S3Client":
    """Return that client for what few jobs need: it takes longer to make than all others."""
    return cast("S3Client", _LazyClient())


def provider_key(secret_id: str) -> "ProviderKey":
    """Return the provider's key."""
    from darkroom.adapters.secrets import ProviderKey

    return ProviderKey(boto3.client("secretsmanager", config=_AWS), secret_id)


def provider(url: str, secret_id: str) -> "WaveSpeed":
    """Return the provider."""
    from darkroom.adapters.wavespeed import WaveSpeed

    return WaveSpeed(url, provider_key(secret_id))


def flags(prefix: str) -> "ParameterFlags":
    """Return the owner's switches."""
    from darkroom.adapters.runtime_flags import ParameterFlags

    return ParameterFlags(boto3.client("ssm", config=_AWS), prefix)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def queue(table: str) -> QueueTable:
    """Return the line that jobs wait in."""
    return QueueTable(dynamodb(), table)


def end_job(table: str, bus_name: str, bucket: str) -> "EndJob":
    """Return the use case in which every job ends."""
    from darkroom.usecases.end_job import EndJob

    return EndJob(
        jobs=jobs(table),
        queue=queue(table),
        events=bus(bus_name),
        metrics=METRICS,
        now=now,
        assets_bucket=bucket,
    )


def circuit_breaker(table: str, breaker_seconds: float) -> "CircuitBreaker":
    """Return what tells the breaker."""
    from darkroom.usecases.circuit_breaker import CircuitBreaker

    return CircuitBreaker(
        queue=queue(table), metrics=METRICS, now=now, breaker_seconds=breaker_seconds
    )


def find_prediction(table: str, of: "WaveSpeed") -> "FindPrediction":
    """Return what looks for the prediction of an unanswered POST."""
    from darkroom.adapters.claims import ClaimTable
    from darkroom.usecases.find_prediction import FindPrediction

    claims = ClaimTable(dynamodb(), table)
    return FindPrediction(jobs=jobs(table), claims=claims, provider=of, now=now)


def store_outputs(table: str, bucket: str, hosts: str) -> "StoreOutputs":
    """Return what copies outputs into the assets bucket."""
    from darkroom.adapters.assets import AssetBucket
    from darkroom.adapters.cdn import Cdn
    from darkroom.usecases.store_outputs import StoreOutputs

    return StoreOutputs(
        jobs=jobs(table),
        downloads=Cdn([host.strip().lower() for host in hosts.split(",")]),
        assets=AssetBucket(s3(), bucket),
    )
