"""Job requests: the two operations of GPT Image 2, and pass-through to any other model.

A rule about one field is a validator of the field, which raises `invalid` with its message.
"""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from darkroom.domain.callbacks import ALLOWED_URL, MAX_URL, url_problem
from darkroom.domain.references import S3Object, map_texts
from darkroom.domain.submit_queue import Priority
from darkroom.domain.values import WHOLE, Body, Choice, is_blank

TEXT_TO_IMAGE_MODEL = "openai/gpt-image-2/text-to-image"
EDIT_MODEL = "openai/gpt-image-2/edit"

# The provider publishes no limit; upstream's is 32,000 characters.
MAX_PROMPT_CHARACTERS = 32_000
MAX_IMAGES = 16
# A DynamoDB item has at most 400 KB; the job's other fields need the remainder.
MAX_INPUT_BYTES = 256 * 1024
# The limits and the default of a job's deadline.
MIN_DEADLINE_SECONDS, MAX_DEADLINE_SECONDS, DEFAULT_DEADLINE_SECONDS = 30, 3600, 900
MAX_STEPS = 5  # of a chain, after the first job
MAX_REUSE_SECONDS = 90 * 24 * 3600  # the minimum retention of job records, less a day
_MAX_DEPTH = 100  # levels of the input; the JSON code for records fails somewhere above 200

# The provider's other endpoints, which share the models' path prefix.
NOT_MODELS = frozenset(
    {"account", "balance", "billing", "billings", "media", "model", "models", "prediction",
     "predictions", "upload", "uploads", "user", "webhook", "webhooks"}
)  # fmt: skip
_MODEL_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+$")

_Ratio = Literal[
    "1:1", "1:2", "2:1", "1:3", "3:1", "2:3", "3:2", "3:4",
    "4:3", "4:5", "5:4", "9:16", "16:9", "9:21", "21:9",
]  # fmt: skip
_RATIOS: tuple[str, ...] = get_args(_Ratio)
_ALLOWED_RATIOS = f"{', '.join(map(repr, _RATIOS[:-1]))} or {_RATIOS[-1]!r}"
_MAX_TIME = 40  # characters
# What a spreadsheet makes of a ratio: 16:09, 09:16, 01:01:00, 9:16 AM; 0.672916667; 16. Sep,
# Sep-16; 2026-09-16 00:00.
_TIME = re.compile(
    r"\d+:0\d|0\d:\d+|\d+:\d+(:\d+)?( ?[ap]m)|\d+:\d+:\d+|\d*[.,]\d+(e-?\d+)?"
    r"|\d+[-/. ]+[^\W\d]+.*|[^\W\d]+[-/. ]+\d+|\d+([-/.])\d+\4 ?\d+.*",
    re.I,
)


def _read_ratio(value: object) -> object:
    """Return a ratio without spaces, and None for the studio's name of the default."""
    if isinstance(value, float):
        value = str(value)
    if not isinstance(value, str):
        return value
    ratio = "".join(value.split()).replace("\uff1a", ":").lower()
    if ratio == "auto":
        return None
    if ratio not in _RATIOS and _TIME.fullmatch(value.strip()[:_MAX_TIME]):
        message = (
            "is a time, date or number, into which a spreadsheet turns a ratio. Format the cells"
            f" as text, and enter {_ALLOWED_RATIOS}."
        )
        raise invalid(message, _ALLOWED_RATIOS)
    return ratio


class Operation(Choice):
    """The kind of work of a job. `model` is any model other than GPT Image 2."""

    TEXT_TO_IMAGE = "text-to-image"
    EDIT = "edit"
    MODEL = "model"

    @classmethod
    def synonyms(cls) -> Mapping[str, str]:
        """Return the name of edits on WaveSpeed's page."""
        return {"image-to-image": cls.EDIT}


class Resolution(Choice):
    """Size class of the output. WaveSpeed chooses the exact dimensions in pixels."""

    R1K = "1k"
    R2K = "2k"
    R4K = "4k"

    @classmethod
    def synonyms(cls) -> Mapping[str, str]:
        """Return the name of the smallest resolution on WaveSpeed's page."""
        return {"base": cls.R1K}


class Quality(Choice):
    """Rendering quality. Higher quality costs more and takes longer."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class OutputFormat(Choice):
    """File format of the output."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @classmethod
    def synonyms(cls) -> Mapping[str, str]:
        """Return the other common name of JPEG."""
        return {"jpg": cls.JPEG}


