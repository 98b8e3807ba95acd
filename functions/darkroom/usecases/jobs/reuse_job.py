"""Reuse a job: give a new job the outputs of an identical earlier one."""

from dataclasses import dataclass

from darkroom.domain.job import Job, Status
from darkroom.domain.references import Reference, S3Object, Url
from darkroom.domain.reuse import CLAIM_GRACE, content_key, has_outputs, is_shareable
from darkroom.ports import Clock, ContentClaim, Contents, Jobs, References
from darkroom.usecases.jobs.end_job import EndJob


@dataclass(frozen=True)
class ReuseJob:
    """Find the job that a new job can share, and complete the new job with its outputs."""

    jobs: Jobs
    contents: Contents
    references: References
    end: EndJob
    now: Clock

    def find(self, job: Job, seconds: int, *, ignores_query: bool) -> str | None:
        """Return the id of the job that `job` shares; None if `job` is the first of its content.

        Two requests at the same moment share one job, because the claim of a content is
        conditional.
        """
        contents = [self._content(r, ignores_query=ignores_query) for r in job.references]
        key = content_key(job, contents)
        claim = self.contents.find(key)
        while claim is None or not self._is_shareable(claim, seconds):
            winner = self.contents.claim(key, ContentClaim(job.job_id, self.now()), claim)
            if winner is None:
                return None
            claim = winner
        return None if claim.job_id == job.job_id else claim.job_id

    def ready(self, job: Job) -> Job | None:
        """Return the job whose stored outputs a new job gets; None if it must be reserved."""
        if job.reused_from is None or job.chain_request is not None:
            return None
        original = self.jobs.get(job.reused_from)
        return original if original is not None and has_outputs(original) else None

    def run(self, job: Job) -> Job | None:
        """Return the job, or None while the job that it shares is open. Idempotent.

        The result is completed with the outputs. If there are none, the result is without
        `reused_from`: then the job must be submitted.
        """
        original = self.jobs.get(job.reused_from or "")
        if original is None:
            if self.now() - job.accepted_at < CLAIM_GRACE:
                return None
        elif original.is_open:
            return None
        elif has_outputs(original):
            return self.end.complete_reused(job.job_id, original)
        return self.jobs.update(job.job_id, when=[Status.QUEUED], reused_from=None) or job

    def _content(self, reference: Reference, *, ignores_query: bool) -> str:
        """Return what identifies the bytes of a reference: its ETag, or its URL."""
        if isinstance(reference, Url):
            return reference.url.partition("?")[0] if ignores_query else reference.url
        stored = self.references.inspect(reference)
        # A version of an object never changes.
        return str(reference) if stored is None else f"{stored.size} bytes, etag {stored.etag}"

    def _is_shareable(self, claim: ContentClaim, seconds: int) -> bool:
        original = self.jobs.get(claim.job_id)
        if original is None:  # the request of the claim is still running, or it has crashed
            return self.now() - claim.claimed_at < CLAIM_GRACE
        return is_shareable(original, self.now(), seconds) and self._has_files(original)

    def _has_files(self, original: Job) -> bool:
        """Return whether the stored outputs still exist. Their owner can delete them."""
        return all(
            self.references.inspect(S3Object(bucket=asset.bucket, key=asset.key)) is not None
            for asset in original.assets
        )
