"""Upload a job: a file in the inbox becomes a job, or a note in errors/ and a JobRejected event."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from darkroom.domain import callers, job_events, uploads
from darkroom.domain.errors import ConflictError, InvalidRequestError, RejectedError
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.domain.presets import REFERENCES_FOLDER, Preset
from darkroom.domain.references import S3Object, unsupported_file
from darkroom.domain.requests import MAX_IMAGES
from darkroom.domain.submit_queue import Priority
from darkroom.domain.uploads import Upload
from darkroom.ports import Assets, Clock, Events, Inbox, InboxFile, Metrics, PresetStore
from darkroom.usecases.jobs.create_job import CreateJob, RequestSource

# A job description contains text and names of images, but no images.
_MAX_DESCRIPTION = 1024 * 1024
_MAX_PRESET_NAMES = 50
_MAX_FOLDER = 100  # characters of a folder name in a message
_ALLOWED_NAMES = f"a name that ends in {', '.join(uploads.IMAGE_SUFFIXES)} or {uploads.JOB_SUFFIX}"


@dataclass(frozen=True)
class UploadJob:
    """The S3 entry point."""

    create_job: CreateJob
    inbox: Inbox
    presets: PresetStore
    assets: Assets
    events: Events
    metrics: Metrics
    now: Clock

    def run(self, upload: Upload, *, event_id: str) -> Job | None:
        """Return the job, or None if the upload starts no job or was rejected. Idempotent."""
        is_description = upload.key.lower().endswith(uploads.JOB_SUFFIX)
        if upload.key.endswith("/"):  # the S3 console creates a folder as an empty object
            return None
        if upload.preset == REFERENCES_FOLDER and not is_description:
            return None
        self.inbox.mark_processed(upload)
        by_preset = upload.preset and not is_description
        caller = callers.of_preset(upload.preset) if by_preset else callers.INBOX
        # Low priority: inbox uploads are not interactive, and many files can arrive at once.
        request_source = RequestSource(
            caller, upload.idempotency_key, event_id, source=upload.object, priority=Priority.LOW
        )
        # Check this first: the presets, the references and the upload may have changed since.
        if job := self.create_job.resume(request_source):
            return job
        try:
            job = (
                self._describe(upload, request_source)
                if is_description
                else self._edit(upload, request_source)
            )
        except ConflictError as error:
            # Two notifications of one version ran concurrently, and the presets changed between.
            self.metrics.count("UploadsRepeated", reason=type(error).__name__)
        except RejectedError as error:
            self._refuse(upload, request_source, error)
        else:
            if job:  # a note about an older version no longer applies
                self.assets.remove(uploads.error_key(upload))
            return job
        return None

    def _describe(self, upload: Upload, request_source: RequestSource) -> Job | None:
        opened = self.inbox.open(upload, _MAX_DESCRIPTION + 1)
        if opened is None:
            return None
        _reject_output(opened, upload.name)
        body = _json(opened.body, upload.name)
        if isinstance(body, Mapping) and isinstance(body.get("images"), list):
            body = {**body, "images": self._references(body["images"], upload)}
        request = parse_request(body)
        return self.create_job.run(request, request_source)

    def _edit(self, upload: Upload, request_source: RequestSource) -> Job | None:
        if not upload.key.lower().endswith(uploads.IMAGE_SUFFIXES):
            raise _unknown_type(upload)
        preset, label = self._preset(upload)
        opened = self.inbox.open(upload, 0)
        if opened is None:
            return None
        _reject_output(opened, upload.name)
        metadata = opened.metadata
        references = self._references(uploads.references_of(metadata), upload)
        body = uploads.edit_of(preset, metadata, [upload.object, *references])
        request_source = replace(
            request_source,
            preset=label,
            folder=uploads.output_folder(upload),
            daily_budget_micro_usd=preset.daily_budget_micro_usd,
        )
        try:
            request = parse_request(body)
            return self.create_job.run(request, request_source)
        except InvalidRequestError as error:
            mapped = [uploads.map_error(problem, upload, metadata) for problem in error.problems]
            raise InvalidRequestError(mapped) from None

    def _preset(self, upload: Upload) -> tuple[Preset, str]:
        presets, broken = self.presets.read()
        if broken:
            self.metrics.count("PresetsBroken")
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

    def _references(self, names: list[Any], upload: Upload) -> list[Any]:
        """Return the objects of names. A list that is too long for a job is not resolved."""
        if len(names) > MAX_IMAGES:
            return names
        return [self._reference(name, upload) for name in names]

    def _reference(self, name: Any, upload: Upload) -> Any:
        """Return the object of a name. Other values are unchanged; parsing validates them."""
        keys = uploads.candidates(name, upload.folder) if isinstance(name, str) else []
        if not keys:
            return name
        existing = next((key for key in keys if self.inbox.has(key)), keys[0])
        return S3Object(bucket=upload.bucket, key=existing)

    def _refuse(self, upload: Upload, request_source: RequestSource, error: RejectedError) -> None:
        note = {
            "message": (
                f"{upload.key} was rejected. {error} No job was started, and nothing was charged."
            ),
            "code": error.code,
            "errors": [problem.model_dump() for problem in error.problems],
            "source": job_events.s3_location(upload.object).model_dump(),
            "event_id": request_source.request_id,
            "at": self.now().isoformat(),
        }
        self.metrics.count("UploadsRejected")
        self.assets.write_json(uploads.error_key(upload), note)
        self.events.publish(
            job_events.rejected(
                error,
                caller=request_source.caller.name,
                request_id=request_source.request_id,
                source=upload.object,
            )
        )


def _unknown_type(upload: Upload) -> InvalidRequestError:
    extension = upload.key.lower().rpartition(".")[2]
    message = unsupported_file(upload.name, extension) or (
        f"{upload.name} is neither an image nor a job description. Use {_ALLOWED_NAMES}."
    )
    return InvalidRequestError.of("object", message, _ALLOWED_NAMES)


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
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        allowed = "one JSON object in UTF-8"
        raise InvalidRequestError.of(
            "", f"{name} is not valid JSON. Write {allowed}.", allowed
        ) from None