def invalid(message: str, allowed: str, part: str = "") -> PydanticCustomError:
    """Return the error of a validator, with the allowed values.

    `message` is a predicate, such as "is empty. Use at least 1 character." `part` is the path of
    the invalid part inside the validated field.
    """
    context = {"message": message, "allowed": allowed, "part": part}
    return PydanticCustomError("invalid", "{message}", context)


def _check_prompt(prompt: str) -> str:
    if is_blank(prompt):
        raise invalid("is empty. Use at least 1 character.", "at least 1 character")
    return prompt


def _check_deadline(seconds: int) -> int:
    if not MIN_DEADLINE_SECONDS <= seconds <= MAX_DEADLINE_SECONDS:
        allowed = f"{MIN_DEADLINE_SECONDS} to {MAX_DEADLINE_SECONDS}"
        raise invalid(f"must be {allowed}.", allowed)
    return seconds


def _check_callback(url: str) -> str:
    if problem := url_problem(url):
        raise invalid(problem, ALLOWED_URL)
    return url


def _check_reuse(seconds: int) -> int:
    if not 0 <= seconds <= MAX_REUSE_SECONDS:
        allowed = f"0 to {MAX_REUSE_SECONDS}"
        raise invalid(f"must be {allowed}.", allowed)
    return seconds


def is_model_id(text: str) -> bool:
    """Return whether `text` can be the id of a model."""
    is_other = text.partition("/")[0].lower() in NOT_MODELS
    return _MODEL_ID.fullmatch(text) is not None and not is_other


def _check_model(model: str) -> str:
    if not _MODEL_ID.fullmatch(model):
        raise invalid(f"is not a model id. Use an id such as {EDIT_MODEL}.", "maker/model")
    if model.partition("/")[0].lower() in NOT_MODELS:
        allowed = f"a model id, such as {EDIT_MODEL}"
        raise invalid(f"is another WaveSpeed endpoint. Use {allowed}.", allowed)
    return model


def _check_input(model_input: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(model_input, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError):
        # 1e999, half of a surrogate pair, or a thousand brackets.
        message = (
            "is not plain JSON: it has an infinite number, incomplete Unicode or too many levels."
        )
        raise invalid(message, "plain JSON") from None
    if not _is_within_depth(model_input, _MAX_DEPTH):
        message = f"is nested too deep. Use at most {_MAX_DEPTH} levels."
        raise invalid(message, f"{_MAX_DEPTH} levels")
    if size > MAX_INPUT_BYTES:
        message = f"has {size:,} bytes of JSON; the limit is {MAX_INPUT_BYTES:,} bytes."
        raise invalid(message, f"{MAX_INPUT_BYTES} bytes of JSON")
    return model_input


def _is_within_depth(value: object, levels: int) -> bool:
    match value:
        case dict():
            children = list(value.values())
        case list():
            children = value
        case _:
            return True
    return levels > 0 and all(_is_within_depth(child, levels - 1) for child in children)


Prompt = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS),
    AfterValidator(_check_prompt),
]
AspectRatio = Annotated[_Ratio | None, BeforeValidator(_read_ratio)]
Deadline = Annotated[
    int,
    Field(strict=True),
    WHOLE,
    AfterValidator(_check_deadline),
    WithJsonSchema(
        {"type": "integer", "minimum": MIN_DEADLINE_SECONDS, "maximum": MAX_DEADLINE_SECONDS}
    ),
]

CallbackUrl = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_URL), AfterValidator(_check_callback)
]


ReuseSeconds = Annotated[
    int,
    Field(strict=True),
    WHOLE,
    AfterValidator(_check_reuse),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_REUSE_SECONDS}),
]


def _check_image(image: object, check_text: ValidatorFunctionWrapHandler) -> str | S3Object:
    return image if isinstance(image, S3Object) else check_text(image)


# Darkroom itself can also pass an S3Object, such as the upload that creates the job.
Image = Annotated[str, StringConstraints(min_length=1), WrapValidator(_check_image)]


class ImageSettings(Body):
    """WaveSpeed's settings of an image: the request parameters that change the output.

    Requests, presets, metadata overrides and batch columns derive from these fields.
    """

    aspect_ratio: AspectRatio = Field(
        default=None, description="Width to height. Default: WaveSpeed's default."
    )
    resolution: Resolution = Resolution.R1K
    quality: Quality = Quality.MEDIUM
    output_format: OutputFormat = OutputFormat.PNG


class ImageInput(ImageSettings):
    """The provider's input, without reference images."""

    prompt: Prompt = Field(description="Text that describes the image.")

    @property
    def input(self) -> dict[str, Any]:
        """The fields of ImageInput as JSON values; subclasses have further fields."""
        return self.model_dump(mode="json", include=set(ImageInput.model_fields), exclude_none=True)


