"""The request and response models of the HTTP API. They generate infra/api/openapi.yaml."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.batch import (
    CONFIRM_ABOVE,
    BatchColumn,
    BatchStatus,
    Counts,
    RequestPreview,
    RowProblem,
)
from darkroom.domain.batch_file import MAX_BATCH_FILE_BYTES, BatchFileFormat
from darkroom.domain.callers import Role
from darkroom.domain.catalogue import Model, ModelSummary
from darkroom.domain.chain_state import ChainStatus
from darkroom.domain.errors import Charged, Code, FieldProblem
from darkroom.domain.events import S3Location, Timings
from darkroom.domain.job import Asset, Status
from darkroom.domain.keys import Creator
from darkroom.domain.labels import MAX_TAG, MAX_TAGS, Tags
from darkroom.domain.presets import Presets
from darkroom.domain.queue_places import QueueReason
from darkroom.domain.references import MAX_REFERENCE_BYTES
from darkroom.domain.requests import MAX_PROMPT_CHARACTERS, Operation
from darkroom.domain.stats import Day, Durations
from darkroom.domain.submit_queue import Priority
from darkroom.domain.values import WHOLE, Body

# API Gateway passes at most 6 MB to a function, including what it adds to the body.
MAX_BODY_BYTES = 5_000_000
# API Gateway passes a form in base64, which is a third longer.
MAX_FORM_BYTES = 4_500_000
MAX_DELETED = 100  # predictions per request
MAX_LISTED = 1000  # predictions that a list can reach
MAX_WAIT_SECONDS = 25  # API Gateway times out after 29
MAX_PAGE = 100
MAX_PAGES = 1000  # of models
MAX_DAYS = 90
MAX_TEXT = 200  # characters of a search text
MAX_SHARE_HOURS = 168
_MAX_NAME, _MAX_SOURCE = 200, 2000  # characters of a batch's name and source


class _Model(BaseModel):
    # Additional fields are allowed: later versions may add some, and so may a problem.
    model_config = ConfigDict(frozen=True, defer_build=True)


class AssetView(Asset):
    """A stored output, with presigned URLs."""

    url: str = Field(
        description="Presigned URL, valid for at most one hour. Store `key` instead of the URL."
    )
    download_url: str = Field(
        description="As `url`, but browsers save the file as `filename` instead of showing it."
    )
    filename: str = Field(
        description="Name for the saved file: the prompt's words and the job's id."
    )
    thumbnail_url: str | None = Field(
        description="Presigned URL of a WebP thumbnail of at most 640 pixels per side, available a "
        "few seconds after the job ends. null if not an image."
    )


class FailureView(_Model):
    """Why a job failed."""

    code: Code
    message: str = Field(description="The reason in words, and what to do.")
    detail: str | None = Field(description="WaveSpeed's error message, if any.")
    retryable: bool = Field(description="Whether a new request with the same content may succeed.")


class EventView(_Model):
    """An event as published on the event bus."""

    detail_type: str = Field(description="The name of the event, for example `JobCompleted`.")
    detail: dict[str, object] = Field(description="See infra/events for its JSON Schema.")


class ChainStepView(_Model):
    """A step of a chain."""

    step: int = Field(description="Number of the step; 0 is the first job.")
    job_id: str | None = Field(description="The job of the step; null if it has not started.")
    operation: Operation
    model: str = Field(description="WaveSpeed's model id.")
    status: Status | Literal["waiting", "skipped"] = Field(
        description="`waiting`: starts after the step before. `skipped`: the chain has ended."
    )
    code: Code | None = Field(description="Why the step's job has failed; null unless it has.")
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost in micro-USD. null: the price is not known."
    )
    charged: Charged = Field(description="Whether WaveSpeed charged the step's job.")


class ChainView(_Model):
    """A chain: a job and its further steps."""

    chain_id: str = Field(description="Id of the chain, which is that of its first job.")
    status: ChainStatus
    attempt: int = Field(description="How often the chain was resumed.")
    steps: tuple[ChainStepView, ...]
    code: Code | None = Field(description="Why the chain has failed; null unless it has.")
    message: str | None = Field(description="The reason in words; null unless it has failed.")
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost of all steps in micro-USD. null: a price is not known."
    )
    reserved_micro_usd: int = Field(
        description="Price in micro-USD of the steps that have not started, while the chain runs."
    )
    spent_micro_usd: int = Field(
        description="Cost in micro-USD of the charged jobs, with those that a resume has replaced."
    )
    uncertain_micro_usd: int = Field(
        description="Cost in micro-USD of jobs that may have been charged (`charged` is `maybe`)."
    )
    ended_at: datetime | None = Field(description="null while the chain runs.")


class QueuePlaceView(_Model):
    """The place of a queued job in the submit queue."""

    position: int | None = Field(
        description="1 is the next job of its queue shard. null: the job has just been accepted."
    )
    wait_seconds: float | None = Field(
        description="Estimated seconds until the job is submitted. null: not known."
    )
    reason: QueueReason | None = Field(
        description="Why no job is submitted; null while jobs are submitted."
    )
    message: str | None = Field(description="`reason` in words; null while jobs are submitted.")


class JobView(_Model):
    """A job."""

    job_id: str
    status: Status
    operation: Operation
    model: str = Field(description="WaveSpeed's model id.")
    input: dict[str, object] = Field(description="The model's input, without reference images.")
    references: tuple[str, ...] = Field(
        description="The reference images: URLs without their query strings, or s3:// URIs."
    )
    reference_urls: tuple[str | None, ...] = Field(
        description="Presigned URLs of the references, valid for at most one hour. null for "
        "references outside the assets bucket. Empty in lists."
    )
    caller: str = Field(description="The owner of the job.")
    idempotency_key: str = Field(description="The caller's idempotency key, or a generated one.")
    batch_id: str | None = Field(description="The batch of the job; null for other jobs.")
    chain_id: str | None = Field(description="The chain of the job; null without further steps.")
    step: int | None = Field(description="Number of the job's step in the chain.")
    preset: str | None = Field(description="Name and version of the preset, as in `scan@3`.")
    source: S3Location | None = Field(
        description="The inbox upload that created the job; null for other jobs."
    )
    deadline_seconds: int = Field(
        description="Seconds from submission until the job fails with `deadline_exceeded`."
    )
    expected_seconds: float = Field(
        description="Expected duration at WaveSpeed in seconds: the median of similar jobs."
    )
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost in micro-USD. null: the price is not known."
    )
    charged: Charged = Field(description="Whether WaveSpeed charged the job.")
    reused_from: str | None = Field(
        description="The job whose outputs this job has; null for most jobs."
    )
    priority: Priority = Field(description="A `low` job waits until no `normal` job waits.")
    canceled_at: datetime | None = Field(
        description="When the job was canceled. A job canceled after submission stays open until "
        "its outputs are stored."
    )
    erasing_at: datetime | None = Field(
        description="When the erasure of the job's content began. null: it was not requested."
    )
    erased_at: datetime | None = Field(
        description="When the content had been erased. null, with `erasing_at`: the erasure is not "
        "complete, and Darkroom repeats it."
    )
    favorite: bool = Field(description="Whether the job is marked as a favorite.")
    tags: tuple[str, ...] = Field(description="The tags, in alphabetical order.")
    shared_until: datetime | None = Field(
        description="When the link to the outputs expires; it may have. null: there is no link."
    )
    failure: FailureView | None = Field(description="null unless the job has failed.")
    assets: tuple[AssetView, ...] = Field(description="The stored outputs.")
    prediction_id: str | None = Field(
        description="WaveSpeed's id of the job. null: not submitted, or not known."
    )
    checks: int = Field(description="Number of polls of WaveSpeed for this job.")
    timings: Timings
    event: EventView | None = Field(
        description="The last event published for the job. null before the first, and in lists."
    )
    queue: QueuePlaceView | None = Field(
        description="The place of a queued job; null for all others, and in responses to other "
        "methods than GET. A change of it is no change for `?wait` and the ETag."
    )
    chain: ChainView | None = Field(
        description="The chain of the job. null for a job without further steps, and in lists."
    )


class LabelsRequest(Body):
    """Labels of a job. A label that is not given stays as it is."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    favorite: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="Whether the job is a favorite."
    )
    tags: Tags | None = Field(
        default=None,
        description=f"The new tags, which replace the present ones: at most {MAX_TAGS}, each of at "
        f"most {MAX_TAG} characters without commas. They are stored in lower case.",
    )


