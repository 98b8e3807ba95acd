"""Presets: named edits in one document. Each preset is the name of a folder of the inbox."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import explain, field_problems, path_of, read_steps, unknown_field
from darkroom.domain.requests import ImageInput, ReuseSeconds, Then, invalid
from darkroom.domain.values import WHOLE, Body

# Objects in this folder are references for other uploads and start no job.
REFERENCES_FOLDER = "references"
MAX_DOCUMENT_BYTES = 1024 * 1024
_MAX_PATH = 100  # characters of a field path in a message
_DIGITS = 12  # of the digest of a document

PresetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


# S3 lists the versions of a key within this window, and job records are kept for 91 days.
MAX_REPEAT_HOURS = 90 * 24
# A nightly synchronisation repeats an upload after 24 hours.
REPEAT_AFTER_HOURS = 30 * 24

RepeatAfterHours = Annotated[int, Field(ge=0, le=MAX_REPEAT_HOURS)]


def _read_then(steps: object) -> object:
    """Return the typed steps of a chain. Raises a validation error that names the step."""
    try:
        return read_steps(steps)
    except InvalidRequestError as error:
        problem = error.problems[0]
        raise invalid(f"is not valid. {problem.message}", problem.allowed) from None


class Preset(ImageInput):
    """One named edit."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    description: str = ""
    daily_budget_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        default=None, description="Daily budget of the folder's uploads, in USD per UTC day."
    )
    repeat_after_hours: RepeatAfterHours = Field(
        default=REPEAT_AFTER_HOURS,
        description="Hours in which an upload of the same bytes to the same key is not edited "
        "again, unless its settings have changed. 0: each upload is edited.",
    )

    reuse_seconds: ReuseSeconds = Field(
        default=0,
        description="Seconds in which an upload of the same bytes to any key of the folder gets "
        "the outputs of the earlier upload, if the settings are equal.",
    )
    then: Annotated[Then, BeforeValidator(_read_then)] = ()

    @property
    def daily_budget_micro_usd(self) -> int | None:
        """The daily budget in micro-USD; None without a budget."""
        return None if self.daily_budget_usd is None else round(self.daily_budget_usd * 1_000_000)


class Presets(Body):
    """The presets document."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    # A larger number would not fit into the metadata of an output.
    version: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True), WHOLE] = Field(
        description="The operator's version number. Jobs record it with the preset's name."
    )
    presets: Annotated[dict[PresetName, Preset], Field(min_length=1)]

    @field_validator("presets")
    @classmethod
    def _reject_reserved_names(cls, presets: dict[str, Preset]) -> dict[str, Preset]:
        if REFERENCES_FOLDER in presets:
            message = f"has {REFERENCES_FOLDER}, a reserved folder name. Rename the preset."
            raise invalid(message, "another name")
        return presets


def read_document(body: Mapping[str, Any]) -> Presets:
    """Return the document of a request. Raises InvalidRequestError, which names the fields."""
    unknown = [name for name in body if name not in Presets.model_fields]
    if unknown:
        names = Presets.model_fields
        raise InvalidRequestError(unknown_field(name, names) for name in unknown)
    try:
        return Presets.model_validate(body)
    except ValidationError as error:
        raise InvalidRequestError(field_problems(error, Preset.model_fields)) from None


def write_document(presets: Presets) -> bytes:
    """Return the document as JSON for a person. Raises InvalidRequestError if it is too large."""
    text = presets.model_dump_json(exclude_none=True, indent=2).encode()
    if len(text) > MAX_DOCUMENT_BYTES:
        allowed = f"at most {MAX_DOCUMENT_BYTES:,} bytes"
        message = f"`presets` has {len(text):,} bytes of JSON. Use {allowed}."
        raise InvalidRequestError.of("presets", message, allowed)
    return text


def describe(presets: Presets) -> str:
    """Return the version and a digest of the document, for the audit log."""
    digest = hashlib.sha256(presets.model_dump_json().encode()).hexdigest()[:_DIGITS]
    return f"version {presets.version}, digest {digest}"


def changes(presets: Presets, earlier: Presets) -> tuple[str, ...]:
    """Return the names of the presets that were added, changed or removed since `earlier`."""
    names = sorted(presets.presets.keys() | earlier.presets.keys())
    return tuple(n for n in names if presets.presets.get(n) != earlier.presets.get(n))


class BrokenPresetsError(ValueError):
    """A presets document that is not valid. The text names the field and quotes no value."""


def parse(text: bytes) -> Presets:
    """Return the document. Raises BrokenPresetsError."""
    if len(text) > MAX_DOCUMENT_BYTES:
        raise BrokenPresetsError(f"The document is larger than {MAX_DOCUMENT_BYTES:,} bytes.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise BrokenPresetsError("The document is not valid JSON.") from None
    try:
        return Presets.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        path = path_of(first)[:_MAX_PATH]
        subject = f"`{path}`" if path else "The document"
        raise BrokenPresetsError(f"{subject} {explain(first)[0]}") from None


@cache
def shipped() -> Presets:
    """Return the default presets, which apply until the operator stores a document."""
    return parse((resources.files("darkroom.domain") / "presets.json").read_bytes())
