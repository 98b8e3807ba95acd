"""The inbox: what an upload's key and metadata ask for, and where what comes of it goes."""

import base64
import hashlib
import json
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.presets import NOT_SETTINGS, Preset
from darkroom.domain.references import MAX_REFERENCE_BYTES, S3Object
from darkroom.domain.requests import Operation

JOB_SUFFIX = ".job.json"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# Outputs carry it: what Darkroom made never starts a job by being copied into the inbox.
JOB_ID_METADATA = "darkroom-job-id"
# On everything that lies in the assets bucket: the caller whose it is.
CALLER_METADATA = "darkroom-caller"

# S3 allows 1,024 bytes a key; behind ours come a job id and the longest name of a file.
MAX_KEY_BYTES = 1024
_LONGEST_TAIL = len("/") + 26 + len("/manifest.json")
# Object metadata that overrides a preset, and the field that each one stands for.
_OVERRIDES = {
    "prompt": "prompt",
    "quality": "quality",
    "resolution": "resolution",
    "aspect-ratio": "aspect_ratio",
    "output-format": "output_format",
}


class Upload(BaseModel):
    """A notification: one version of one object in the inbox."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    bucket: str
    key: str
    etag: str
    sequencer: str
    version_id: str | None = None

    @property
    def object(self) -> S3Object:
        """The object as a reference, pinned to its version."""
        return S3Object(bucket=self.bucket, key=self.key, version_id=self.version_id)

    @property
    def idempotency_key(self) -> str:
        """The same for each notification of one upload, another for each new upload."""
        parts = [self.bucket, self.key, self.version_id or self.etag, self.sequencer]
        return f"s3:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"

    @property
    def folder(self) -> str:
        """The folder that it lies in, without a slash at the end; empty for the top."""
        return self.key.rpartition("/")[0]

    @property
    def preset(self) -> str:
        """The name of the preset: the first part of the key; empty if it lies at the top."""
        return self.key.partition("/")[0] if "/" in self.key else ""


def parse_notice(detail: Mapping[str, Any]) -> Upload:
    """Return the upload that an `Object Created` event tells of; raises KeyError.

    The key is taken as it stands: EventBridge does not form-encode it as S3's own notifications do.
    """
    told = detail["object"]
    return Upload(
        bucket=detail["bucket"]["name"],
        key=told["key"],
        etag=told["etag"],
        sequencer=told.get("sequencer", ""),
        version_id=told.get("version-id"),
    )


def edit_of(
    preset: Preset, metadata: Mapping[str, str], image: str, references: list[str]
) -> dict[str, Any]:
    """Return the edit that a picture in a preset's folder asks for, its metadata on top."""
    settings = preset.model_dump(mode="json", exclude=NOT_SETTINGS, exclude_none=True)
    overrides = {
        field: _words(metadata[name]) for name, field in _OVERRIDES.items() if name in metadata
    }
    images = [image, *references]
    return {**settings, **overrides, "operation": Operation.EDIT, "images": images}


def references_of(metadata: Mapping[str, str]) -> list[str]:
    """Return the keys and URIs in `references`: a list with commas, or a JSON list of strings."""
    text = _words(metadata.get("references", "")).strip()
    if not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(part, str) for part in listed):
        raise InvalidRequestError.of(
            "metadata.references", "is not valid JSON", "keys with commas, or a JSON list of keys"
        )
    return listed


def map_error(problem: FieldProblem, metadata: Mapping[str, str]) -> FieldProblem:
    """Return a problem of the edit that an upload asked for, as whoever put it there sees it."""
    field = problem.field
    if field == "images.0":
        allowed = f"a PNG, JPEG or WebP image up to {MAX_REFERENCE_BYTES // 1_000_000} MB"
        return problem.model_copy(update={"field": "object", "allowed": allowed})
    if field.partition(".")[0] == "images":
        return problem.model_copy(update={"field": "metadata.references"})
    for name, overridden in _OVERRIDES.items():
        if field == overridden and name in metadata:
            return problem.model_copy(update={"field": f"metadata.{name}"})
    return problem


def candidates(text: str, folder: str) -> list[str]:
    """Return the keys that a name in a job description or in `references` may mean, best first.

    Empty if it is no key but a URI.
    """
    if "://" in text[:16] or text[:5].lower() == "data:":
        return []
    beside = f"{folder}/{text}" if folder else text
    return list(dict.fromkeys([beside, text.removeprefix("/")]))


def output_folder(upload: Upload) -> str:
    """Return where the outputs of an upload go, in a folder of their job: its own path."""
    return _cut(f"edits/{upload.key}", MAX_KEY_BYTES - _LONGEST_TAIL)


def error_key(upload: Upload) -> str:
    """Return where a person is told why an upload was refused."""
    key = f"errors/{upload.key}.json"
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    # Two long keys may begin alike.
    tail = f"~{hashlib.sha256(upload.key.encode()).hexdigest()[:12]}.json"
    return _cut(f"errors/{upload.key}", MAX_KEY_BYTES - len(tail)) + tail


def _cut(key: str, limit: int) -> str:
    return key.encode()[:limit].decode(errors="ignore")


def encode(text: str) -> str:
    """Return `text` as a header may hold it: as it is, or as an encoded word (RFC 2047)."""
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not text.startswith("=?"):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode(errors='replace')).decode()}?="


def decode(text: str) -> str:
    """Undo `encode`; S3 itself hands out metadata that is not ASCII as encoded words."""
    try:
        return str(make_header(decode_header(text))) if "=?" in text else text
    except (LookupError, ValueError, HeaderParseError):
        return text


def _words(value: str) -> str:
    """Return metadata as it was meant: raw UTF-8 in a header comes back as if it were Latin-1."""
    text = decode(value)
    if text == value:
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
