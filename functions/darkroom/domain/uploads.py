"""The inbox: the request in an upload's key and metadata, and the keys of its outputs."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from darkroom.domain.chain_state import ChainFailure
from darkroom.domain.errors import (
    Charged,
    Code,
    FieldProblem,
    InvalidRequestError,
    RejectedError,
    failure,
)
from darkroom.domain.job import Job
from darkroom.domain.presets import MAX_REPEAT_HOURS, Preset
from darkroom.domain.references import MAX_REFERENCE_BYTES, S3Object
from darkroom.domain.requests import MAX_IMAGES, ImageInput, Operation

JOB_SUFFIX = ".job.json"
# The folder of presigned uploads in the assets bucket.
UPLOADS_FOLDER = "uploads/"
# Metadata of every output, so that an output copied into the inbox never starts a job.
JOB_ID_METADATA = "darkroom-job-id"
# Metadata of every object in the assets bucket: the name of the caller that owns the object.
CALLER_METADATA = "darkroom-caller"

MAX_KEY_BYTES = 1024  # the limit of S3
# A job id and the longest file name follow an output folder.
_LONGEST_TAIL = len("/") + 26 + len("/manifest.json")
_MAX_NAME = 100  # characters of a file name in a message
# Object metadata that overrides a preset, and the request field of each.
_OVERRIDES = {field.replace("_", "-"): field for field in ImageInput.model_fields}
_LITTER_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
)
_LITTER_NAMES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "icon\r",
     "zbthumbnail.info"}
)  # fmt: skip
# Lock files of Office, and incomplete files of Syncthing.
_LITTER_PREFIXES = ("~$", "~syncthing~")
_LITTER_SUFFIXES = (
    # incomplete transfers
    ".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload", ".aria2", ".!ut",
    ".!qb", ".tmp", ".temp",
    # backups and swap files of editors, and locks
    "~", ".swp", ".lock", ".lck",
    # sidecars of photographs, links, and Hadoop's folders
    ".aae", ".xmp", ".thm", ".lnk", ".url", ".webloc", "_$folder$",
)  # fmt: skip
_JSON_HINT = f" The name of a job description ends in {JOB_SUFFIX}."
# Metadata that overrides the preset's `repeat_after_hours`.
REPEAT_AFTER = "repeat-after-hours"
# An uncharged job is repeated without this metadata.
_REPEAT_HINT = f" To run it again, upload the file with the metadata `{REPEAT_AFTER}`: 0."
_CHARGES = {
    Charged.NO: "Nothing was charged.",
    Charged.MAYBE: "WaveSpeed may have charged this job.",
    Charged.YES: "WaveSpeed has charged this job.",
}
# The subject of a message about a reference.
_IMAGE_NOUN = re.compile(r"^Reference image \d+")

# A text that may be percent-encoded as a whole: no spaces, and each % begins an encoded byte.
_PERCENT_ENCODED = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")
# The encoded commas or bracket of a list of keys. A URL keeps its encoding.
_ENCODED_LIST = re.compile(r"^(?!.*://)(?:.*%2C|%5B)", re.I)


class Upload(BaseModel):
    """One version of one object in the inbox, as a notification names it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    bucket: str
    key: str
    etag: str
    sequencer: str = ""
    version_id: str | None = None
    size: int | None = None  # bytes; None if unknown

    @property
    def object(self) -> S3Object:
        """The object as a reference, pinned to its version."""
        return S3Object(bucket=self.bucket, key=self.key, version_id=self.version_id)

    @property
    def idempotency_key(self) -> str:
        """A key that is equal for all notifications of one upload and different for others."""
        parts = [self.bucket, self.key, self.version_id or f"{self.etag} {self.sequencer}"]
        return f"s3:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"

    @property
    def folder(self) -> str:
        """The folder of the object, without a final slash; empty at the top level."""
        return self.key.rpartition("/")[0]

    @property
    def preset(self) -> str:
        """The name of the preset: the first part of the key; empty at the top level."""
        return self.key.partition("/")[0] if "/" in self.key else ""

    @property
    def name(self) -> str:
        """The file name for messages, cut to 100 characters."""
        return self.key.rpartition("/")[2][:_MAX_NAME]


def parse_notification(detail: Mapping[str, Any]) -> Upload:
    """Return the upload in an `Object Created` event. Raises KeyError.

    The key is not decoded: unlike S3's direct notifications, EventBridge does not form-encode keys.
    """
    s3_object = detail["object"]
    return Upload(
        bucket=detail["bucket"]["name"],
        key=s3_object["key"],
        etag=s3_object["etag"],
        sequencer=s3_object.get("sequencer", ""),
        version_id=s3_object.get("version-id"),
        size=s3_object.get("size"),
    )


