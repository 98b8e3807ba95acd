"""The table of routes: what the OpenAPI document says of each, models aside."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.domain.job import Status
from darkroom.domain.requests import Operation
from darkroom.web.contract import MAX_DAYS, MAX_PAGE, MAX_TEXT, MAX_WAIT_SECONDS, WAVESPEED_PREFIX
from darkroom.web.studio import MEDIA_TYPES

_V3 = WAVESPEED_PREFIX.rstrip("/")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a route."""

    name: str
    place: str
    description: str
    schema: dict[str, Any]

    def as_openapi(self) -> dict[str, Any]:
        """Return it as the document has it."""
        required = {"required": True} if self.place == "path" else {}
        return {
            "name": self.name,
            "in": self.place,
            **required,
            "description": self.description,
            "schema": self.schema,
        }


@dataclass(frozen=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    name: str
    summary: str
    success: dict[int, str | None]
    body: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    headers: tuple[str, ...] = ()
    errors: frozenset[int] = field(default_factory=frozenset)
    function: str = "ApiFunction"
    is_open: bool = False  # without a key
    media: tuple[str, ...] = ()  # of what is text, and no model

    @property
    def is_wire(self) -> bool:
        """Whether it speaks the provider's own format."""
        return self.path.startswith(_V3)


_TEXT: dict[str, Any] = {"type": "string"}
_JOB_ID = Parameter("job_id", "path", "The job's id.", _TEXT)
_ONCE = Parameter(
    "Idempotency-Key",
    "header",
    "The same key and the same request: the same job, charged once.",
    {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
)
_KNOWN = Parameter("If-None-Match", "header", "The ETag that is known.", _TEXT)
_WAIT = Parameter(
    "wait",
    "query",
    "Seconds to wait for a change: from If-None-Match, or else from now on.",
    {"type": "integer", "minimum": 1, "maximum": MAX_WAIT_SECONDS},
)
_DAYS = Parameter(
    "days",
    "query",
    "How many, today included (30).",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS},
)
_BATCH_ID = Parameter("batch_id", "path", "The batch's id.", _TEXT)
_LISTED = (
    Parameter("status", "query", "Only these.", {"type": "string", "enum": list(map(str, Status))}),
    Parameter(
        "limit", "query", "How many.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}
    ),
    Parameter("cursor", "query", "The cursor of the page before.", _TEXT),
    Parameter(
        "operation",
        "query",
        "Only of this kind.",
        {"type": "string", "enum": list(map(str, Operation))},
    ),
    Parameter(
        "text",
        "query",
        "Only with this in the prompt, in capitals or not.",
        {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
    ),
    Parameter("batch", "query", "Only the rows of this batch.", _TEXT),
    Parameter(
        "caller",
        "query",
        "Whose, for an admin key.",
        {"type": "string", "minLength": 1, "maxLength": 256},
    ),
)
_LIST = tuple(each for each in _LISTED if each.name in ("limit", "cursor", "caller"))
_JOB_HEADERS = ("ETag", "Retry-After")
_BODY = frozenset({400, 413, 415})
_BAD, _CONFLICT, _PAYMENT = frozenset({400}), frozenset({409}), frozenset({402})

ROUTES = (
    Route(
        "post", "/v1/jobs", "createJob", "Ask for a job.", {202: "JobView"},
        ("TextToImage", "Edit", "AnyModel"), (_ONCE,), ("Location", *_JOB_HEADERS),
        _BODY | _CONFLICT | _PAYMENT,
    ),
    Route("get", "/v1/jobs", "listJobs", "Jobs, newest first.", {200: "JobPage"},
          parameters=_LISTED, errors=_BAD),
    Route(
        "get", "/v1/jobs/{job_id}", "getJob", "One job, with fresh URLs.",
        {200: "JobView", 304: None}, parameters=(_JOB_ID, _WAIT, _KNOWN), headers=_JOB_HEADERS,
        errors=_BAD,
    ),
    Route(
        "delete", "/v1/jobs/{job_id}", "cancelJob",
        "Cancel: free before the submit; after it, the result is filed as canceled (202).",
        {200: "JobView", 202: "JobView"}, parameters=(_JOB_ID,), headers=_JOB_HEADERS,
        errors=_BAD | _CONFLICT,
    ),
    Route("post", "/v1/estimates", "estimate", "The price of a request.", {200: "Estimate"},
          ("TextToImage", "Edit", "AnyModel"), errors=_BODY),
    Route("post", "/v1/uploads", "createUpload", "Leave to put a reference image.",
          {201: "PresignedUploadView"}, ("UploadRequest",), errors=_BODY),
    Route(
        "post", "/v1/batches", "createBatch", "Make jobs of a file's rows; dry_run: only plan it.",
        {200: "BatchView", 202: "BatchView"}, ("BatchRequest",), (_ONCE,), ("Location",),
        _BODY | _CONFLICT,
    ),
    Route("get", "/v1/batches", "listBatches", "Batches, newest first.", {200: "BatchPage"},
          parameters=_LIST, errors=_BAD),
    Route("get", "/v1/batches/{batch_id}", "getBatch", "One batch: progress, money, results.",
          {200: "BatchView"}, parameters=(_BATCH_ID, _WAIT), errors=_BAD),
    Route("delete", "/v1/batches/{batch_id}", "cancelBatch",
          "Start no further row, and cancel what was started.",
          {200: "BatchView", 202: "BatchView"}, parameters=(_BATCH_ID,), errors=_BAD | _CONFLICT),
    Route("get", "/v1/presets", "listPresets", "What the folders of the inbox do.",
          {200: "PresetsView"}, errors=_BAD),
    Route("get", "/v1/me", "getMe", "Whose key it is, and what may be spent today.", {200: "Me"},
          errors=_BAD),
    Route("get", "/v1/stats", "getStats", "What was made and spent, and how the line stands.",
          {200: "StatsView"}, parameters=(_DAYS,), errors=_BAD),
    Route(
        "post", f"{_V3}/{{model+}}", "submitPrediction", "The provider's submit.",
        {200: "WirePrediction"}, ("WireInput",),
        (Parameter("model", "path", "The model's id; it has slashes.", _TEXT),
         Parameter("webhook", "query", "Not called: refused.", _TEXT), _ONCE),
        errors=_BODY | _CONFLICT | _PAYMENT,
    ),
    Route("get", f"{_V3}/predictions/{{job_id}}/result", "getResult", "The provider's poll.",
          {200: "WirePrediction"}, parameters=(_JOB_ID,)),
    Route("get", f"{_V3}/predictions/{{job_id}}", "getPrediction", "The same, by its other path.",
          {200: "WirePrediction"}, parameters=(_JOB_ID,)),
    Route("post", f"{_V3}/media/uploads", "createTicket", "The provider's upload ticket.",
          {200: "WireUpload"}, ("WireUploadRequest",), errors=_BODY),
    Route(
        "post", "/webhooks/wavespeed/{job_id}", "takeWebhook",
        "For the provider: a prediction has ended. Signed with the account's webhook secret.",
        {204: None}, ("WireWebhook",),
        (_JOB_ID, Parameter("token", "query", "Whose POST it was.", _TEXT)),
        function="OnWebhookFunction", is_open=True,
    ),
    Route("get", "/", "openStudio", "The studio: the page for people.", {200: None, 304: None},
          headers=("ETag",), is_open=True, media=(MEDIA_TYPES[".html"],)),
    Route("get", "/studio/{file}", "getStudioFile", "A file of the studio.",
          {200: None, 304: None},
          parameters=(Parameter("file", "path", "Its name.", _TEXT),), headers=("ETag",),
          errors=frozenset({404}), is_open=True, media=tuple(MEDIA_TYPES.values())),
    Route("get", f"{_V3}/balance", "getBalance", "What is left of the key's daily budget.",
          {200: "WireBalance"}),
)  # fmt: skip