class Output(Choice):
    """An image that a step of a chain takes from the chain: the text of a reference.

    `$previous` is the first output of the step before, `$first` that of the first job. `$source` is
    the first reference image of the first job, which is the upload for the inbox.
    """

    PREVIOUS = "$previous"
    FIRST = "$first"
    SOURCE = "$source"


_OUTPUTS = ", ".join(Output)
# A text of this form in a step is the name of an output.
_OUTPUT_NAME = re.compile(r"\$[a-z_]+", re.I)
# The task in a model's id, if its output is no image.
_NO_IMAGE = re.compile(
    r"(?:^|[/_-])(?:(?:text|image|video|audio|speech|reference)-to-(?:video|audio|speech|music|text|3d)"
    r"|[tivr]2v|tts|asr|lip-?sync)(?:$|[/_-])",
    re.I,
)


def output_of(text: object) -> Output | None:
    """Return the output of a chain that a text names; None for any other text.

    Raises a validation error for an unknown name.
    """
    if not isinstance(text, str) or not _OUTPUT_NAME.fullmatch(text.strip()):
        return None
    try:
        return Output(text)
    except ValueError:
        raise invalid(f"is no output of a chain. Use {_OUTPUTS}.", _OUTPUTS) from None


def _check_step_image(image: str) -> str:
    return output_of(image) or image


def _check_step_model(model: str) -> str:
    if model.lower() in (EDIT_MODEL, TEXT_TO_IMAGE_MODEL):
        message = "is GPT Image 2. Leave out `model`, and write the fields of `input` in the step."
        raise invalid(message, "another model, or no model")
    return model


