"""Build the use cases of the entry points. Each is built once per container, on first use.

Imports are inside the functions, so that each Lambda function loads only its own dependencies.
"""

import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from darkroom import settings
from darkroom.bootstrap import clients

if TYPE_CHECKING:
    from darkroom.adapters.wavespeed.prices import WaveSpeedPrices
    from darkroom.api.resolver import Api
    from darkroom.usecases.authorize import Authorize
    from darkroom.usecases.jobs.budget import Budget
    from darkroom.usecases.jobs.create_job import CreateJob
    from darkroom.usecases.jobs.receive_webhook import ReceiveWebhook
    from darkroom.usecases.jobs.request_job import RequestJob
    from darkroom.usecases.jobs.upload_job import UploadJob


@cache
def request_job() -> "RequestJob":
    """Build the use case of OnRequest."""
    from darkroom.usecases.jobs.request_job import RequestJob

    env = settings.CreateJobSettings.read()
    return RequestJob(
        create_job=create_job(env),
        events=clients.bus(env.event_bus_name),
        metrics=clients.METRICS,
        max_deadline=env.max_deadline_seconds,
    )


@cache
def upload_job() -> "UploadJob":
    """Build the use case of OnUpload."""
    from darkroom.adapters.s3.assets import AssetBucket
    from darkroom.adapters.s3.inbox import InboxBucket
    from darkroom.adapters.s3.presets import PresetDocument
    from darkroom.usecases.jobs.upload_job import UploadJob

    env = settings.OnUploadSettings.read()
    return UploadJob(
        create_job=create_job(env),
        inbox=InboxBucket(clients.s3(), env.inbox_bucket),
        presets=PresetDocument(clients.s3(), env.assets_bucket),
        assets=AssetBucket(clients.s3(), env.assets_bucket),
        events=clients.bus(env.event_bus_name),
        metrics=clients.METRICS,
        now=clients.now,
        max_deadline=env.max_deadline_seconds,
    )


@cache
def receive_webhook() -> "ReceiveWebhook":
    """Build the use case of OnWebhook."""
    from darkroom.adapters.wavespeed.webhook_secrets import WebhookSecrets
    from darkroom.adapters.workflow import StateMachine
    from darkroom.usecases.jobs.receive_webhook import ReceiveWebhook

    env = settings.OnWebhookSettings.read()
    return ReceiveWebhook(
        jobs=clients.jobs(env.table_name),
        workflow=StateMachine(clients.states(), env.state_machine_arn),
        secrets=WebhookSecrets(clients.provider(env.provider_url, env.provider_secret_id)),
        metrics=clients.METRICS,
        now=clients.now,
    )


@cache
def authorize() -> "Authorize":
    """Build the use case of Authorizer."""
    from darkroom.adapters.dynamodb.keys import KeyTable
    from darkroom.usecases.authorize import Authorize

    env = settings.AuthorizerSettings.read()
    keys = KeyTable(clients.dynamodb(), env.table_name)
    return Authorize(keys=keys, now=clients.now)


@cache
def api() -> "Api":
    """Build the HTTP API."""
    from darkroom.adapters.dynamodb.stats import StatsTable
    from darkroom.adapters.s3.batch_files import BatchBucket
    from darkroom.adapters.s3.presets import PresetDocument
    from darkroom.adapters.s3.references import ReferenceStore
    from darkroom.adapters.s3.uploads import UploadBucket
    from darkroom.api.dependencies import Dependencies
    from darkroom.api.resolver import Api
    from darkroom.bootstrap.batches import start_batch
    from darkroom.usecases.batches.find_batches import FindBatches
    from darkroom.usecases.jobs.cancel_job import CancelJob
    from darkroom.usecases.jobs.find_jobs import FindJobs
    from darkroom.usecases.jobs.make_upload import MakeUpload
    from darkroom.usecases.maintenance.read_stats import ReadStats

    env = settings.ApiSettings.read()
    jobs, s3 = clients.jobs(env.table_name), clients.s3()
    find = FindJobs(jobs=jobs, lists=jobs, sleep=time.sleep)
    end = clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket)
    create = create_job(env)
    dependencies = Dependencies(
        create_job=create,
        find=find,
        cancel=CancelJob(find=find, jobs=jobs, end=end, now=clients.now),
        make_upload=MakeUpload(uploads=UploadBucket(s3, env.assets_bucket), now=clients.now),
        start_batch=start_batch(env, create),
        batches=FindBatches(
            batches=clients.batches(env.table_name), now=clients.now, sleep=time.sleep
        ),
        batch_files=BatchBucket(s3, env.assets_bucket),
        read_stats=ReadStats(
            stats=StatsTable(clients.dynamodb(), env.table_name),
            queue=clients.queue(env.table_name),
            now=clients.now,
        ),
        presets=PresetDocument(s3, env.assets_bucket),
        references=ReferenceStore(s3, env.assets_bucket),
        prices=create.prices,  # shares the cache of quotes
        budget=create.budget,
        now=clients.now,
        max_deadline=env.max_deadline_seconds,
        duration_scale=env.duration_scale,
        allowed_origin=env.allowed_origin,
        assets_bucket=env.assets_bucket,
    )
    return Api(dependencies)


def create_job(env: settings.CreateJobSettings) -> "CreateJob":
    """Return the use case behind every entry point."""
    from darkroom.adapters.s3.references import ReferenceStore
    from darkroom.adapters.workflow import StateMachine
    from darkroom.usecases.jobs.create_job import CreateJob

    return CreateJob(
        jobs=clients.jobs(env.table_name),
        references=ReferenceStore(clients.lazy_s3(), env.assets_bucket),
        workflow=StateMachine(clients.states(), env.state_machine_arn),
        prices=_prices(env),
        budget=_budget(env),
        metrics=clients.METRICS,
        now=clients.now,
        default_deadline=env.default_deadline_seconds,
        retention=timedelta(days=env.record_retention_days),
    )


def _prices(env: settings.CreateJobSettings) -> "WaveSpeedPrices":
    from darkroom.adapters.wavespeed.prices import WaveSpeedPrices

    return WaveSpeedPrices(
        env.provider_url, clients.provider_key(env.provider_secret_id), clients.now
    )


def _budget(env: settings.CreateJobSettings) -> "Budget":
    from darkroom.adapters.dynamodb.claims import BudgetTable
    from darkroom.usecases.jobs.budget import Budget

    # 0 means no budget. To spend nothing, turn submission off with the runtime flag.
    cap = round(env.daily_budget_usd * 1_000_000) or None
    return Budget(
        jobs=clients.jobs(env.table_name),
        budgets=BudgetTable(clients.dynamodb(), env.table_name),
        events=clients.bus(env.event_bus_name),
        metrics=clients.METRICS,
        now=clients.now,
        stack_micro_usd=cap,
    )
