"""Upload a job: a file in the inbox becomes a job, or a note in errors/ and a JobRejected event."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from darkroom.domain import callers, job_events, uploads
from darkroom.domain.callers import Caller
from darkroom.domain.errors import Charged, ConflictError, InvalidRequestError, RejectedError
from darkroom.domain.identity import job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.presets import REFERENCES_FOLDER, REPEAT_AFTER_HOURS, Preset, Presets
from darkroom.domain.references import Reference, S3Object
from darkroom.domain.requests import MAX_IMAGES, JobRequest, Output
from darkroom.domain.submit_queue import Priority
from darkroom.domain.uploads import Upload
from darkroom.ports import (
    Assets,
    Clock,
    Events,
    Inbox,
    InboxFile,
    Jobs,
    Metrics,
    PresetStore,
    References,
    WaitingUpload,
    WaitingUploads,
)
from darkroom.usecases.jobs.create_job import CreateJob, RequestSource
from darkroom.usecases.jobs.resume_chain import ResumeChain

# How long an upload waits for references that are not in the inbox yet.
_MAX_WAIT = timedelta(minutes=5)
# A job is accepted at most this long after its upload: EventBridge retries for a day.
_MAX_DELAY = timedelta(days=1)
# A job description contains text and names of images, but no images.
_MAX_DESCRIPTION = 1024 * 1024
_MAX_PRESET_NAMES = 50
_MAX_FOLDER = 100  # characters of a folder name in a message


# The names of references that are not in the inbox, each with its field.
type _Missing = list[tuple[str, str]]


@dataclass(frozen=True)
class _Draft:
    """The request of an upload before its validation."""

    body: object
    request_source: RequestSource
    metadata: Mapping[str, str]
    missing: _Missing
    repeat_after: timedelta


@dataclass(frozen=True)
class UploadJob:
    """The S3 entry point."""

    create_job: CreateJob
    resume_chain: ResumeChain
    jobs: Jobs
    references: References
    inbox: Inbox
    waiting: WaitingUploads
    presets: PresetStore
    assets: Assets
    events: Events
    metrics: Metrics
    now: Clock

    def run(
        self, upload: Upload, *, event_id: str, waits_since: datetime | None = None
    ) -> Job | None:
        """Return the job, or None if the upload starts no job, waits or was rejected. Idempotent.

        `waits_since` is the time of the first run of an upload that waits for its references.
        """
        is_description = upload.key.lower().endswith(uploads.JOB_SUFFIX)
        is_reference = upload.preset == REFERENCES_FOLDER and not is_description
        if is_reference or uploads.is_litter(upload):
            return None
        if waits_since is None:
            self.inbox.mark_processed(upload)
        elif self.inbox.find(upload.key) != upload.object:
            self.waiting.remove(upload)  # the upload was replaced or deleted while it waited
            return None
        by_preset = upload.preset and not is_description
        caller = callers.of_preset(upload.preset) if by_preset else callers.INBOX
        # Low priority: inbox uploads are not interactive, and many files can arrive at once.
        request_source = RequestSource(
            caller, upload.idempotency_key, event_id, source=upload.object, priority=Priority.LOW
        )
        # Check this first: the presets, the references and the upload may have changed since.
        job = self.create_job.resume(request_source)
        if job is None:
            draft_of = self._describe if is_description else self._edit
            try:
                draft = draft_of(upload, request_source)
                if draft is not None:
                    request = self._parse(draft, upload)
                    if draft.missing and self._wait(upload, event_id, waits_since):
                        return None
                    job = self._create(request, draft, upload)
            except ConflictError as error:
                # Two notifications of one version ran at once, and the presets changed between.
                self.metrics.count("UploadsRepeated", reason=type(error).__name__)
            except RejectedError as error:
                # A concurrent run may have created the job before the presets changed.
                job = self.create_job.resume(request_source)
                if job is None:
                    self._refuse(upload, request_source, error)
        self._clean_up(upload, job, was_waiting=waits_since is not None)
        return job

    def _clean_up(self, upload: Upload, job: Job | None, *, was_waiting: bool) -> None:
        """Remove the note of an older version, and the entry of an upload that waited."""
        is_failed = job is None or job.status is Status.FAILED or job.chain_code is not None
        if not is_failed and not self._is_replaced(upload):
            self.assets.remove(uploads.error_key(upload.key))
        if was_waiting:
            self.waiting.remove(upload)

    def _describe(self, upload: Upload, request_source: RequestSource) -> _Draft | None:
        opened = self.inbox.open(upload, _MAX_DESCRIPTION + 1)
        if opened is None:
            return None
        _reject_output(opened, upload.name)
        body = _json(opened.body, upload.name)
        body, missing = self._with_references(body, upload)
        repeat_after = uploads.repeat_after(opened.metadata, REPEAT_AFTER_HOURS)
        preset = self._presets().presets.get(upload.preset)
        if preset is not None:  # the budget holds for the whole folder; `inbox` owns the job
            request_source = replace(
                request_source,
                daily_budget_micro_usd=preset.daily_budget_micro_usd,
                budget_scope=callers.of_preset(upload.preset).name,
            )
        return _Draft(body, request_source, opened.metadata, missing, repeat_after)

    def _edit(self, upload: Upload, request_source: RequestSource) -> _Draft | None:
        preset, label = self._preset(upload)
        opened = self.inbox.open(upload, 0)
        if opened is None:
            return None
        _reject_output(opened, upload.name)
        metadata = opened.metadata
        references, names = self._references(uploads.references_of(metadata), upload)
        request_source = replace(
            request_source,
            preset=label,
            folder=uploads.output_folder(upload),
            daily_budget_micro_usd=preset.daily_budget_micro_usd,
            reuse_seconds=preset.reuse_seconds,
        )
        body = uploads.edit_of(preset, metadata, [upload.object, *references])
        repeat_after = uploads.repeat_after(metadata, preset.repeat_after_hours)
        missing = [("metadata.references", name) for name in names.values()]
        return _Draft(body, request_source, metadata, missing, repeat_after)

    def _parse(self, draft: _Draft, upload: Upload) -> JobRequest:
        with _mapped_problems(draft, upload):
            return parse_request(draft.body)

    def _create(self, request: JobRequest, draft: _Draft, upload: Upload) -> Job:
        if draft.missing:
            raise uploads.missing_references(draft.missing, upload, _MAX_WAIT)
        with _mapped_problems(draft, upload):
            job = self._find_repeated(request, draft, upload)
            if job is None:
                return self.create_job.run(request, draft.request_source)
            return self._resumed(job, draft.request_source.caller)

    def _resumed(self, job: Job, caller: Caller) -> Job:
        """Resume the chain of a repeated upload, if the step that has failed was not charged."""
        last = self.jobs.get(job.chain_jobs[-1]) if job.chain_code and job.chain_jobs else None
        if last is None or last.status is not Status.FAILED or last.charge is not Charged.NO:
            return job
        return self.resume_chain.run(caller, job.job_id)

    def _wait(self, upload: Upload, event_id: str, since: datetime | None) -> bool:
        """Return whether the upload waits for its references. The sweep runs it again."""
        now = self.now()
        if since is None:
            self.waiting.add(WaitingUpload(upload, event_id, now))
            return True
        return now - since < _MAX_WAIT

    def _find_repeated(self, request: JobRequest, draft: _Draft, upload: Upload) -> Job | None:
        """Return a recent job for the same bytes and settings, so that they are not paid twice."""
        since = self.now() - draft.repeat_after
        copies = self.inbox.copies(upload, since - _MAX_DELAY) if draft.repeat_after else []
        if not copies:
            return None
        caller, fingerprint = draft.request_source.caller, self.create_job.fingerprint(request)
        for job in self.jobs.many([job_id(caller.name, c.idempotency_key) for c in copies]):
            is_free = job.status is Status.FAILED and job.charge is Charged.NO
            # A resume has started the first step of the chain again, in another job.
            is_free = is_free and job.job_id not in job.chain_replaced
            if job.fingerprint != fingerprint or job.accepted_at < since or is_free:
                continue
            if job.erasing_at is not None:
                continue
            if not all(self._is_unchanged(r, upload) for r in job.references):
                continue
            self.metrics.count("UploadsRepeated", reason="SameContent")
            if self._is_replaced(upload):
                return job
            # The notes of the newest version apply, so the job now belongs to that version.
            return self.jobs.update(job.job_id, when=list(Status), source=upload.object) or job
        return None

    def _is_unchanged(self, reference: Reference, upload: Upload) -> bool:
        """Return whether the current version of a reference has the bytes that a job has used."""
        if not isinstance(reference, S3Object) or reference.key == upload.key:
            return True
        used = self.references.inspect(reference)
        current = self.references.inspect(reference.model_copy(update={"version_id": None}))
        return used is not None and current is not None and used.etag == current.etag

    def _is_replaced(self, upload: Upload) -> bool:
        return self.inbox.find(upload.key) not in (None, upload.object)

    def _presets(self) -> Presets:
        presets, broken = self.presets.read()
        if broken:
            self.metrics.count("PresetsBroken")
        return presets

    def _preset(self, upload: Upload) -> tuple[Preset, str]:
        presets = self._presets()
        preset = presets.presets.get(upload.preset)
        if preset is None:
            # An event has at most 256 KB, so only the first names are listed.
            names = ", ".join(islice(presets.presets, _MAX_PRESET_NAMES))
            problem = (
                f'The folder "{upload.preset[:_MAX_FOLDER]}" is not a preset.'
                if upload.preset
                else f"{upload.name} is not in the folder of a preset."
            )
            message = f"{problem} Upload to one of these folders: {names}."
            raise InvalidRequestError.of("folder", message, f"a folder of {names}")
        return preset, f"{upload.preset}@{presets.version}"

    def _with_references(self, body: object, upload: Upload) -> tuple[object, _Missing]:
        """Return a description with the objects of the names in it, and the missing names.

        The steps of a chain name their images in the same way.
        """
        changed, missing = self._with_images(body, upload)
        if not isinstance(changed, dict) or not isinstance(changed.get("then"), list):
            return changed, missing
        steps = [self._with_images(step, upload) for step in changed["then"]]
        missing += [
            (f"then.{number}.{field}", name)
            for number, (_, names) in enumerate(steps)
            for field, name in names
        ]
        return {**changed, "then": [step for step, _ in steps]}, missing

    def _with_images(self, body: object, upload: Upload) -> tuple[object, _Missing]:
        if not isinstance(body, dict) or not isinstance(body.get("images"), list):
            return body, []
        images, names = self._references(body["images"], upload)
        missing = [(f"images.{index}", name) for index, name in names.items()]
        return {**body, "images": images}, missing

    def _references(self, names: list[Any], upload: Upload) -> tuple[list[Any], dict[int, str]]:
        """Return the objects of names, and by index the names that are not in the inbox.

        A list that is too long for a job is not resolved. Values that are no names are unchanged;
        parsing validates them.
        """
        if len(names) > MAX_IMAGES:
            return names, {}
        resolved: list[Any] = []
        missing = {}
        for index, name in enumerate(names):
            is_name = isinstance(name, str) and name not in list(Output)
            keys = uploads.candidates(name, upload.folder) if is_name else []
            found = next(filter(None, map(self.inbox.find, keys)), None)
            if keys and found is None:
                missing[index] = name
            resolved.append(S3Object(bucket=upload.bucket, key=found.key) if found else name)
        return resolved, missing

    def _refuse(self, upload: Upload, request_source: RequestSource, error: RejectedError) -> None:
        self.metrics.count("UploadsRejected")
        if not self._is_replaced(upload):
            note = uploads.rejected_note(
                upload, error, event_id=request_source.request_id, at=self.now()
            )
            self.assets.write_json(uploads.error_key(upload.key), note)
        self.events.publish(
            job_events.rejected(
                error,
                caller=request_source.caller.name,
                request_id=request_source.request_id,
                source=upload.object,
            )
        )


@contextmanager
def _mapped_problems(draft: _Draft, upload: Upload) -> Iterator[None]:
    """Raise the problems of an image's edit in terms of the upload."""
    try:
        yield
    except InvalidRequestError as error:
        if draft.request_source.preset is None:  # a description has the fields of a request
            raise
        mapped = [uploads.map_error(problem, upload, draft.metadata) for problem in error.problems]
        raise InvalidRequestError(mapped) from None


def _reject_output(opened: InboxFile, name: str) -> None:
    """Raise InvalidRequestError for an output of Darkroom, which would start jobs in a loop."""
    if uploads.JOB_ID_METADATA in opened.metadata:
        raise InvalidRequestError.of(
            f"metadata.{uploads.JOB_ID_METADATA}",
            f"{name} is an output of Darkroom, which starts no job. Upload a copy without the"
            f" metadata `{uploads.JOB_ID_METADATA}`.",
            "an object without it",
        )


def _json(body: bytes, name: str) -> object:
    if len(body) > _MAX_DESCRIPTION:
        allowed = f"{_MAX_DESCRIPTION:,} bytes of JSON"
        raise InvalidRequestError.of("", f"{name} is too large. The limit is {allowed}.", allowed)
    try:
        return json.loads(body)  # also UTF-16, which PowerShell writes
    except (ValueError, RecursionError):
        allowed = "one JSON object"
        raise InvalidRequestError.of(
            "", f"{name} is not valid JSON. Write {allowed}.", allowed
        ) from None