class ShareRequest(Body):
    """A link to the outputs of a job."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    expires_in_hours: Annotated[int, WHOLE, Field(strict=True, ge=1, le=MAX_SHARE_HOURS)] = Field(
        description="Hours until the link expires."
    )


class ShareView(_Model):
    """A link to the outputs of a job, which works without a key."""

    url: str = Field(description="The link. Darkroom does not store it, and shows it only here.")
    expires_at: datetime


class JobPage(_Model):
    """A page of jobs, newest first."""

    jobs: tuple[JobView, ...]
    cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page. null on the last page."
    )


class StepEstimate(_Model):
    """The price of a further step of a chain."""

    operation: Operation
    model: str = Field(description="WaveSpeed's model id.")
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost in micro-USD. null: the price is not known."
    )


class Estimate(_Model):
    """The price of a request, with all steps of a chain."""

    operation: Operation
    model: str = Field(description="WaveSpeed's model id.")
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost in micro-USD, with further steps. null: a price is not known."
    )
    then: tuple[StepEstimate, ...] = Field(description="The prices of the further steps.")
    priced_as_of: str | None = Field(description="Date of WaveSpeed's quote or of the price table.")


class ModelSummaryView(ModelSummary):
    """A model in a list."""

    problem: str | None = Field(
        description="Why the key cannot run the model: its price is not known. null: it can."
    )


class ModelList(_Model):
    """A page of models, popular ones first. Models that the key may not use are left out."""

    models: tuple[ModelSummaryView, ...]
    total: int = Field(description="Number of models on all pages.")
    types: tuple[str, ...] = Field(description="The values of `type` of all models.")


class ModelView(Model):
    """A model, and the fields of its input."""

    problem: str | None = Field(
        description="Why the key cannot run the model: its price is not known. null: it can."
    )


class Me(_Model):
    """The caller of the API key, its permissions and today's budgets. Days end at midnight UTC."""

    caller: str = Field(description="The owner of the jobs that this key creates.")
    role: Role
    can_read_all: bool = Field(description="Whether the key can read the jobs of every caller.")
    can_submit: bool = Field(description="Whether the key can create jobs.")
    day: date = Field(description="Today, in UTC.")
    daily_budget_micro_usd: int | None = Field(
        description="The caller's daily budget in micro-USD. null: no limit."
    )
    left_micro_usd: int | None = Field(
        description="What remains of the caller's budget today, in micro-USD. null: no limit."
    )
    stack_budget_micro_usd: int | None = Field(
        description="The deployment's daily budget in micro-USD. null: no limit."
    )
    stack_left_micro_usd: int | None = Field(
        description="What remains of the deployment's budget today, in micro-USD. null: no limit."
    )


