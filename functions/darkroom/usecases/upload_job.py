"""Upload: a file dropped into the inbox becomes a job, or a note and a JobRejected why not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from darkroom.domain import callers, events, job_events, uploads
from darkroom.domain.errors import (
    BudgetExceededError,
    Code,
    ConflictError,
    FieldProblem,
    InvalidRequestError,
)
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.domain.presets import REFERENCES_FOLDER, Preset
from darkroom.domain.requests import MAX_IMAGES
from darkroom.domain.submit_queue import Priority
from darkroom.domain.uploads import Upload
from darkroom.ports import Assets, Clock, Events, Inbox, InboxFile, Metrics, PresetStore
from darkroom.usecases.create_job import CreateJob, RequestSource

# A description is words and names; what it refers to lies beside it.
_MAX_DESCRIPTION = 1024 * 1024
_MAX_NAMES = 50
_ALLOWED_NAMES = f"a name that ends in {', '.join(uploads.IMAGE_SUFFIXES)} or {uploads.JOB_SUFFIX}"


@dataclass(frozen=True)
class UploadJob:
    """The S3 door."""

    create_job: CreateJob
    inbox: Inbox
    presets: PresetStore
    assets: Assets
    events: Events
    metrics: Metrics
    now: Clock
    max_deadline: int

    def __call__(self, upload: Upload, *, event_id: str) -> Job | None:
        """Return the job; None if the upload asks for none, or was refused. Safe to repeat."""
        is_description = upload.key.lower().endswith(uploads.JOB_SUFFIX)
        if upload.key.endswith("/"):  # how consoles make a folder
            return None
        if upload.preset == REFERENCES_FOLDER and not is_description:
            return None
        by_preset = upload.preset and not is_description
        caller = callers.of_preset(upload.preset) if by_preset else callers.INBOX
        # Nobody waits for what is dropped into a folder, and many files come at once.
        request_source = RequestSource(
            caller, upload.idempotency_key, event_id, source=upload.object, priority=Priority.LOW
        )
        # The presets, what lies beside it, and the upload itself may have changed since.
        if job := self.create_job.resume(request_source):
            return job
        try:
            job = (
                self._describe(upload, request_source)
                if is_description
                else self._edit(upload, request_source)
            )
        except InvalidRequestError as error:
            self._refuse(upload, request_source, Code.INVALID_REQUEST, error.problems)
        except BudgetExceededError as error:
            self._refuse(upload, request_source, Code.BUDGET_EXCEEDED, [error.problem])
        except ConflictError as error:
            # Two notifications of one version at once, and new presets between them.
            self.metrics.count("UploadsRepeated", reason=type(error).__name__)
        else:
            if job:  # what was wrong with an older version is wrong no more
                self.assets.remove(uploads.error_key(upload))
            return job
        return None

    def _describe(self, upload: Upload, request_source: RequestSource) -> Job | None:
        opened = self.inbox.open(upload, _MAX_DESCRIPTION + 1)
        if opened is None:
            return None
        _require_no_loop(opened)
        body = _json(opened.body)
        if isinstance(body, Mapping) and isinstance(body.get("images"), list):
            body = {**body, "images": self._references(body["images"], upload)}
        request = parse_request(body, max_deadline_seconds=self.max_deadline)
        return self.create_job(request, request_source)

    def _edit(self, upload: Upload, request_source: RequestSource) -> Job | None:
        if not upload.key.lower().endswith(uploads.IMAGE_SUFFIXES):
            raise InvalidRequestError.of("object", "is no image by its name", _ALLOWED_NAMES)
        preset, label = self._preset(upload)
        opened = self.inbox.open(upload, 0)
        if opened is None:
            return None
        _require_no_loop(opened)
        metadata = opened.metadata
        named = self._references(uploads.references_of(metadata), upload)
        body = uploads.edit_of(preset, metadata, str(upload.object), named)
        request_source = replace(
            request_source,
            preset=label,
            folder=uploads.output_folder(upload),
            daily_budget_micro_usd=preset.daily_budget_micro_usd,
        )
        try:
            request = parse_request(body, max_deadline_seconds=self.max_deadline)
            return self.create_job(request, request_source)
        except InvalidRequestError as error:
            mapped = [uploads.map_error(problem, metadata) for problem in error.problems]
            raise InvalidRequestError(mapped) from None

    def _preset(self, upload: Upload) -> tuple[Preset, str]:
        presets, broken = self.presets.read()
        if broken:
            self.metrics.count("PresetsBroken")
        preset = presets.presets.get(upload.preset)
        if preset is None:
            names = islice(presets.presets, _MAX_NAMES)  # an event has 256 KB
            raise InvalidRequestError.of(
                "folder",
                "is the name of no preset" if upload.preset else "is missing: it lies at the top",
                f"a folder of {', '.join(names)}",
            )
        return preset, f"{upload.preset}@{presets.version}"

    def _references(self, names: list[Any], upload: Upload) -> list[Any]:
        """Return the URIs that names stand for; more than a job may have are not looked for."""
        if len(names) > MAX_IMAGES:
            return names
        return [self._reference(name, upload) for name in names]

    def _reference(self, name: Any, upload: Upload) -> Any:
        """Return the URI that a name stands for; what is no name is left for the rules to judge."""
        keys = uploads.candidates(name, upload.folder) if isinstance(name, str) else []
        if not keys:
            return name
        found = next((key for key in keys if self.inbox.has(key)), keys[0])
        return f"s3://{upload.bucket}/{found}"

    def _refuse(
        self,
        upload: Upload,
        request_source: RequestSource,
        code: Code,
        problems: list[FieldProblem],
    ) -> None:
        message = "; ".join(f"{p.field or 'description'} {p.message}" for p in problems)
        source = job_events.located(upload.object)
        note = {
            "message": f"{upload.key} was not taken: {message}. Nothing was started or charged.",
            "code": code,
            "errors": [problem.model_dump() for problem in problems],
            "source": source.model_dump(),
            "event_id": request_source.request_id,
            "at": self.now().isoformat(),
        }
        self.metrics.count("UploadsRejected")
        self.assets.write_json(uploads.error_key(upload), note)
        self.events.publish(
            events.JobRejected(
                id=f"{request_source.request_id}.rejected",
                caller=request_source.caller.name,
                request_id=request_source.request_id,
                code=code,
                message=message,
                errors=tuple(problems),
                source=source,
            )
        )


def _require_no_loop(opened: InboxFile) -> None:
    if uploads.JOB_ID_METADATA in opened.metadata:
        raise InvalidRequestError.of(
            f"metadata.{uploads.JOB_ID_METADATA}",
            "says that Darkroom made this object: an output starts no job",
            "an object without it",
        )


def _json(body: bytes) -> object:
    if len(body) > _MAX_DESCRIPTION:
        raise InvalidRequestError.of("", "is too large", f"{_MAX_DESCRIPTION:,} bytes of JSON")
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidRequestError.of("", "is not valid JSON", "one JSON object in UTF-8") from None
