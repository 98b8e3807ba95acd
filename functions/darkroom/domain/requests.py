"""What callers may ask for: the two operations of GPT Image 2, or any other model as it is."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.submit_queue import Priority

TEXT_TO_IMAGE_MODEL = "openai/gpt-image-2/text-to-image"
EDIT_MODEL = "openai/gpt-image-2/edit"

# The provider publishes no limit; upstream's is 32,000 characters.
MAX_PROMPT_CHARACTERS = 32_000
MAX_IMAGES = 16
# DynamoDB holds 400 KB an item; the rest is the job's own.
MAX_INPUT_BYTES = 256 * 1024

# Not models: the provider's other endpoints, which stand beside them under the same path.
NOT_MODELS = frozenset(
    {"account", "balance", "billing", "billings", "media", "model", "models", "prediction",
     "predictions", "upload", "uploads", "user", "webhook", "webhooks"}
)  # fmt: skip

AspectRatio = Literal[
    "1:1", "1:2", "2:1", "1:3", "3:1", "2:3", "3:2", "3:4",
    "4:3", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9",
]  # fmt: skip


class Operation(StrEnum):
    """What kind of work a job is."""

    TEXT_TO_IMAGE = "text-to-image"
    EDIT = "edit"
    MODEL = "model"


class Resolution(StrEnum):
    """Size class of the output; exact pixels are the provider's choice."""

    R1K = "1k"
    R2K = "2k"
    R4K = "4k"


class Quality(StrEnum):
    """How much the provider spends on the picture."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class OutputFormat(StrEnum):
    """File format of the output."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


def _not_blank(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("must not be blank")
    return prompt


Prompt = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS),
    AfterValidator(_not_blank),
]


class _Request(BaseModel):
    # Pydantic's messages would quote the input, and they end in logs and in the execution history.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    deadline_seconds: int | None = Field(
        default=None,
        ge=30,
        strict=True,
        description="Seconds after submit until it is given up.",
    )
    priority: Priority | None = Field(
        default=None,
        description="interactive: somebody waits for it. batch: it goes after those.",
    )

    @property
    def references(self) -> tuple[str, ...]:
        """The reference images, as the caller gave them."""
        return ()


class _Picture(_Request):
    prompt: Prompt
    aspect_ratio: AspectRatio | None = None
    resolution: Resolution = Resolution.R1K
    quality: Quality = Quality.MEDIUM
    output_format: OutputFormat = OutputFormat.PNG

    @property
    def input(self) -> dict[str, Any]:
        """The provider's input, without references."""
        return self.model_dump(
            mode="json",
            exclude_none=True,
            exclude={"operation", "images", "deadline_seconds", "priority"},
        )


class TextToImage(_Picture):
    """A picture from a prompt."""

    operation: Literal[Operation.TEXT_TO_IMAGE]

    @property
    def model(self) -> str:
        """The provider's model id."""
        return TEXT_TO_IMAGE_MODEL


class Edit(_Picture):
    """A picture from a prompt and 1 to 16 reference images."""

    operation: Literal[Operation.EDIT]
    images: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1)], ...],
        Field(
            min_length=1,
            max_length=MAX_IMAGES,
            description="Each an https URL, an s3:// URI, upload:<id>, a data URI or base64.",
        ),
    ]

    @property
    def model(self) -> str:
        """The provider's model id."""
        return EDIT_MODEL

    @property
    def references(self) -> tuple[str, ...]:
        """The reference images, as the caller gave them."""
        return self.images


class AnyModel(_Request):
    """Any other model of the provider; `input` goes through as it is."""

    model: Annotated[
        str,
        StringConstraints(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+$", max_length=200
        ),
    ]
    input: dict[str, Any]

    @property
    def operation(self) -> Operation:
        """What kind of work this is."""
        return Operation.MODEL


type JobRequest = TextToImage | Edit | AnyModel
