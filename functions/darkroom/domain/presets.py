"""Presets: named edits that the folders of the inbox stand for, in one document of the owner's."""

import json
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from darkroom.domain.requests import AspectRatio, OutputFormat, Prompt, Quality, Resolution

# What lies there is material for other uploads, and starts nothing.
REFERENCES_FOLDER = "references"
MAX_DOCUMENT_BYTES = 1024 * 1024

# What of a preset is no part of the edit.
NOT_SETTINGS = {"description", "daily_budget_usd"}

PresetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class Preset(BaseModel):
    """One named edit."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    description: str = ""
    prompt: Prompt
    aspect_ratio: AspectRatio | None = None
    resolution: Resolution = Resolution.R1K
    quality: Quality = Quality.MEDIUM
    output_format: OutputFormat = OutputFormat.PNG
    daily_budget_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        default=None, description="What the folder's uploads may cost in a day, in UTC."
    )

    @property
    def daily_budget_micro_usd(self) -> int | None:
        """The budget as money is counted."""
        return None if self.daily_budget_usd is None else round(self.daily_budget_usd * 1_000_000)


class Presets(BaseModel):
    """The document."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    # Beyond that it would not fit the metadata of an output.
    version: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)] = Field(
        description="The owner's own count: jobs record it with the preset's name."
    )
    presets: Annotated[dict[PresetName, Preset], Field(min_length=1)]

    @field_validator("presets")
    @classmethod
    def _none_is_reserved(cls, presets: dict[str, Preset]) -> dict[str, Preset]:
        if REFERENCES_FOLDER in presets:
            raise ValueError(f"{REFERENCES_FOLDER} is the name of the folder that starts nothing")
        return presets


class BrokenPresetsError(ValueError):
    """A document that cannot serve; the message says where and why, and quotes nothing."""


def parse(text: bytes) -> Presets:
    """Return the document; raises BrokenPresetsError."""
    if len(text) > MAX_DOCUMENT_BYTES:
        raise BrokenPresetsError(f"it is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise BrokenPresetsError("it is not valid JSON") from None
    try:
        return Presets.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise BrokenPresetsError(f"{where}: {first['msg']}") from None


@cache
def shipped() -> Presets:
    """Return the presets that serve until the owner has a document of their own."""
    return parse((resources.files("darkroom.domain") / "presets.json").read_bytes())
