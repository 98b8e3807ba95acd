"""Composition root: builds each use case from the settings and the ports, once, on first use.

Imports are inside the properties, so that each Lambda function loads only its own dependencies.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from darkroom.settings import Settings

if TYPE_CHECKING:
    from darkroom.aws import AwsPorts
    from darkroom.domain.pricing import UnknownPrices
    from darkroom.usecases.authorize import Authorize
    from darkroom.usecases.batches.collect_batch import CollectBatch
    from darkroom.usecases.batches.create_rows import CreateRows
    from darkroom.usecases.batches.end_batch import EndBatch
    from darkroom.usecases.batches.find_batches import FindBatches
    from darkroom.usecases.batches.request_zips import RequestZips
    from darkroom.usecases.batches.start_batch import StartBatch
    from darkroom.usecases.batches.zip_batch import ZipBatch
    from darkroom.usecases.callbacks.read_callback_secrets import ReadCallbackSecrets
    from darkroom.usecases.callbacks.rotate_callback_secret import RotateCallbackSecret
    from darkroom.usecases.callbacks.send_callback import SendCallback
    from darkroom.usecases.jobs.acquire_slot import AcquireSlot
    from darkroom.usecases.jobs.budget import Budget
    from darkroom.usecases.jobs.cancel_job import CancelJob
    from darkroom.usecases.jobs.check_job import CheckJob
    from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker
    from darkroom.usecases.jobs.continue_chain import ContinueChain
    from darkroom.usecases.jobs.create_job import CreateJob
    from darkroom.usecases.jobs.end_chain import EndChain
    from darkroom.usecases.jobs.end_job import EndJob
    from darkroom.usecases.jobs.erase_job import EraseJob
    from darkroom.usecases.jobs.finalize_job import FinalizeJob
    from darkroom.usecases.jobs.find_jobs import FindJobs
    from darkroom.usecases.jobs.find_models import FindModels
    from darkroom.usecases.jobs.find_prediction import FindPrediction
    from darkroom.usecases.jobs.hide_job import HideJob
    from darkroom.usecases.jobs.label_job import LabelJob
    from darkroom.usecases.jobs.make_upload import MakeUpload
    from darkroom.usecases.jobs.note_outcome import NoteOutcome
    from darkroom.usecases.jobs.poll_prediction import PollPrediction
    from darkroom.usecases.jobs.read_chain import ReadChain
    from darkroom.usecases.jobs.read_queue import ReadQueue
    from darkroom.usecases.jobs.receive_webhook import ReceiveWebhook
    from darkroom.usecases.jobs.recover_job import RecoverJob
    from darkroom.usecases.jobs.request_job import RequestJob
    from darkroom.usecases.jobs.resume_chain import ResumeChain
    from darkroom.usecases.jobs.reuse_job import ReuseJob
    from darkroom.usecases.jobs.share_job import ShareJob
    from darkroom.usecases.jobs.store_outputs import StoreOutputs
    from darkroom.usecases.jobs.store_upload import StoreUpload
    from darkroom.usecases.jobs.submit_job import SubmitJob
    from darkroom.usecases.jobs.upload_job import UploadJob
    from darkroom.usecases.keys.change_budget import ChangeBudget
    from darkroom.usecases.keys.create_key import CreateKey
    from darkroom.usecases.keys.limit_requests import LimitRequests
    from darkroom.usecases.keys.list_keys import ListKeys
    from darkroom.usecases.keys.revoke_key import RevokeKey
    from darkroom.usecases.maintenance.audit_settings import AuditSettings
    from darkroom.usecases.maintenance.read_stats import ReadStats
    from darkroom.usecases.maintenance.reconcile_billing import ReconcileBilling
    from darkroom.usecases.maintenance.record_stats import RecordStats
    from darkroom.usecases.maintenance.sweep_batches import SweepBatches
    from darkroom.usecases.maintenance.sweep_jobs import SweepJobs
    from darkroom.usecases.maintenance.sweep_keys import SweepKeys
    from darkroom.usecases.maintenance.sweep_uploads import SweepUploads
    from darkroom.usecases.settings.change_presets import ChangePresets
    from darkroom.usecases.settings.switch_submits import SwitchSubmits

# Seconds that the circuit breaker first stays open.
BREAKER_SECONDS = 30


@cache
def app() -> App:
    """Return the app of this Lambda function."""
    from darkroom.aws import AwsPorts

    settings = Settings.read()
    return App(settings, AwsPorts(settings))


class App:
    """The use cases. Tests replace `AwsPorts` by an object with the same attributes in memory."""

    def __init__(self, settings: Settings, ports: AwsPorts) -> None:
        self.settings = settings
        self.ports = ports

    # Entry points

    @cached_property
    def create_job(self) -> CreateJob:
        """Creates and starts jobs, for every entry point."""
        from darkroom.usecases.jobs.create_job import CreateJob
        from darkroom.usecases.jobs.read_references import ReadReferences

        return CreateJob(
            jobs=self.ports.jobs,
            references=ReadReferences(self.ports.references),
            workflow=self.ports.workflow,
            prices=self.ports.prices,
            budget=self.budget,
            reuse=self.reuse_job,
            end=self.end_job,
            metrics=self.ports.metrics,
            audit=self.ports.audit,
            now=self.ports.now,
            retention=timedelta(days=self.settings.record_retention_days),
            unknown_prices=self._unknown_prices,
            local_callbacks=self.settings.local_callbacks,
        )

    @cached_property
    def find_models(self) -> FindModels:
        """Finds the models that a caller may use."""
        from darkroom.usecases.jobs.find_models import FindModels

        return FindModels(models=self.ports.models, unknown_prices=self._unknown_prices)

    @cached_property
    def _unknown_prices(self) -> UnknownPrices:
        from darkroom.domain.pricing import UnknownPrices

        return UnknownPrices(self.settings.unknown_prices)

    @cached_property
    def reuse_job(self) -> ReuseJob:
        """Gives new jobs the outputs of identical earlier ones."""
        from darkroom.usecases.jobs.reuse_job import ReuseJob

        return ReuseJob(
            jobs=self.ports.jobs,
            contents=self.ports.contents,
            references=self.ports.references,
            end=self.end_job,
            now=self.ports.now,
        )

    @cached_property
    def budget(self) -> Budget:
        """Reserves the prices of jobs in daily budgets."""
        from darkroom.usecases.jobs.budget import Budget

        return Budget(
            jobs=self.ports.jobs,
            budgets=self.ports.budgets,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
            # 0 means no budget. To spend nothing, turn submission off with the runtime flag.
            stack_micro_usd=round(self.settings.daily_budget_usd * 1_000_000) or None,
        )

    @cached_property
    def request_job(self) -> RequestJob:
        """Creates jobs from JobRequested events."""
        from darkroom.usecases.jobs.request_job import RequestJob

        return RequestJob(
            create_job=self.create_job,
            events=self.ports.events,
            metrics=self.ports.metrics,
        )

    @cached_property
    def upload_job(self) -> UploadJob:
        """Creates jobs from uploads to the inbox bucket."""
        from darkroom.usecases.jobs.upload_job import UploadJob

        return UploadJob(
            create_job=self.create_job,
            resume_chain=self.resume_chain,
            jobs=self.ports.jobs,
            references=self.ports.references,
            inbox=self.ports.inbox,
            waiting=self.ports.waiting,
            presets=self.ports.presets,
            assets=self.ports.assets,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def note_outcome(self) -> NoteOutcome:
        """Notes the outcomes of uploads' jobs."""
        from darkroom.usecases.jobs.note_outcome import NoteOutcome

        return NoteOutcome(
            jobs=self.ports.jobs,
            read_chain=self.read_chain,
            inbox=self.ports.inbox,
            assets=self.ports.assets,
            now=self.ports.now,
        )

    @cached_property
    def receive_webhook(self) -> ReceiveWebhook:
        """Verifies webhooks and ends the wait of their job."""
        from darkroom.usecases.jobs.receive_webhook import ReceiveWebhook

        return ReceiveWebhook(
            jobs=self.ports.jobs,
            workflow=self.ports.workflow,
            secrets=self.ports.webhook_secrets,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def authorize(self) -> Authorize:
        """Verifies API keys."""
        from darkroom.usecases.authorize import Authorize

        return Authorize(
            keys=self.ports.keys,
            audit=self.ports.audit,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def revoke_key(self) -> RevokeKey:
        """Revokes API keys."""
        from darkroom.usecases.keys.revoke_key import RevokeKey

        return RevokeKey(keys=self.ports.keys, audit=self.ports.audit, now=self.ports.now)

    @cached_property
    def limit_requests(self) -> LimitRequests:
        """Limits the requests of each API key."""
        from darkroom.usecases.keys.limit_requests import LimitRequests

        return LimitRequests(
            counter=self.ports.request_counter,
            now=self.ports.now,
            per_minute=self.settings.requests_per_minute,
        )

    @cached_property
    def create_key(self) -> CreateKey:
        """Creates API keys."""
        from darkroom.usecases.keys.create_key import CreateKey

        return CreateKey(
            keys=self.ports.keys,
            budgets=self.ports.budgets,
            audit=self.ports.audit,
            now=self.ports.now,
            local_callbacks=self.settings.local_callbacks,
        )

    @cached_property
    def list_keys(self) -> ListKeys:
        """Lists API keys."""
        from darkroom.usecases.keys.list_keys import ListKeys

        return ListKeys(keys=self.ports.keys, budgets=self.ports.budgets, now=self.ports.now)

    @cached_property
    def change_budget(self) -> ChangeBudget:
        """Changes the daily budgets of callers."""
        from darkroom.usecases.keys.change_budget import ChangeBudget

        return ChangeBudget(
            keys=self.ports.keys,
            budgets=self.ports.budgets,
            audit=self.ports.audit,
            now=self.ports.now,
        )

    @cached_property
    def change_presets(self) -> ChangePresets:
        """Stores and lists versions of the presets."""
        from darkroom.usecases.settings.change_presets import ChangePresets

        return ChangePresets(
            presets=self.ports.presets,
            settings=self.ports.audited_settings,
            audit=self.ports.audit,
            now=self.ports.now,
        )

    @cached_property
    def switch_submits(self) -> SwitchSubmits:
        """Pauses and resumes submission."""
        from darkroom.usecases.settings.switch_submits import SwitchSubmits

        return SwitchSubmits(
            flag_store=self.ports.flag_store,
            settings=self.ports.audited_settings,
            audit=self.ports.audit,
            now=self.ports.now,
        )

    @cached_property
    def find_jobs(self) -> FindJobs:
        """Reads the jobs of a caller."""
        from darkroom.usecases.jobs.find_jobs import FindJobs

        return FindJobs(
            jobs=self.ports.jobs,
            read_chain=self.read_chain,
            sleep=self.ports.sleep,
            monotonic=self.ports.monotonic,
        )

    @cached_property
    def cancel_job(self) -> CancelJob:
        """Cancels jobs."""
        from darkroom.usecases.jobs.cancel_job import CancelJob

        return CancelJob(
            find=self.find_jobs,
            jobs=self.ports.jobs,
            end=self.end_job,
            end_chain=self.end_chain,
            audit=self.ports.audit,
            now=self.ports.now,
        )

    # Chains

    @cached_property
    def read_chain(self) -> ReadChain:
        """Reads the state of chains."""
        from darkroom.usecases.jobs.read_chain import ReadChain

        return ReadChain(jobs=self.ports.jobs)

    @cached_property
    def continue_chain(self) -> ContinueChain:
        """Starts the next steps of chains."""
        from darkroom.usecases.jobs.continue_chain import ContinueChain

        return ContinueChain(
            jobs=self.ports.jobs,
            read=self.read_chain,
            end=self.end_chain,
            workflow=self.ports.workflow,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def end_chain(self) -> EndChain:
        """Ends chains and publishes their terminal events."""
        from darkroom.usecases.jobs.end_chain import EndChain

        return EndChain(
            jobs=self.ports.jobs,
            read=self.read_chain,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def resume_chain(self) -> ResumeChain:
        """Reopens chains that have failed."""
        from darkroom.usecases.jobs.resume_chain import ResumeChain

        return ResumeChain(
            find=self.find_jobs,
            jobs=self.ports.jobs,
            read=self.read_chain,
            budget=self.budget,
            continue_chain=self.continue_chain,
            audit=self.ports.audit,
            now=self.ports.now,
        )

    @cached_property
    def hide_job(self) -> HideJob:
        """Hides jobs from lists."""
        from darkroom.usecases.jobs.hide_job import HideJob

        return HideJob(
            find=self.find_jobs, cancel=self.cancel_job, jobs=self.ports.jobs, now=self.ports.now
        )

    @cached_property
    def label_job(self) -> LabelJob:
        """Marks jobs as favorites, and changes their tags."""
        from darkroom.usecases.jobs.label_job import LabelJob

        return LabelJob(find=self.find_jobs, jobs=self.ports.jobs)

    @cached_property
    def share_job(self) -> ShareJob:
        """Creates, withdraws and opens links to jobs."""
        from darkroom.usecases.jobs.share_job import ShareJob

        return ShareJob(
            find=self.find_jobs, jobs=self.ports.jobs, audit=self.ports.audit, now=self.ports.now
        )

    @cached_property
    def make_upload(self) -> MakeUpload:
        """Presigns uploads of reference images and batch files."""
        from darkroom.usecases.jobs.make_upload import MakeUpload

        return MakeUpload(references=self.ports.references, now=self.ports.now)

    @cached_property
    def store_upload(self) -> StoreUpload:
        """Stores uploads from the bodies of requests."""
        from darkroom.usecases.jobs.store_upload import StoreUpload

        return StoreUpload(references=self.ports.references)

    @cached_property
    def read_queue(self) -> ReadQueue:
        """Reads the places of queued jobs, and why jobs wait."""
        from darkroom.domain.submit_queue import RateLimit
        from darkroom.usecases.jobs.read_queue import ReadQueue

        return ReadQueue(
            queue=self.ports.queue,
            flag_store=self.ports.flag_store,
            now=self.ports.now,
            rate_limit=RateLimit(self.settings.images_per_minute, self.settings.jobs_in_flight),
            scale=self.settings.duration_scale,
        )

    @cached_property
    def read_stats(self) -> ReadStats:
        """Reads the statistics."""
        from darkroom.usecases.maintenance.read_stats import ReadStats

        return ReadStats(stats=self.ports.stats, read_queue=self.read_queue, now=self.ports.now)

    # Steps of a job

    @cached_property
    def submit_job(self) -> SubmitJob:
        """Submits jobs to the provider."""
        from darkroom.usecases.jobs.submit_job import SubmitJob

        return SubmitJob(
            jobs=self.ports.jobs,
            references=self.ports.references,
            provider=self.ports.provider,
            acquire=self.acquire_slot,
            breaker=self.circuit_breaker,
            find=self.find_prediction,
            reuse=self.reuse_job,
            flag_store=self.ports.flag_store,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
            max_queue=timedelta(seconds=self.settings.max_queue_seconds),
            duration_scale=self.settings.duration_scale,
            resubmits=self.settings.ambiguous_submit == "resubmit",
        )

    @cached_property
    def acquire_slot(self) -> AcquireSlot:
        """Returns when a job may be submitted."""
        from darkroom.domain.submit_queue import RateLimit
        from darkroom.usecases.jobs.acquire_slot import AcquireSlot
        from darkroom.usecases.jobs.expect_duration import ExpectDuration

        return AcquireSlot(
            jobs=self.ports.jobs,
            queue=self.ports.queue,
            metrics=self.ports.metrics,
            now=self.ports.now,
            sleep=self.ports.sleep,
            rate_limit=RateLimit(self.settings.images_per_minute, self.settings.jobs_in_flight),
            expect=ExpectDuration(self.ports.stats, self.ports.now, self.settings.duration_scale),
        )

    @cached_property
    def circuit_breaker(self) -> CircuitBreaker:
        """Pauses submission while the provider accepts no jobs."""
        from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker

        return CircuitBreaker(
            queue=self.ports.queue,
            metrics=self.ports.metrics,
            now=self.ports.now,
            breaker_seconds=BREAKER_SECONDS * self.settings.duration_scale,
        )

    @cached_property
    def find_prediction(self) -> FindPrediction:
        """Finds the prediction of a POST without a response."""
        from darkroom.usecases.jobs.find_prediction import FindPrediction

        return FindPrediction(
            jobs=self.ports.jobs,
            claims=self.ports.claims,
            provider=self.ports.provider,
            now=self.ports.now,
        )

    @cached_property
    def check_job(self) -> CheckJob:
        """Polls the prediction of a job."""
        from darkroom.usecases.jobs.check_job import CheckJob

        return CheckJob(
            jobs=self.ports.jobs,
            poll=self.poll_prediction,
            now=self.ports.now,
            sleep=self.ports.sleep,
            check_poll_seconds=self.settings.check_poll_seconds,
        )

    @cached_property
    def poll_prediction(self) -> PollPrediction:
        """Polls predictions once."""
        from darkroom.usecases.jobs.poll_prediction import PollPrediction

        return PollPrediction(
            jobs=self.ports.jobs,
            provider=self.ports.provider,
            breaker=self.circuit_breaker,
            metrics=self.ports.metrics,
            now=self.ports.now,
            duration_scale=self.settings.duration_scale,
        )

    @cached_property
    def finalize_job(self) -> FinalizeJob:
        """Stores the outputs of a prediction and completes its job."""
        from darkroom.usecases.jobs.finalize_job import FinalizeJob

        return FinalizeJob(
            jobs=self.ports.jobs,
            poll=self.poll_prediction,
            store_outputs=self.store_outputs,
            metrics=self.ports.metrics,
            end=self.end_job,
        )

    @cached_property
    def store_outputs(self) -> StoreOutputs:
        """Copies outputs to the assets bucket."""
        from darkroom.usecases.jobs.store_outputs import StoreOutputs

        return StoreOutputs(
            jobs=self.ports.jobs, downloads=self.ports.downloads, assets=self.ports.assets
        )

    @cached_property
    def end_job(self) -> EndJob:
        """Ends jobs and publishes their terminal events."""
        from darkroom.usecases.jobs.end_job import EndJob

        return EndJob(
            jobs=self.ports.jobs,
            queue=self.ports.queue,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
            assets_bucket=self.settings.assets_bucket,
        )

    @cached_property
    def erase_job(self) -> EraseJob:
        """Erases the content of ended jobs."""
        from darkroom.usecases.jobs.erase_job import EraseJob

        return EraseJob(
            find=self.find_jobs,
            jobs=self.ports.jobs,
            batches=self.ports.batches,
            files=self.ports.batch_files,
            references=self.ports.references,
            assets=self.ports.assets,
            versions=self.ports.versions,
            provider=self.ports.provider,
            end=self.end_job,
            read_chain=self.read_chain,
            end_chain=self.end_chain,
            audit=self.ports.audit,
            now=self.ports.now,
            assets_bucket=self.settings.assets_bucket,
        )

    # Callbacks

    @cached_property
    def send_callback(self) -> SendCallback:
        """Posts terminal events to the URLs that requests name."""
        from darkroom.usecases.callbacks.send_callback import SendCallback

        return SendCallback(
            jobs=self.ports.jobs,
            chains=self.read_chain,
            receivers=self.ports.callback_receivers,
            references=self.ports.references,
            secrets=self.read_callback_secrets,
            metrics=self.ports.metrics,
            now=self.ports.now,
            assets_bucket=self.settings.assets_bucket,
        )

    @cached_property
    def read_callback_secrets(self) -> ReadCallbackSecrets:
        """Reads the secrets that sign callbacks."""
        from darkroom.usecases.callbacks.read_callback_secrets import ReadCallbackSecrets

        return ReadCallbackSecrets(store=self.ports.callback_secrets, now=self.ports.now)

    @cached_property
    def rotate_callback_secret(self) -> RotateCallbackSecret:
        """Rotates the secrets that sign callbacks."""
        from darkroom.usecases.callbacks.rotate_callback_secret import RotateCallbackSecret

        return RotateCallbackSecret(
            store=self.ports.callback_secrets,
            read=self.read_callback_secrets,
            audit=self.ports.audit,
            now=self.ports.now,
        )

    # Batches

    @cached_property
    def start_batch(self) -> StartBatch:
        """Plans and starts batches."""
        from darkroom.usecases.batches.plan_batch import PlanBatch
        from darkroom.usecases.batches.start_batch import StartBatch

        return StartBatch(
            plan=PlanBatch(
                references=self.ports.references,
                files=self.ports.batch_files,
                prices=self.ports.prices,
                unknown_prices=self._unknown_prices,
            ),
            batches=self.ports.batches,
            files=self.ports.batch_files,
            workflow=self.ports.batch_workflow,
            budget=self.budget,
            metrics=self.ports.metrics,
            audit=self.ports.audit,
            now=self.ports.now,
            retention=timedelta(days=self.settings.record_retention_days),
        )

    @cached_property
    def find_batches(self) -> FindBatches:
        """Reads and cancels the batches of a caller."""
        from darkroom.usecases.batches.find_batches import FindBatches

        return FindBatches(
            batches=self.ports.batches,
            audit=self.ports.audit,
            now=self.ports.now,
            sleep=self.ports.sleep,
            monotonic=self.ports.monotonic,
        )

    @cached_property
    def create_rows(self) -> CreateRows:
        """Creates the jobs of a chunk of rows."""
        from darkroom.usecases.batches.create_rows import CreateRows

        return CreateRows(
            batches=self.ports.batches,
            files=self.ports.batch_files,
            queue=self.ports.queue,
            create_job=self.create_job,
            now=self.ports.now,
            max_queue=self.settings.max_queue_seconds,
        )

    @cached_property
    def collect_batch(self) -> CollectBatch:
        """Collects the results of a batch."""
        from darkroom.usecases.batches.collect_batch import CollectBatch

        return CollectBatch(
            batches=self.ports.batches,
            files=self.ports.batch_files,
            jobs=self.ports.jobs,
            cancel=self.cancel_job,
            end=self.end_batch,
            now=self.ports.now,
        )

    @cached_property
    def end_batch(self) -> EndBatch:
        """Ends batches and publishes their terminal events."""
        from darkroom.usecases.batches.end_batch import EndBatch

        return EndBatch(
            batches=self.ports.batches,
            files=self.ports.batch_files,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def request_zips(self) -> RequestZips:
        """Starts the zip files of ended batches."""
        from darkroom.usecases.batches.request_zips import RequestZips

        return RequestZips(
            find=self.find_batches,
            batches=self.ports.batches,
            zips=self.ports.zips,
            function=self.ports.zip_function,
            now=self.ports.now,
        )

    @cached_property
    def zip_batch(self) -> ZipBatch:
        """Writes zip files of the outputs of batches."""
        from darkroom.usecases.batches.zip_batch import ZipBatch

        return ZipBatch(
            batches=self.ports.batches, files=self.ports.batch_files, zips=self.ports.zips
        )

    # Maintenance

    @cached_property
    def audit_settings(self) -> AuditSettings:
        """Records changes of the settings in the audit log."""
        from darkroom.usecases.maintenance.audit_settings import AuditSettings

        return AuditSettings(
            presets=self.ports.presets,
            flag_store=self.ports.flag_store,
            settings=self.ports.audited_settings,
            audit=self.ports.audit,
            now=self.ports.now,
            stack_budget_usd=self.settings.daily_budget_usd,
        )

    @cached_property
    def sweep_jobs(self) -> SweepJobs:
        """Restarts, closes or recovers overdue jobs."""
        from darkroom.usecases.maintenance.sweep_jobs import SweepJobs

        return SweepJobs(
            jobs=self.ports.jobs,
            queue=self.ports.queue,
            workflow=self.ports.workflow,
            end=self.end_job,
            recover=self.recover_job,
            erase=self.erase_job,
            continue_chain=self.continue_chain,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def recover_job(self) -> RecoverJob:
        """Stores outputs that were finished after their job had failed."""
        from darkroom.usecases.jobs.recover_job import RecoverJob

        return RecoverJob(
            jobs=self.ports.jobs,
            find=self.find_prediction,
            provider=self.ports.provider,
            store_outputs=self.store_outputs,
            events=self.ports.events,
            metrics=self.ports.metrics,
            now=self.ports.now,
            assets_bucket=self.settings.assets_bucket,
        )

    @cached_property
    def sweep_batches(self) -> SweepBatches:
        """Restarts or closes overdue batches."""
        from darkroom.usecases.maintenance.sweep_batches import SweepBatches

        return SweepBatches(
            batches=self.ports.batches,
            workflow=self.ports.batch_workflow,
            end=self.end_batch,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )

    @cached_property
    def sweep_keys(self) -> SweepKeys:
        """Cancels the waiting jobs and the open batches of revoked keys."""
        from darkroom.usecases.maintenance.sweep_keys import SweepKeys

        return SweepKeys(
            keys=self.ports.keys,
            jobs=self.ports.jobs,
            batches=self.ports.batches,
            end=self.end_job,
            now=self.ports.now,
            max_queue=timedelta(seconds=self.settings.max_queue_seconds),
        )

    @cached_property
    def sweep_uploads(self) -> SweepUploads:
        """Runs uploads again that wait for their references."""
        from darkroom.usecases.maintenance.sweep_uploads import SweepUploads

        return SweepUploads(waiting=self.ports.waiting, upload_job=self.upload_job)

    @cached_property
    def record_stats(self) -> RecordStats:
        """Counts ended jobs."""
        from darkroom.usecases.maintenance.record_stats import RecordStats

        return RecordStats(jobs=self.ports.jobs, stats=self.ports.stats)

    @cached_property
    def reconcile_billing(self) -> ReconcileBilling:
        """Compares a day's jobs with the provider's billing."""
        from darkroom.usecases.maintenance.reconcile_billing import ReconcileBilling

        return ReconcileBilling(
            jobs=self.ports.jobs,
            claims=self.ports.claims,
            billing=self.ports.billing,
            assets=self.ports.assets,
            metrics=self.ports.metrics,
            now=self.ports.now,
        )
