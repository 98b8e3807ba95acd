"""The ports on AWS and at the provider. Each client and adapter is created on first use.

Imports are inside the properties, so that each Lambda function loads only its own dependencies.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from darkroom.observability import (
    PowertoolsMetrics,
    log_failed_quote,
    log_lost_entry,
    log_stale_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

    from darkroom import ports
    from darkroom.adapters.provider_key import ProviderKey
    from darkroom.adapters.quote_function import QuoteFunction
    from darkroom.adapters.s3.audit_archive import AuditArchive
    from darkroom.adapters.wavespeed.client import WaveSpeed
    from darkroom.settings import Settings

# At most 3 x 6 seconds per call, plus backoff: below the functions' timeouts, POST included.
_AWS = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)
# A cold start, and at most five seconds of the provider. The published prices replace a late quote.
_QUOTES = Config(connect_timeout=1, read_timeout=6, retries={"total_max_attempts": 1})
# The provider's list has 2 MB. API Gateway waits for 29 seconds.
_MODELS = Config(connect_timeout=1, read_timeout=24, retries={"total_max_attempts": 1})


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def s3_client() -> S3Client:
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

    def __init__(self, create: Callable[[], object]) -> None:
        self._create = create

    def __getattr__(self, name: str) -> Any:
        return getattr(self._create(), name)


class AwsPorts:
    """The ports of a Lambda function. The arguments replace the system's clocks in tests."""

    def __init__(
        self,
        settings: Settings,
        now: ports.Clock = utc_now,
        sleep: ports.Sleep = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._table = settings.table_name
        self._assets_bucket = settings.assets_bucket
        self.now = now
        self.sleep = sleep
        self.monotonic = monotonic
        self.metrics: ports.Metrics = PowertoolsMetrics()

    # The table

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        return boto3.client("dynamodb", config=_AWS)

    @cached_property
    def jobs(self) -> ports.Jobs:
        """The job records."""
        from darkroom.adapters.dynamodb.jobs import JobTable

        return JobTable(self._dynamodb, self._table)

    @cached_property
    def queue(self) -> ports.SubmitQueue:
        """The submit queue."""
        from darkroom.adapters.dynamodb.queue import QueueTable

        return QueueTable(self._dynamodb, self._table)

    @cached_property
    def claims(self) -> ports.Claims:
        """The claims of predictions."""
        from darkroom.adapters.dynamodb.jobs import ClaimTable

        return ClaimTable(self._dynamodb, self._table)

    @cached_property
    def contents(self) -> ports.Contents:
        """The newest job for each content."""
        from darkroom.adapters.dynamodb.contents import ContentTable

        return ContentTable(self._dynamodb, self._table)

    @cached_property
    def budgets(self) -> ports.Budgets:
        """The daily budgets."""
        from darkroom.adapters.dynamodb.jobs import BudgetTable

        return BudgetTable(self._dynamodb, self._table)

    @cached_property
    def batches(self) -> ports.Batches:
        """The batch records."""
        from darkroom.adapters.dynamodb.batches import BatchTable

        return BatchTable(self._dynamodb, self._table)

    @cached_property
    def stats(self) -> ports.Stats:
        """The statistics."""
        from darkroom.adapters.dynamodb.stats import StatsTable

        return StatsTable(self._dynamodb, self._table)

    @cached_property
    def keys(self) -> ports.Keys:
        """The API keys."""
        from darkroom.adapters.dynamodb.keys import KeyTable

        return KeyTable(self._dynamodb, self._table)

    @cached_property
    def audited_settings(self) -> ports.AuditedSettings:
        """The settings as of their last audit entries."""
        from darkroom.adapters.dynamodb.audited_settings import AuditedSettingsTable

        return AuditedSettingsTable(self._dynamodb, self._table)

    @cached_property
    def request_counter(self) -> ports.RequestCounter:
        """The requests of each API key."""
        from darkroom.adapters.dynamodb.keys import RequestCountTable

        return RequestCountTable(self._dynamodb, self._table)

    @cached_property
    def callback_secrets(self) -> ports.CallbackSecretStore:
        """What the secrets of callbacks are derived from."""
        from darkroom.adapters.dynamodb.callback_secrets import CallbackSecretTable

        client = boto3.client("secretsmanager", config=_AWS)
        secret_id = self._settings.callback_secret_id
        return CallbackSecretTable(
            self._dynamodb, self._table, client, secret_id, self.now, log_stale_value
        )

    # The buckets

    @cached_property
    def _s3(self) -> S3Client:
        return s3_client()

    @cached_property
    def references(self) -> ports.References:
        """The reference images.

        Few jobs have any, and the S3 client takes longer to create than all others: it is created
        with the first reference.
        """
        from darkroom.adapters.s3.references import ReferenceStore

        client = cast("S3Client", _LazyClient(lambda: self._s3))
        return ReferenceStore(client, self._assets_bucket)

    @cached_property
    def assets(self) -> ports.Assets:
        """The assets bucket."""
        from darkroom.adapters.s3.assets import AssetBucket

        return AssetBucket(self._s3, self._assets_bucket)

    @cached_property
    def versions(self) -> ports.Versions:
        """The versions of objects in both buckets."""
        from darkroom.adapters.s3.versions import ObjectVersions

        return ObjectVersions(self._s3, self._assets_bucket)

    @cached_property
    def inbox(self) -> ports.Inbox:
        """The inbox bucket."""
        from darkroom.adapters.s3.inbox import InboxBucket

        return InboxBucket(self._s3, self._settings.inbox_bucket)

    @cached_property
    def waiting(self) -> ports.WaitingUploads:
        """The uploads that wait for their references."""
        from darkroom.adapters.s3.waiting import WaitingFolder

        return WaitingFolder(self._s3, self._assets_bucket)

    @cached_property
    def inbox_notes(self) -> ports.InboxNotes:
        """The notes about uploads of the inbox."""
        from darkroom.adapters.s3.inbox_notes import NotesFolder

        return NotesFolder(self._s3, self._assets_bucket)

    @cached_property
    def presets(self) -> ports.PresetStore:
        """The presets in the assets bucket."""
        from darkroom.adapters.s3.presets import PresetDocument

        return PresetDocument(self._s3, self._assets_bucket)

    @cached_property
    def batch_files(self) -> ports.BatchFiles:
        """The files of batches in the assets bucket."""
        from darkroom.adapters.s3.batch_files import BatchBucket

        return BatchBucket(self._s3, self._assets_bucket)

    @cached_property
    def zips(self) -> ports.Zips:
        """The zip files of batches in the assets bucket."""
        from darkroom.adapters.s3.zips import ZipBucket

        return ZipBucket(self._s3, self._assets_bucket)

    @cached_property
    def zip_function(self) -> ports.ZipFunction:
        """The function that writes zip files."""
        from darkroom.adapters.zip_function import AsyncZipFunction

        # Few requests start one: the client is created with the first.
        client = cast("LambdaClient", _LazyClient(lambda: boto3.client("lambda", config=_AWS)))
        return AsyncZipFunction(client, self._settings.zip_function)

    @cached_property
    def audit_archive(self) -> AuditArchive:
        """The bucket with the archive of the audit log."""
        from darkroom.adapters.s3.audit_archive import AuditArchive

        return AuditArchive(self._s3, self._settings.audit_bucket)

    # The provider

    @cached_property
    def _provider_key(self) -> ProviderKey:
        from darkroom.adapters.provider_key import ProviderKey

        client = boto3.client("secretsmanager", config=_AWS)
        secret_id = self._settings.provider_secret_id
        return ProviderKey(client, secret_id, self.now, log_stale_value)

    @cached_property
    def _wavespeed(self) -> WaveSpeed:
        from darkroom.adapters.wavespeed.client import WaveSpeed

        return WaveSpeed(self._settings.provider_url, self._provider_key)

    @cached_property
    def provider(self) -> ports.Provider:
        """The provider's API."""
        return self._wavespeed

    @cached_property
    def webhook_secrets(self) -> ports.Secrets:
        """The signing secrets of webhooks."""
        from darkroom.adapters.wavespeed.webhook_secrets import WebhookSecrets

        return WebhookSecrets(self._wavespeed, self.monotonic)

    @cached_property
    def quotes(self) -> ports.Quotes:
        """The provider's quotes. Only QuoteFunction requests them directly."""
        from darkroom.adapters.wavespeed.quotes import WaveSpeedQuotes

        return WaveSpeedQuotes(self._settings.provider_url, self._provider_key, self.now)

    @cached_property
    def prices(self) -> ports.Prices:
        """The prices of jobs. Their quotes come from QuoteFunction."""
        from darkroom.adapters.prices import QuotedPrices

        return QuotedPrices(self._quote_function(_QUOTES), self.now)

    @cached_property
    def models(self) -> ports.Models:
        """The provider's models, from QuoteFunction."""
        from darkroom.adapters.quote_function import FunctionModels

        return FunctionModels(self._quote_function(_MODELS), self.now)

    def _quote_function(self, config: Config) -> QuoteFunction:
        from darkroom.adapters.quote_function import QuoteFunction

        client = boto3.client("lambda", config=_AWS.merge(config))
        return QuoteFunction(client, self._settings.quote_function, log_failed_quote)

    @cached_property
    def stored_models(self) -> ports.Models:
        """The provider's models. Only QuoteFunction reads them directly."""
        from darkroom.adapters.s3.stored_models import StoredModels
        from darkroom.adapters.wavespeed.models import WaveSpeedModels

        source = WaveSpeedModels(self._settings.provider_url, self._provider_key, self.now)
        return StoredModels(source, self._s3, self._assets_bucket, self.now, log_stale_value)

    @cached_property
    def billing(self) -> ports.Billing:
        """The provider's billing."""
        from darkroom.adapters.wavespeed.billing import WaveSpeedBilling

        return WaveSpeedBilling(self._settings.provider_url, self._provider_key, sleep=self.sleep)

    @cached_property
    def downloads(self) -> ports.Downloads:
        """Downloads of outputs from the provider's CDN."""
        from darkroom.adapters.cdn import Cdn

        return Cdn([host.strip().lower() for host in self._settings.asset_hosts.split(",")])

    # Callbacks

    @cached_property
    def callback_receivers(self) -> ports.CallbackReceivers:
        """The HTTP servers of callers."""
        from darkroom.adapters.callback_receivers import HttpReceivers

        return HttpReceivers(allows_local=self._settings.local_callbacks)

    @cached_property
    def callback_queue(self) -> ports.CallbackQueue:
        """The queue of callbacks."""
        from darkroom.adapters.callback_queue import SqsCallbackQueue

        client = boto3.client("sqs", config=_AWS)
        return SqsCallbackQueue(client, self._settings.callback_queue)

    # Other services

    @cached_property
    def _states(self) -> SFNClient:
        return boto3.client("stepfunctions", config=_AWS)

    @cached_property
    def workflow(self) -> ports.Workflow:
        """The executions of jobs."""
        from darkroom.adapters.workflow import StateMachine

        return StateMachine(self._states, self._settings.state_machine_arn)

    @cached_property
    def batch_workflow(self) -> ports.Workflow:
        """The executions of batches."""
        from darkroom.adapters.workflow import StateMachine

        return StateMachine(self._states, self._settings.batch_state_machine_arn, "batch_id")

    @cached_property
    def events(self) -> ports.Events:
        """The event bus."""
        from darkroom.adapters.event_bus import EventBus

        return EventBus(boto3.client("events", config=_AWS), self._settings.event_bus_name)

    @cached_property
    def _logs(self) -> CloudWatchLogsClient:
        return boto3.client("logs", config=_AWS)

    @cached_property
    def audit(self) -> ports.Audit:
        """The audit log. Most runs record nothing: the client is created with the first entry."""
        from darkroom.adapters.audit_log import AuditLog

        client = cast("CloudWatchLogsClient", _LazyClient(lambda: self._logs))

        def report(entry: dict[str, Any], error: Exception) -> None:
            log_lost_entry(entry, error)
            self.metrics.count("AuditFailed")

        return AuditLog(client, self._settings.audit_log, report)

    @cached_property
    def flag_store(self) -> ports.FlagStore:
        """The runtime flags."""
        from darkroom.adapters.runtime_flags import ParameterFlags

        client, prefix = boto3.client("ssm", config=_AWS), self._settings.runtime_flags
        return ParameterFlags(client, prefix, self.now, log_stale_value)