def is_litter(upload: Upload) -> bool:
    """Return whether an upload is a file that programs leave behind, not an image to edit.

    Hidden files, incomplete transfers, sidecar files, lock files and the markers of folders.
    """
    *folders, name = upload.key.lower().split("/")
    if not name or (upload.size == 0 and "." not in name):
        return True  # a folder, which the S3 console and other tools create as an empty object
    # "." and ".." are no hidden files: such a key is rejected.
    is_hidden = any(part.startswith(".") and part.strip(".") for part in (*folders, name))
    return (
        is_hidden
        or not _LITTER_FOLDERS.isdisjoint(folders)
        or name in _LITTER_NAMES
        or name.startswith(_LITTER_PREFIXES)
        or name.endswith(_LITTER_SUFFIXES)
    )


def edit_of(
    preset: Preset, metadata: Mapping[str, str], images: list[str | S3Object]
) -> dict[str, Any]:
    """Return the edit request of an image in a preset's folder. Metadata overrides the preset.

    `images` has the upload first, then its references.
    """
    overrides = {
        field: _metadata_text(metadata[name])
        for name, field in _OVERRIDES.items()
        if name in metadata
    }
    edit = {**preset.input, **overrides, "operation": Operation.EDIT, "images": images}
    return {**edit, "then": preset.then} if preset.then else edit


def references_of(metadata: Mapping[str, str]) -> list[str]:
    """Return the keys and URIs in `references`, which is comma-separated or a JSON list.

    Raises InvalidRequestError if the JSON list is not valid.
    """
    text = _header_text(metadata.get("references", "")).strip()
    if _ENCODED_LIST.search(text):
        text = _percent_decoded(text)
    if not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidRequestError.of(
            "metadata.references",
            "Metadata `references` is not valid JSON. Use keys separated by commas, or a JSON list"
            " of keys.",
            "keys with commas, or a JSON list of keys",
        )
    return names


def map_error(problem: FieldProblem, upload: Upload, metadata: Mapping[str, str]) -> FieldProblem:
    """Return a problem of an upload's edit in terms of the upload: its file or its metadata."""
    field, _, index = problem.field.partition(".")
    if problem.field == "images.0":
        return FieldProblem(
            field="object",
            message=_rename_image(problem.message, upload.name)
            + (_JSON_HINT if upload.key.lower().endswith(".json") else ""),
            allowed=f"a PNG, JPEG or WebP image up to {MAX_REFERENCE_BYTES // 1_000_000} MB",
        )
    if field == "images":
        allowed = f"at most {MAX_IMAGES - 1} references"
        message = f"Metadata `references` is too long. Use {allowed}."
        if index:
            noun = f"Reference image {index} of metadata `references`"
            message, allowed = _rename_image(problem.message, noun), problem.allowed
        return FieldProblem(field="metadata.references", message=message, allowed=allowed)
    for name, overridden in _OVERRIDES.items():
        if field == overridden and name in metadata:
            message = problem.message.replace(f"`{field}`", f"Metadata `{name}`", 1)
            return problem.model_copy(update={"field": f"metadata.{name}", "message": message})
    return problem


def _rename_image(message: str, noun: str) -> str:
    # A function as replacement: backslashes in a file name are no escapes.
    return _IMAGE_NOUN.sub(lambda _: noun, message, count=1)


def candidates(text: str, folder: str) -> list[str]:
    """Return the keys that a name in a job description or in `references` may mean, best first.

    The first is relative to the upload's folder. The list is empty for a URI and for text that no
    key can contain.
    """
    if "://" in text[:16] or text[:5].lower() == "data:" or not _is_unicode(text):
        return []
    keys = [
        key
        for name in (text, _percent_decoded(text))
        for key in (f"{folder}/{name}" if folder else name, name.removeprefix("/"))
    ]
    return [key for key in dict.fromkeys(keys) if len(key.encode()) <= MAX_KEY_BYTES]


