"""Erase a job: delete its content here and at the provider; keep its id, status, money and times.

An erasure runs at least twice. A function that read the record before the first run may still write
an output, a thumbnail, a note or a result file. The second run deletes them.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from darkroom.domain import audit, uploads
from darkroom.domain.audit import Act
from darkroom.domain.batch import Batch, without_content
from darkroom.domain.callers import Caller
from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import NotEndedError, NotFoundError
from darkroom.domain.identity import is_step_key
from darkroom.domain.identity import job_id as identity_of
from darkroom.domain.job import ENDED, Job
from darkroom.domain.references import Reference, S3Object
from darkroom.domain.sweeping import INTERVAL, PROVIDER_RETENTION
from darkroom.domain.uploads import UPLOADS_FOLDER, Upload
from darkroom.domain.zips import zip_folder
from darkroom.ports import (
    Assets,
    Audit,
    Batches,
    BatchFiles,
    Clock,
    Jobs,
    Provider,
    References,
    Versions,
)
from darkroom.usecases.batches.end_batch import ENDED as BATCH_ENDED
from darkroom.usecases.batches.end_batch import JSONL
from darkroom.usecases.jobs.end_chain import EndChain
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.find_jobs import FindJobs
from darkroom.usecases.jobs.read_chain import ReadChain

# After this time, no function that read the record before the erasure still runs: a function of
# Lambda runs for at most 15 minutes.
_LAST_WRITE = timedelta(minutes=20)


@dataclass(frozen=True)
class EraseJob:
    """Erase the content of an ended job."""

    find: FindJobs
    jobs: Jobs
    batches: Batches
    files: BatchFiles
    references: References
    assets: Assets
    versions: Versions
    provider: Provider
    end: EndJob
    read_chain: ReadChain
    end_chain: EndChain
    audit: Audit
    now: Clock
    assets_bucket: str

    def run(self, caller: Caller, job_id: str) -> Job:
        """Return the job without its content. Idempotent, and repeatable after a crash.

        `erased_at` is None if the provider did not confirm the deletion; the sweep then repeats the
        erasure. Raises NotFoundError, or NotEndedError if the job, its chain or its batch has not
        ended.
        """
        job = self.find.one(caller, job_id)
        if job.is_open:
            raise NotEndedError(
                f"The job is still {job.status}. Cancel it with DELETE /v1/jobs/{job_id}, and erase"
                " it after its end."
            )
        batch = self._batch(job)
        if batch is not None and batch.is_open:
            raise NotEndedError(
                f"The batch {batch.batch_id} of the job has not ended, so its rows are still"
                " needed. Cancel the batch, or erase the job after the batch's end."
            )
        chain = self.read_chain.run(job)
        if chain is not None and not self._erase_chain(chain):
            raise NotEndedError(
                f"The chain {chain.root.job_id} of the job has not ended, so its outputs are still"
                " needed. Cancel the chain, or erase the job after the chain's end."
            )
        self.audit.record(audit.entry(self.now(), Act.JOB_ERASED, job_id, caller))
        return self.repeat(self.find.one(caller, job_id))

    def repeat(self, job: Job) -> Job:
        """Erase the content of an ended job, also after an earlier erasure. Idempotent."""
        self.end.publish_end(job)  # before the record loses what the event contains
        now = self.now()
        marked = self.jobs.update(
            job.job_id, when=ENDED, erasing_at=job.erasing_at or now, sweep_after=now + INTERVAL
        )
        if marked is None:
            raise NotFoundError("This job does not exist, or it belongs to another caller.")
        # The record names the files, so it loses these names last.
        for reference in marked.references:
            self._erase_reference(reference, marked)
        self._erase_batch_files(marked)
        self._erase_source(marked)
        folders = [f"references/{job.job_id}", f"thumbnails/{job.job_id}"]
        if marked.reused_from is None:  # otherwise the outputs belong to that job
            folders.append(marked.prefix)
        for folder in folders:
            self.versions.erase_folder(f"{folder}/")
        return self._record(marked, is_deleted=self._delete_prediction(marked))

    def _erase_chain(self, chain: ChainState) -> bool:
        """Erase the requests of all steps, which no resume needs any more.

        Return False, without a change, if the chain has not ended, or was resumed meanwhile.
        """
        root = chain.root
        if root.has_open_chain:
            return False
        if root.chain_request is None or root.chain_erased_at is not None:
            return True
        self.end_chain.publish(root.job_id)
        for step in root.chain_request.steps:
            for reference in step.references:
                if isinstance(reference, S3Object):
                    self._erase_reference(reference, root)
        return self.jobs.change_chain(
            root,
            chain_request=root.chain_request.without_content(),
            chain_detail=None,
            chain_erased_at=self.now(),
        )

    def _record(self, job: Job, *, is_deleted: bool) -> Job:
        """Remove the content from the record. The last run also removes the names of files."""
        now = self.now()
        last_write = (job.erasing_at or now) + _LAST_WRITE
        changes: dict[str, Any] = {"sweep_after": last_write}
        if not is_deleted:
            changes = {"sweep_after": now + INTERVAL}
        elif now >= last_write:
            changes = {"sweep_after": None, "source": None, "prefix": f"jobs/{job.job_id}"}
        if is_deleted and job.erased_at is None:
            changes["erased_at"] = now
        erased = self.jobs.update(
            job.job_id,
            when=ENDED,
            input={},
            references=None,
            sent_images=None,
            detail=None,
            assets=None,
            callback=None,
            tags=None,
            shared_until=None,
            share_digest=None,
            **changes,
        )
        return erased or job  # the record has expired

    def _delete_prediction(self, job: Job) -> bool:
        """Return whether the provider has deleted the prediction, or no longer keeps it."""
        if job.prediction_id is None or self.provider.delete(job.prediction_id):
            return True
        sent_at = job.submitted_at or job.submitting_at or job.accepted_at
        return self.now() > sent_at + PROVIDER_RETENTION

    def _erase_reference(self, reference: Reference, job: Job) -> None:
        """Erase an upload, or the bytes that the request of the job's chain had."""
        folder = f"references/{job.chain_id}/"
        if isinstance(reference, S3Object) and reference.key.startswith(folder):
            self.versions.erase(reference)
        else:
            self._erase_upload(reference, job.caller)

    def _erase_upload(self, reference: Reference, owner: str) -> None:
        """Erase an upload of the job's caller, even if other jobs refer to it."""
        if not isinstance(reference, S3Object) or reference.bucket != self.assets_bucket:
            return
        if not reference.key.startswith(UPLOADS_FOLDER):
            return  # an asset belongs to its own job
        stored = self.references.inspect(reference)
        if stored is not None and stored.owner == owner:
            self.versions.erase(reference)

    def _batch(self, job: Job) -> Batch | None:
        return None if job.batch_id is None else self.batches.get(job.batch_id)

    def _erase_batch_files(self, job: Job) -> None:
        """Erase what an ended batch stores of the job, and the rows, which nothing reads again."""
        if job.batch_id is None:
            return
        batch = self._batch(job)
        if batch is not None:
            self._erase_upload(batch.source, batch.caller)
            is_row = not is_step_key(job.idempotency_key)
            row = batch.row_of(job.idempotency_key) if is_row else None
            refusal = row and self.batches.refusals(job.batch_id).get(row)
            if refusal and refusal.message:
                self.batches.refuse(batch, refusal.model_copy(update={"message": ""}))
        self.files.erase_rows(job.batch_id)
        of_row = job.chain_id or job.job_id  # the result of a chain has the id of its first job
        self.files.rewrite_results(job.batch_id, JSONL, lambda line: without_content(line, of_row))
        # A run of ZipBatch that has read the earlier results writes to the earlier folder.
        if batch is not None:
            self.batches.update(
                job.batch_id,
                when=BATCH_ENDED,
                zips_requested_at=None,
                zip_generation=batch.zip_generation + 1,
            )
        self.versions.erase_folder(zip_folder(job.batch_id))

    def _erase_source(self, job: Job) -> None:
        """Erase the inbox upload: its versions with the same bytes, except those of other jobs."""
        source = job.source
        if source is None:
            return
        note = S3Object(bucket=self.assets_bucket, key=uploads.error_key(source.key))
        document = self.assets.read_json(note.key)
        if document is not None and document.get("job_id") == job.job_id:
            self.versions.erase(note)
        else:  # the current note is about another version of the upload
            self.versions.erase_replaced(note)
        own = [v for v in self.versions.equal(source) if not self._has_other_job(job, v)]
        self.versions.erase_versions(source, own)

    def _has_other_job(self, job: Job, version: S3Object) -> bool:
        upload = Upload(
            bucket=version.bucket, key=version.key, etag="", version_id=version.version_id
        )
        other = identity_of(job.caller, upload.idempotency_key)
        return other != job.job_id and self.jobs.get(other) is not None
