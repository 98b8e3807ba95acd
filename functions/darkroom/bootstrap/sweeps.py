"""Build the use cases of schedules and bus rules, each once per container, on first use.

Imports are inside the functions, so that each Lambda function loads only its own dependencies.
"""

from functools import cache
from typing import TYPE_CHECKING

from darkroom import settings
from darkroom.bootstrap import clients

if TYPE_CHECKING:
    from darkroom.usecases.maintenance.reconcile_billing import ReconcileBilling
    from darkroom.usecases.maintenance.record_stats import RecordStats
    from darkroom.usecases.maintenance.sweep_batches import SweepBatches
    from darkroom.usecases.maintenance.sweep_jobs import SweepJobs


@cache
def sweep_jobs() -> "SweepJobs":
    """Build the use case of Sweep for jobs."""
    from darkroom.adapters.workflow import StateMachine
    from darkroom.usecases.jobs.recover_job import RecoverJob
    from darkroom.usecases.maintenance.sweep_jobs import SweepJobs

    env = settings.SweepSettings.read()
    jobs = clients.jobs(env.table_name)
    provider = clients.provider(env.provider_url, env.provider_secret_id)
    recover = RecoverJob(
        jobs=jobs,
        find=clients.find_prediction(env.table_name, provider),
        provider=provider,
        store_outputs=clients.store_outputs(env.table_name, env.assets_bucket, env.asset_hosts),
        events=clients.bus(env.event_bus_name),
        metrics=clients.METRICS,
        now=clients.now,
        assets_bucket=env.assets_bucket,
    )
    return SweepJobs(
        jobs=jobs,
        lists=jobs,
        queue=clients.queue(env.table_name),
        workflow=StateMachine(clients.states(), env.state_machine_arn),
        end=clients.end_job(env.table_name, env.event_bus_name, env.assets_bucket),
        recover=recover,
        metrics=clients.METRICS,
        now=clients.now,
    )


@cache
def sweep_batches() -> "SweepBatches":
    """Build the use case of Sweep for batches."""
    from darkroom.adapters.workflow import BatchMachine
    from darkroom.bootstrap.batches import end_batch
    from darkroom.usecases.maintenance.sweep_batches import SweepBatches

    env = settings.SweepSettings.read()
    return SweepBatches(
        batches=clients.batches(env.table_name),
        workflow=BatchMachine(clients.states(), env.batch_state_machine_arn, env.assets_bucket),
        end=end_batch(env.table_name, env.event_bus_name, env.assets_bucket),
        metrics=clients.METRICS,
        now=clients.now,
    )


@cache
def record_stats() -> "RecordStats":
    """Build the use case of RecordStats."""
    from darkroom.adapters.dynamodb.stats import StatsTable
    from darkroom.usecases.maintenance.record_stats import RecordStats

    env = settings.RecordStatsSettings.read()
    return RecordStats(
        jobs=clients.jobs(env.table_name),
        stats=StatsTable(clients.dynamodb(), env.table_name),
    )


@cache
def reconcile_billing() -> "ReconcileBilling":
    """Build the use case of Reconcile."""
    from darkroom.adapters.dynamodb.claims import ClaimTable
    from darkroom.adapters.s3.assets import AssetBucket
    from darkroom.adapters.wavespeed.billing import WaveSpeedBilling
    from darkroom.usecases.maintenance.reconcile_billing import ReconcileBilling

    env = settings.ReconcileSettings.read()
    key = clients.provider_key(env.provider_secret_id)
    return ReconcileBilling(
        lists=clients.jobs(env.table_name),
        claims=ClaimTable(clients.dynamodb(), env.table_name),
        billing=WaveSpeedBilling(env.provider_url, key),
        assets=AssetBucket(clients.s3(), env.assets_bucket),
        metrics=clients.METRICS,
        now=clients.now,
    )