class SubmitsRequest(Body):
    """Whether submission is paused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    paused: Annotated[bool, Field(strict=True)] = Field(
        description="true: no job is submitted until submission resumes; submitted jobs continue."
    )


class SubmitsView(_Model):
    """Whether submission is paused by an admin."""

    paused: bool = Field(description="Whether an admin or the operator has paused submission.")
    paused_at: datetime | None = Field(description="Since when; null while it is not paused.")
    paused_by: Creator | None = Field(
        description="Who paused submission: a key, or `aws` for AWS credentials. null while it is "
        "not paused."
    )


class QueueView(SubmitsView):
    """The state of the submit queue."""

    waiting_normal: int = Field(description="Waiting jobs of priority `normal`.")
    waiting_low: int = Field(description="Waiting jobs of priority `low`.")
    in_flight: int = Field(description="Submitted jobs that WaveSpeed has not finished.")
    paused_seconds: float = Field(description="Seconds until the next job may be submitted.")
    reason: QueueReason | None = Field(
        description="Why no job is submitted; null while jobs are submitted."
    )
    breaker: Literal["closed", "open"] = Field(
        description="The circuit breaker. `open`: submission is paused, because WaveSpeed is "
        "unreachable or refuses every job."
    )
    message: str | None = Field(description="`reason` in words; null while jobs are submitted.")


class StatsView(_Model):
    """Statistics of ended jobs, by UTC day and caller."""

    since: date = Field(description="The first day, in UTC.")
    until: date = Field(description="The last day, in UTC: today.")
    days: tuple[Day, ...] = Field(description="One entry for each day and caller, oldest first.")
    durations: tuple[Durations, ...] = Field(
        description="Durations at WaveSpeed of all callers' jobs of these days, by kind of image."
    )
    queue: QueueView


class UploadRequest(Body):
    """A file to upload."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    content_type: str | None = Field(
        default=None,
        description="A hint, such as `image/png`. The bytes of the file decide when it is used.",
    )
    size: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_BATCH_FILE_BYTES,
            description=f"Exact size in bytes. An image has at most {MAX_REFERENCE_BYTES}.",
        ),
    ]


