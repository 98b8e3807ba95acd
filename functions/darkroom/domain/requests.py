"""Job requests: the two operations of GPT Image 2, and pass-through to any other model."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.submit_queue import Priority

TEXT_TO_IMAGE_MODEL = "openai/gpt-image-2/text-to-image"
EDIT_MODEL = "openai/gpt-image-2/edit"

# The provider publishes no limit; upstream's is 32,000 characters.
MAX_PROMPT_CHARACTERS = 32_000
MAX_IMAGES = 16
# A DynamoDB item has at most 400 KB; the job's other fields need the remainder.
MAX_INPUT_BYTES = 256 * 1024

# The provider's other endpoints, which share the models' path prefix.
NOT_MODELS = frozenset(
    {"account", "balance", "billing", "billings", "media", "model", "models", "prediction",
     "predictions", "upload", "uploads", "user", "webhook", "webhooks"}
)  # fmt: skip

AspectRatio = Literal[
    "1:1", "1:2", "2:1", "1:3", "3:1", "2:3", "3:2", "3:4",
    "4:3", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9",
]  # fmt: skip


class Operation(StrEnum):
    """The kind of work of a job. `model` is any model other than GPT Image 2."""

    TEXT_TO_IMAGE = "text-to-image"
    EDIT = "edit"
    MODEL = "model"


class Resolution(StrEnum):
    """Size class of the output. WaveSpeed chooses the exact dimensions in pixels."""

    R1K = "1k"
    R2K = "2k"
    R4K = "4k"


class Quality(StrEnum):
    """Rendering quality. Higher quality costs more and takes longer."""

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
    # Pydantic's messages would quote the input, and appear in logs and the execution history.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    deadline_seconds: int | None = Field(
        default=None,
        ge=30,
        strict=True,
        description="Seconds from submission until the job fails with `deadline_exceeded`. "
        "Default: the deployment's `DefaultDeadlineSeconds`.",
    )
    priority: Priority | None = Field(
        default=None,
        description="A `low` job waits until no `normal` job waits. Default: `normal`, or `low` "
        "for inbox uploads and the rows of a batch.",
    )

    @property
    def references(self) -> tuple[str, ...]:
        """The reference images, as the caller sent them."""
        return ()


class _ImageRequest(_Request):
    prompt: Prompt = Field(description="Text that describes the image.")
    aspect_ratio: AspectRatio | None = Field(
        default=None, description="Width to height. Default: WaveSpeed's default."
    )
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


class TextToImage(_ImageRequest):
    """Generate an image from a prompt."""

    operation: Literal[Operation.TEXT_TO_IMAGE]

    @property
    def model(self) -> str:
        """The provider's model id."""
        return TEXT_TO_IMAGE_MODEL


class Edit(_ImageRequest):
    """Generate an image from a prompt and 1 to 16 reference images."""

    operation: Literal[Operation.EDIT]
    images: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1)], ...],
        Field(
            min_length=1,
            max_length=MAX_IMAGES,
            description="Reference images. Each is an https:// URL, an s3:// URI, `upload:<id>`, a "
            "data URI or base64.",
        ),
    ]

    @property
    def model(self) -> str:
        """The provider's model id."""
        return EDIT_MODEL

    @property
    def references(self) -> tuple[str, ...]:
        """The reference images, as the caller sent them."""
        return self.images


class AnyModel(_Request):
    """Run any other model of WaveSpeed. `input` is passed through unchanged."""

    model: Annotated[
        str,
        StringConstraints(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+$", max_length=200
        ),
        Field(description="The model's id, for example `wavespeed-ai/any-model`."),
    ]
    input: dict[str, Any] = Field(description="The model's input, in WaveSpeed's format.")

    @property
    def operation(self) -> Operation:
        """The operation: always `model`."""
        return Operation.MODEL


type JobRequest = TextToImage | Edit | AnyModel