def _is_unicode(text: str) -> bool:
    """Return whether a text has no half of a surrogate pair, which JSON can contain."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def missing_references(
    names: Iterable[tuple[str, str]], upload: Upload, waited: timedelta
) -> InvalidRequestError:
    """Return the error of references that did not arrive: the field and the name of each."""
    minutes = round(waited.total_seconds() / 60)
    problems = [
        FieldProblem(
            field=field,
            message=f"{name[:_MAX_NAME]} did not arrive in the inbox within {minutes} minutes."
            f" Upload it, then upload {upload.name} again.",
            allowed="a key in the inbox, or a URI",
        )
        for field, name in names
    ]
    return InvalidRequestError(problems)


def repeat_after(metadata: Mapping[str, str], hours: int) -> timedelta:
    """Return the time in which equal uploads are one job: `hours`, or from the metadata.

    Raises InvalidRequestError.
    """
    text = metadata.get(REPEAT_AFTER)
    if text is not None:
        allowed = f"a whole number of hours, 0 to {MAX_REPEAT_HOURS}"
        # int() reads more than ASCII digits, and refuses very long texts.
        if not re.fullmatch(r"[0-9]{1,5}", text.strip()) or int(text) > MAX_REPEAT_HOURS:
            message = f"Metadata `{REPEAT_AFTER}` must be {allowed}."
            raise InvalidRequestError.of(f"metadata.{REPEAT_AFTER}", message, allowed)
        hours = int(text)
    return timedelta(hours=hours)


def output_folder(upload: Upload) -> str:
    """Return the folder of an upload's outputs: its path. Each job adds a folder of its own."""
    return _cut(f"edits/{upload.key}", MAX_KEY_BYTES - _LONGEST_TAIL)


def error_key(upload_key: str) -> str:
    """Return the key of the note that explains why an upload was rejected or its job failed."""
    key = f"errors/{upload_key}.json"
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    # Two long keys may have the same beginning.
    tail = f"~{hashlib.sha256(upload_key.encode()).hexdigest()[:12]}.json"
    return _cut(f"errors/{upload_key}", MAX_KEY_BYTES - len(tail)) + tail


def rejected_note(
    upload: Upload, error: RejectedError, *, event_id: str, at: datetime
) -> dict[str, Any]:
    """Return the note about an upload that started no job."""
    message = f"{upload.key} was rejected. {error} No job was started, and nothing was charged."
    return {
        "message": message,
        "code": error.code,
        "errors": [problem.model_dump() for problem in error.problems],
        **_note(upload.object, event_id, at),
    }


def failed_note(
    job: Job, source: S3Object, at: datetime, chain: ChainFailure | None = None
) -> dict[str, Any]:
    """Return the note about an upload whose job has failed, or a step of whose chain.

    `source` is the upload, and `job` the job of the step.
    """
    code = chain.code if chain else job.code or Code.INTERNAL_ERROR
    message = chain.message if chain else failure(code, sent=job.was_sent).message
    detail = f' WaveSpeed\'s message: "{job.detail}".' if job.detail else ""
    repeat = "" if job.charge is Charged.NO else _REPEAT_HINT
    subject = "The chain" if chain else "The job"
    # The finished steps of a chain were charged.
    is_free_step = chain is not None and job.charge is Charged.NO
    charge = "The step was not charged." if is_free_step else _CHARGES[job.charge]
    return {
        "message": f"{subject} of {source.key} failed. {message}{detail} {charge}{repeat}",
        "code": code,
        "errors": [],
        "job_id": job.job_id,
        "charged": job.charge,
        **_note(source, job.request_id, at),
    }


def _note(source: S3Object, event_id: str, at: datetime) -> dict[str, Any]:
    location = source.model_dump(include={"bucket", "key", "version_id"})
    return {"source": location, "event_id": event_id, "at": at.isoformat()}


def _cut(key: str, limit: int) -> str:
    return key.encode()[:limit].decode(errors="ignore")


def encode(text: str) -> str:
    """Return `text` for an HTTP header: unchanged, or as an encoded word (RFC 2047)."""
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not text.startswith("=?"):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode(errors='replace')).decode()}?="


def decode(text: str) -> str:
    """Reverse `encode`. S3 also returns non-ASCII metadata as encoded words."""
    try:
        return str(make_header(decode_header(text))) if "=?" in text else text
    except (LookupError, ValueError, HeaderParseError):
        return text


def _metadata_text(value: str) -> str:
    """Return metadata as text. Clients that send only ASCII percent-encode or form-encode it."""
    text = _header_text(value)
    decoded = _percent_decoded(text)
    is_form = decoded != text and "+" in text and "%20" not in text
    return _percent_decoded(text.replace("+", "%20")) if is_form else decoded


def _percent_decoded(text: str) -> str:
    """Return a percent-encoded text decoded; other texts are unchanged."""
    if "%" not in text or not _PERCENT_ENCODED.fullmatch(text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _header_text(value: str) -> str:
    """Return metadata as text. S3 reads raw UTF-8 in a header as Latin-1, which is reversed."""
    text = decode(value)
    if text == value:
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