class PresignedUploadView(_Model):
    """A presigned upload, usable once. Send the file with PUT to `url` with exactly `headers`."""

    upload_id: str
    reference: str = Field(description="Use it in `images` of a job, or as `source` of a batch.")
    uri: str = Field(description="The location of the upload as an s3:// URI.")
    method: Literal["PUT"] = "PUT"
    url: str = Field(description="Presigned URL for the PUT.")
    headers: dict[str, str] = Field(description="The headers of the PUT, all of them signed.")
    expires_at: datetime = Field(description="When the URL expires.")


class BatchRequest(Body):
    """A file of rows, and settings for all of them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    source: Annotated[
        str,
        StringConstraints(min_length=1, max_length=_MAX_SOURCE),
        Field(description="The batch file: `upload:<id>` or `s3://bucket/key`."),
    ]
    format: BatchFileFormat | None = Field(
        default=None,
        description="Format of the batch file. Default: detected from its name or content.",
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=_MAX_NAME)] | None = Field(
        default=None, description="Name of the batch. Default: the file name."
    )
    prompt: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS)] | None
    ) = Field(
        default=None,
        description="Prompt template for rows without a prompt. Names in braces are columns, as in "
        "`{product} on white`.",
    )
    defaults: dict[str, Any] | None = Field(
        default=None, description="Default values of job request fields, for rows without them."
    )
    columns: (
        dict[
            Annotated[str, StringConstraints(max_length=_MAX_NAME)],
            Annotated[str, StringConstraints(min_length=1, max_length=_MAX_SOURCE)],
        ]
        | None
    ) = Field(
        default=None,
        description='The columns of request fields, such as `{"images": "Photo", "id": "SKU"}`. '
        "Columns without the exact name of a field are then data.",
    )
    dry_run: Annotated[
        bool,
        Field(strict=True, description="Validate and price the rows without starting a batch."),
    ] = False
    confirm_micro_usd: Annotated[int, Field(ge=0, strict=True), WHOLE] | None = Field(
        default=None,
        description=f"Confirms the cost: the highest acceptable estimate in micro-USD. Required "
        f"above {CONFIRM_ABOVE}, or with unpriced rows.",
    )


class Results(_Model):
    """Presigned URLs of the result files, valid for at most one hour."""

    csv_url: str = Field(description="The results as CSV.")
    jsonl_url: str = Field(description="The results as JSON Lines.")


class ZipView(_Model):
    """A zip file of outputs of a batch."""

    filename: str
    files: int = Field(description="Number of outputs in the file.")
    bytes: int = Field(description="Total size of these outputs.")
    url: str | None = Field(
        description="Presigned URL, valid for at most one hour. null: the file does not exist; "
        "`POST /v1/batches/{id}/zips` makes it. Always null in a list of batches."
    )


class BatchView(_Model):
    """A batch."""

    batch_id: str | None = Field(description="null for a dry run.")
    name: str
    caller: str | None = Field(description="The owner of the batch; null for a dry run.")
    status: BatchStatus
    source: str = Field(description="The batch file as an s3:// URI.")
    rows: int = Field(description="Number of rows in the batch file.")
    bad_rows: int = Field(description="Rows that are not valid requests.")
    estimated_cost_micro_usd: int = Field(
        description="Estimated cost in micro-USD of all rows with a known price."
    )
    unpriced_rows: int = Field(description="Valid rows without a known price.")
    errors: tuple[RowProblem, ...] = Field(
        description="The first problems of invalid rows. The results have all of them."
    )
    warnings: tuple[str, ...] = Field(
        description="What is valid in the file, but probably not intended: a template without "
        "columns, columns that are not used. Also the daily budgets that the rows exceed."
    )
    preview: tuple[RequestPreview, ...] = Field(
        default=(),
        description="A dry run: the first three requests, exactly as WaveSpeed will receive them. "
        "Empty for a batch.",
    )
    columns: tuple[BatchColumn, ...] = Field(
        default=(),
        description="A dry run: the first 200 columns of the file. Empty for a batch.",
    )
    progress: Counts = Field(
        description="Rows by status, up to 10 minutes old while the batch is running."
    )
    spent_micro_usd: int = Field(description="Cost of the charged jobs in micro-USD.")
    uncertain_micro_usd: int = Field(
        description="Cost in micro-USD of jobs that may have been charged (`charged` is `maybe`)."
    )
    eta_seconds: int | None = Field(
        description="Estimated seconds until every row has ended. null: not known."
    )
    results: Results | None = Field(description="null until the batch has ended with results.")
    zips: tuple[ZipView, ...] = Field(
        default=(), description="The zip files of an ended batch, at most 2 GB each."
    )
    zips_requested_at: datetime | None = Field(
        default=None, description="When zip files were last requested."
    )
    created_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None


class BatchPage(_Model):
    """A page of batches, newest first."""

    batches: tuple[BatchView, ...]
    cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page. null on the last page."
    )


def _as_utc(time: datetime) -> datetime:
    """Return the time in UTC; a time without an offset is in UTC."""
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("The time is out of range") from None


_UtcTime = Annotated[datetime, AfterValidator(_as_utc)]


class PredictionQuery(BaseModel):
    """A list of predictions, newest first, as WaveSpeed's clients ask for it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    page: int = Field(default=1, ge=1, le=MAX_LISTED)
    page_size: int = Field(default=20, ge=1, le=MAX_PAGE)
    model: str | None = Field(default=None, description="Only predictions of this model.")
    status: (
        Literal["created", "pending", "processing", "completed", "failed", "cancelled", "timeout"]
        | None
    ) = Field(default=None, description="Only predictions with this status.")
    created_after: _UtcTime | None = None
    created_before: _UtcTime | None = None
    include_inputs: bool = False