def _check_step_input(model_input: dict[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = map_texts(model_input, lambda text, _: output_of(text) or text)
    return filled


_StepDeadline = Annotated[
    Deadline | None,
    Field(description="Seconds from the step's submission until its job fails."),
]


class EditStep(ImageInput):
    """A further step of a chain that edits images."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    operation: Literal[Operation.EDIT] = Operation.EDIT
    images: Annotated[
        tuple[Annotated[Image, AfterValidator(_check_step_image)], ...],
        Field(
            min_length=1,
            max_length=MAX_IMAGES,
            description="Reference images, as in an edit. `$previous` is the first image of the "
            "step before, `$first` that of the first job, and `$source` the first reference image "
            "of the first job.",
        ),
    ] = (Output.PREVIOUS,)
    deadline_seconds: _StepDeadline = None

    @property
    def model(self) -> str:
        """The provider's model id."""
        return EDIT_MODEL

    @property
    def references(self) -> tuple[str | S3Object, ...]:
        """The reference images; an `Output` stands for an image of the chain."""
        return self.images

    @property
    def outputs(self) -> set[Output]:
        """The outputs of the chain that the step takes."""
        return {image for image in self.images if isinstance(image, Output)}


class ModelStep(Body):
    """A further step of a chain that runs any other model of WaveSpeed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    model: Annotated[
        str,
        StringConstraints(max_length=200),
        AfterValidator(_check_model),
        AfterValidator(_check_step_model),
        Field(description="The model's id.", json_schema_extra={"pattern": _MODEL_ID.pattern}),
    ]
    input: Annotated[
        dict[str, Any],
        AfterValidator(_check_input),
        AfterValidator(_check_step_input),
        Field(
            description="The model's input, in WaveSpeed's format. A value `$previous`, `$first` "
            "or `$source` becomes the URL of that image."
        ),
    ]
    deadline_seconds: _StepDeadline = None

    @property
    def operation(self) -> Operation:
        """The operation: always `model`."""
        return Operation.MODEL

    @property
    def references(self) -> tuple[str | S3Object, ...]:
        """A model has no list of references: its input names them."""
        return ()

    @property
    def outputs(self) -> set[Output]:
        """The outputs of the chain that the step takes."""
        found: set[Output] = set()

        def collect(text: str, _: str) -> str:
            if isinstance(text, Output):
                found.add(text)
            return text

        map_texts(self.input, collect)
        return found


def _kind_of_step(step: object) -> str:
    is_model = "model" in step if isinstance(step, Mapping) else isinstance(step, ModelStep)
    return "model" if is_model else "edit"


type Step = Annotated[
    Annotated[EditStep, Tag("edit")] | Annotated[ModelStep, Tag("model")],
    Discriminator(_kind_of_step),
]


def _check_order(steps: tuple[EditStep | ModelStep, ...]) -> tuple[EditStep | ModelStep, ...]:
    """Raise for an edit step that takes the output of a model without images."""
    for index, (before, step) in enumerate(pairwise(steps), 1):
        if isinstance(step, EditStep) and isinstance(before, ModelStep):
            require_image_output(step, before.model, f"{index}.images")
    return steps


def require_image_output(step: EditStep, model: str, part: str) -> None:
    """Raise a validation error if the step edits the output of a model that makes no images.

    The id of a model names its task. Of other models, the type of an output is known at its end.
    """
    if Output.PREVIOUS in step.images and _NO_IMAGE.search(model):
        message = f"cannot be $previous: {model} makes no image. Use $first or another image."
        raise invalid(message, "an image", part)


Then = Annotated[
    tuple[Step, ...],
    Field(
        max_length=MAX_STEPS,
        description="A chain: 1 to 5 further steps. Each is a job that starts when the step before "
        "has completed.",
    ),
    AfterValidator(_check_order),
]


class BaseRequest(Body):
    """The fields of every request. They are for Darkroom; the provider does not receive them."""

    # Pydantic's messages would quote the input, and appear in logs and the execution history.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    deadline_seconds: Deadline | None = Field(
        default=None,
        description="Seconds from submission until the job fails with `deadline_exceeded`. "
        f"Default: {DEFAULT_DEADLINE_SECONDS}.",
    )
    priority: Priority | None = Field(
        default=None,
        description="A `low` job waits until no `normal` job waits. Default: `normal`, or `low` "
        "for inbox uploads and the rows of a batch.",
    )
    callback_url: CallbackUrl | None = Field(
        default=None,
        description="An https:// URL that Darkroom posts the job's terminal events to.",
    )
    reuse_seconds: ReuseSeconds | None = Field(
        default=None,
        description="Seconds in which an identical earlier request of the caller gives its outputs "
        "to this job, which is then not charged. Default: 0, for no reuse.",
    )
    reuse_ignores_query: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="With `reuse_seconds`: https:// references are the same file if their URLs "
        "differ in the query only, such as in a signature.",
    )
    then: Then = ()

    @model_validator(mode="after")
    def _check_then(self) -> Self:
        """Check the outputs that the steps take from the first job."""
        for index, step in enumerate(self.then):
            if isinstance(self, AnyModel) and isinstance(step, EditStep) and index == 0:
                require_image_output(step, self.model, "then.0.images")
            if Output.SOURCE in step.outputs and not isinstance(self, Edit):
                message = "takes $source, but the first job has no reference image."
                field = "images" if isinstance(step, EditStep) else "input"
                raise invalid(message, "$previous or $first", f"then.{index}.{field}")
        return self

    @property
    def references(self) -> tuple[str | S3Object, ...]:
        """The reference images: texts of the caller, or objects of the inbox."""
        return ()


class TextToImage(BaseRequest, ImageInput):
    """Generate an image from a prompt."""

    operation: Literal[Operation.TEXT_TO_IMAGE]

    @property
    def model(self) -> str:
        """The provider's model id."""
        return TEXT_TO_IMAGE_MODEL


class Edit(BaseRequest, ImageInput):
    """Generate an image from a prompt and 1 to 16 reference images."""

    operation: Literal[Operation.EDIT]
    images: Annotated[
        tuple[Image, ...],
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
    def references(self) -> tuple[str | S3Object, ...]:
        """The reference images: texts of the caller, or objects of the inbox."""
        return self.images


class AnyModel(BaseRequest):
    """Run any other model of WaveSpeed. `input` is passed through unchanged."""

    model: Annotated[
        str,
        StringConstraints(max_length=200),
        AfterValidator(_check_model),
        Field(
            description="The model's id, for example `wavespeed-ai/any-model`.",
            json_schema_extra={"pattern": _MODEL_ID.pattern},
        ),
    ]
    input: Annotated[
        dict[str, Any],
        AfterValidator(_check_input),
        Field(description="The model's input, in WaveSpeed's format."),
    ]

    @property
    def operation(self) -> Operation:
        """The operation: always `model`."""
        return Operation.MODEL


type JobRequest = TextToImage | Edit | AnyModel


def models_of(request: JobRequest) -> tuple[str, ...]:
    """Return the model of a request and those of its further steps."""
    return (request.model, *(step.model for step in request.then))


# Fields of a request for an image that the provider does not receive.
DARKROOM_FIELDS = (*BaseRequest.model_fields, "operation")