class PredictionIds(BaseModel):
    """Predictions to delete."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    ids: tuple[str, ...] = Field(max_length=MAX_DELETED)


class PriceQuery(BaseModel):
    """A model and its input, to get the price."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    model_id: str
    inputs: dict[str, Any] = {}


class CallbackSecretView(_Model):
    """The secret that signs the callbacks of a caller."""

    secret: str = Field(description="`whsec_` and the key in base64, as in Standard Webhooks.")
    previous: str | None = Field(
        description="After a rotation, the secret before. Callbacks are also signed with it."
    )
    previous_until: datetime | None = Field(description="When `previous` is no longer used.")


class PresetsView(Presets):
    """The presets in use."""

    problem: str | None = Field(
        description="The error in a newer presets document that is not valid; null without one."
    )


class PresetsRequest(Presets):
    """The presets document of a change."""

    version: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True), WHOLE] = Field(
        description="The version in use, which the request replaces. The new version is one more."
    )


class PresetsVersionView(_Model):
    """A stored version of the presets."""

    version_id: str = Field(
        description="The id of the version in S3; `shipped` for the presets of Darkroom."
    )
    version: int | None = Field(description="null if the document is not valid.")
    stored_at: datetime | None = Field(description="null for the presets of Darkroom.")
    stored_by: Creator | None = Field(description="null for the presets of Darkroom.")
    changed: tuple[str, ...] = Field(
        description="Names of the presets that were added, changed or removed by this version."
    )
    problem: str | None = Field(description="The error of a document that is not valid.")


class PresetsVersions(_Model):
    """The newest versions of the presets, newest first."""

    versions: tuple[PresetsVersionView, ...]


class InboxNoteView(_Model):
    """An upload that was rejected, or whose job has failed."""

    key: str = Field(description="The key of the upload in the inbox bucket.")
    at: datetime
    code: Code
    message: str
    job_id: str | None = Field(description="The failed job; null if no job was started.")


class WaitingUploadView(_Model):
    """An upload that waits for its references."""

    key: str = Field(description="The key of the upload in the inbox bucket.")
    since: datetime


class InboxView(_Model):
    """The uploads of the inbox that have no image. `GET /v1/jobs` lists the jobs of the others."""

    notes: tuple[InboxNoteView, ...] = Field(description="The newest notes in errors/ first.")
    is_complete: bool = Field(
        description="false: there are more than 1,000 notes, and newer ones may be missing."
    )
    waiting: tuple[WaitingUploadView, ...]


class Problem(_Model):
    """An error in the format of RFC 9457."""

    type: str = Field(
        description="A stable identifier, `urn:darkroom:problem:…`. Programs should use this field."
    )
    title: str
    status: int = Field(description="The HTTP status code.")
    detail: str = Field(description="A message for people. The text may change.")
    errors: tuple[FieldProblem, ...] = Field(
        default=(), description="One entry for each invalid field."
    )
    budget_micro_usd: int | None = Field(
        default=None, description="With `budget-exceeded`: the daily budget in micro-USD."
    )
    left_micro_usd: int | None = Field(
        default=None,
        description="With `budget-exceeded`: what remains of the budget until midnight UTC, in "
        "micro-USD.",
    )
    cost_micro_usd: int | None = Field(
        default=None,
        description="With `budget-exceeded` or `confirmation-required`: the estimated cost in "
        "micro-USD. Omitted if not known.",
    )
