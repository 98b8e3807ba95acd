"""The table of routes for the OpenAPI document, without the models."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.api.schemas import MAX_DAYS, MAX_PAGE, MAX_PAGES, MAX_TEXT, MAX_WAIT_SECONDS
from darkroom.api.studio import MEDIA_TYPES
from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.domain.requests import Operation
from darkroom.domain.wavespeed_prediction import WAVESPEED_PREFIX

_V3 = WAVESPEED_PREFIX.rstrip("/")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a route."""

    name: str
    location: str
    description: str
    schema: dict[str, Any]

    def as_openapi(self) -> dict[str, Any]:
        """Return the parameter object of the OpenAPI document."""
        required = {"required": True} if self.location == "path" else {}
        return {
            "name": self.name,
            "in": self.location,
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
    is_open: bool = False  # needs no key
    media: tuple[str, ...] = ()  # media types of text responses
    body_media: str = "application/json"

    @property
    def is_wavespeed(self) -> bool:
        """Whether the route uses the provider's wire format."""
        return self.path.startswith(_V3)


_STRING: dict[str, Any] = {"type": "string"}
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_JOB_ID = Parameter("job_id", "path", "The job's id.", _STRING)
_IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Requests with the same key and content return the same object, which is charged once. The "
    "same key with different content is a 409. Default: every request is new.",
    {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
)
_IF_NONE_MATCH = Parameter(
    "If-None-Match", "header", "An ETag. The response is 304 if the job still has it.", _STRING
)
_WAIT = Parameter(
    "wait",
    "query",
    "Maximum seconds to wait for a change before the response. The change is relative to "
    "If-None-Match, if sent.",
    {"type": "integer", "minimum": 1, "maximum": MAX_WAIT_SECONDS},
)
_DAYS = Parameter(
    "days",
    "query",
    "Number of days, including today. Default: 30.",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS},
)
_KEY_ID = Parameter("key_id", "path", "The key's id.", _STRING)
_BATCH_ID = Parameter("batch_id", "path", "The batch's id.", _STRING)
_JOB_FILTERS = (
    Parameter(
        "status",
        "query",
        "Only jobs with this status.",
        {"type": "string", "enum": list(map(str, Status))},
    ),
    Parameter(
        "limit",
        "query",
        "Maximum number of items. Default: 20.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
    ),
    Parameter("cursor", "query", "`cursor` of the previous page.", _STRING),
    Parameter(
        "code",
        "query",
        "Only jobs that failed with this code.",
        {"type": "string", "enum": list(map(str, Code))},
    ),
    Parameter(
        "operation",
        "query",
        "Only jobs with this operation.",
        {"type": "string", "enum": list(map(str, Operation))},
    ),
    Parameter(
        "text",
        "query",
        "Only jobs with this text in the prompt (case-insensitive).",
        _TEXT,
    ),
    Parameter("batch", "query", "Only jobs of this batch.", _STRING),
    Parameter("tag", "query", "Only jobs with this tag (case-insensitive).", _TEXT),
    Parameter(
        "favorite",
        "query",
        "`true`: only favorites. `false`: only other jobs.",
        {"type": "string", "enum": ["true", "false"]},
    ),
    Parameter("since", "query", "Only jobs accepted on this day in UTC or later.", _DAY),
    Parameter("until", "query", "Only jobs accepted on this day in UTC or before.", _DAY),
    Parameter(
        "preset", "query", "Only jobs of this preset: `scan`, or one version: `scan@3`.", _TEXT
    ),
    Parameter("key", "query", "Only jobs that the API key with this id requested.", _TEXT),
    Parameter("model", "query", "Only jobs of this model.", _TEXT),
    Parameter(
        "caller",
        "query",
        "Only jobs or batches of this caller. Admin keys default to all callers. Other keys can "
        "only name their own caller.",
        {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^#]+$"},
    ),
)
_OWNER = (
    Parameter(
        "caller",
        "query",
        "The caller of the secret. Default: the key's caller. Only admin keys can name another.",
        {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^#]+$"},
    ),
)
_LIST_PARAMETERS = tuple(p for p in _JOB_FILTERS if p.name in ("limit", "cursor", "caller"))
_MODEL_FILTERS = (
    Parameter(
        "text",
        "query",
        "Only models with all of these words in their texts (case-insensitive).",
        {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
    ),
    Parameter("type", "query", "Only models of this type, such as `image-to-video`.", _STRING),
    Parameter(
        "limit",
        "query",
        "Maximum number of models. Default: 50.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
    ),
    Parameter(
        "page",
        "query",
        "Number of the page. Default: 1.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGES},
    ),
)
_JOB_HEADERS = ("ETag", "Retry-After")
_BODY = frozenset({400, 413, 415})
_BAD, _CONFLICT, _PAYMENT = frozenset({400}), frozenset({409}), frozenset({402})
_UNAVAILABLE = frozenset({503})

ROUTES = (
    Route(
        "post", "/v1/jobs", "createJob", "Create a job.", {202: "JobView"},
        ("TextToImage", "Edit", "AnyModel"), (_IDEMPOTENCY_KEY,), ("Location", *_JOB_HEADERS),
        _BODY | _CONFLICT | _PAYMENT,
    ),
    Route("get", "/v1/jobs", "listJobs", "List jobs, newest first.", {200: "JobPage"},
          parameters=_JOB_FILTERS, errors=_BAD),
    Route(
        "get", "/v1/jobs/{job_id}", "getJob", "Get a job, with new presigned URLs.",
        {200: "JobView", 304: None}, parameters=(_JOB_ID, _WAIT, _IF_NONE_MATCH),
        headers=_JOB_HEADERS, errors=_BAD,
    ),
    Route(
        "delete", "/v1/jobs/{job_id}", "cancelJob",
        "Cancel a job. 200: the job was not submitted and costs nothing. 202: the job was "
        "submitted; its output will be stored, and it ends as `failed` with code `canceled`.",
        {200: "JobView", 202: "JobView"}, parameters=(_JOB_ID,), headers=_JOB_HEADERS,
        errors=_BAD | _CONFLICT,
    ),
    Route("patch", "/v1/jobs/{job_id}", "labelJob",
          "Mark a job as a favorite, or replace its tags.", {200: "JobView"}, ("LabelsRequest",),
          (_JOB_ID,), _JOB_HEADERS, _BODY),
    Route("post", "/v1/jobs/{job_id}/share", "shareJob",
          "Create a link that shows the outputs of a job without a key. It replaces an earlier "
          "link.",
          {201: "ShareView"}, ("ShareRequest",), (_JOB_ID,), errors=_BODY | _CONFLICT),
    Route("delete", "/v1/jobs/{job_id}/share", "unshareJob", "Withdraw the link to a job.",
          {200: "JobView"}, parameters=(_JOB_ID,), headers=_JOB_HEADERS, errors=_BAD),
    Route("get", "/share/{job_id}", "getSharedJob",
          "Get the page of a shared job. 404: the link has expired, or it was withdrawn.",
          {200: None, 404: None},
          parameters=(_JOB_ID, Parameter("token", "query", "The token of the link.", _STRING)),
          is_open=True, media=(MEDIA_TYPES[".html"],)),
    Route(
        "delete", "/v1/jobs/{job_id}/data", "eraseJob",
        "Erase the content of an ended job: prompt, input, references and outputs. 202: WaveSpeed "
        "has not confirmed the deletion of its copy; Darkroom repeats it.",
        {200: "JobView", 202: "JobView"}, parameters=(_JOB_ID,), headers=("ETag",),
        errors=_BAD | _CONFLICT, function="EraseFunction",
    ),
    Route(
        "post", "/v1/jobs/{job_id}/resume", "resumeJob",
        "Resume the failed chain of a job from the step that failed. Finished steps are not paid "
        "again.",
        {202: "JobView"}, parameters=(_JOB_ID,), headers=_JOB_HEADERS,
        errors=_BAD | _CONFLICT | _PAYMENT,
    ),
    Route("post", "/v1/estimates", "estimate", "Get the price of a request.", {200: "Estimate"},
          ("TextToImage", "Edit", "AnyModel"), errors=_BODY),
    Route("post", "/v1/uploads", "createUpload",
          "Create a presigned upload for an image or a batch file.",
          {201: "PresignedUploadView"}, ("UploadRequest",), errors=_BODY),
    Route(
        "post", "/v1/batches", "createBatch",
        "Create a batch with one job per row of a file. 200: the plan of a dry run.",
        {200: "BatchView", 202: "BatchView"}, ("BatchRequest",), (_IDEMPOTENCY_KEY,), ("Location",),
        _BODY | _CONFLICT | _PAYMENT,
    ),
    Route("get", "/v1/batches", "listBatches", "List batches, newest first.", {200: "BatchPage"},
          parameters=_LIST_PARAMETERS, errors=_BAD),
    Route("get", "/v1/batches/{batch_id}", "getBatch", "Get a batch: progress, cost and results.",
          {200: "BatchView"}, parameters=(_BATCH_ID, _WAIT), errors=_BAD),
    Route("delete", "/v1/batches/{batch_id}", "cancelBatch",
          "Cancel a batch and its open jobs. 202: the batch has not ended yet.",
          {200: "BatchView", 202: "BatchView"}, parameters=(_BATCH_ID,), errors=_BAD | _CONFLICT),
    Route("post", "/v1/batches/{batch_id}/zips", "zipBatch",
          "Make zip files of the outputs of an ended batch. 202: they are being written; get the "
          "batch until each has a URL. A file is deleted after a day.",
          {200: "BatchView", 202: "BatchView"}, parameters=(_BATCH_ID,), errors=_BAD | _CONFLICT),
    Route("get", "/v1/presets", "listPresets", "List the presets, one per inbox folder.",
          {200: "PresetsView"}, errors=_BAD),
    Route("get", "/v1/models", "findModels",
          "Find models of WaveSpeed that the key may use, popular ones first.",
          {200: "ModelList"}, parameters=_MODEL_FILTERS, errors=_BAD | _UNAVAILABLE),
    Route("get", "/v1/models/{model+}", "getModel",
          "Get a model of WaveSpeed: its base price, and the fields of its input.",
          {200: "ModelView"},
          parameters=(Parameter("model", "path", "The model's id, with its slashes.", _STRING),),
          errors=_BAD | _UNAVAILABLE),
    Route("get", "/v1/me", "getMe", "Get the caller, role and budgets of the key.",
          {200: "Me"}, errors=_BAD),
    Route("get", "/v1/stats", "getStats",
          "Get statistics by day and caller, and the state of the submit queue.",
          {200: "StatsView"}, parameters=(_DAYS,), errors=_BAD),
    Route("post", "/v1/keys", "createKey", "Create an API key. Only for admin keys.",
          {201: "CreatedKey"}, ("KeyRequest",), errors=_BODY, function="KeysFunction"),
    Route("get", "/v1/keys", "listKeys", "List the API keys, oldest first. Only for admin keys.",
          {200: "KeyList"}, errors=_BAD, function="KeysFunction"),
    Route("delete", "/v1/keys/{key_id}", "revokeKey",
          "Revoke an API key and cancel what waits. Only for admin keys.",
          {200: "RevokedKey"}, parameters=(_KEY_ID,), errors=_BAD, function="KeysFunction"),
    Route("patch", "/v1/keys/{key_id}", "changeBudget",
          "Change the daily budget of the key's caller. Only for admin keys.",
          {200: "KeyView"}, ("BudgetRequest",), (_KEY_ID,), errors=_BODY,
          function="KeysFunction"),
    Route("put", "/v1/presets", "changePresets",
          "Replace the presets. Only for admin keys.",
          {200: "PresetsView"}, ("PresetsRequest",), errors=_BODY | _CONFLICT,
          function="SettingsFunction"),
    Route("get", "/v1/presets/versions", "listPresetsVersions",
          "List the newest versions of the presets, newest first. Only for admin keys.",
          {200: "PresetsVersions"}, errors=_BAD, function="SettingsFunction"),
    Route("get", "/v1/presets/versions/{version_id}", "getPresetsVersion",
          "Get a version of the presets. Only for admin keys.", {200: "PresetsView"},
          parameters=(Parameter("version_id", "path", "The id of the version.", _STRING),),
          errors=_BAD, function="SettingsFunction"),
    Route("get", "/v1/inbox", "getInbox",
          "List the uploads of the inbox that were rejected, failed or wait for references. Only "
          "for admin keys.", {200: "InboxView"},
          parameters=(
              Parameter("folder", "query", "Only uploads to this folder: a preset.", _STRING),
              *(p for p in _JOB_FILTERS if p.name == "limit"),
          ), errors=_BAD, function="SettingsFunction"),
    Route("put", "/v1/submits", "switchSubmits",
          "Pause or resume the submission of all jobs. Only for admin keys.",
          {200: "SubmitsView"}, ("SubmitsRequest",), errors=_BODY, function="SettingsFunction"),
    Route(
        "post", f"{_V3}/{{model+}}", "submitPrediction", "WaveSpeed's submit: create a job.",
        {200: "WaveSpeedPrediction"}, ("WaveSpeedInput",),
        (Parameter("model", "path", "The model's id, with its slashes.", _STRING),
         Parameter("webhook", "query", "A URL to post the ended prediction to.", _STRING),
         _IDEMPOTENCY_KEY),
        errors=_BODY | _CONFLICT | _PAYMENT,
    ),
    Route("get", f"{_V3}/predictions/{{job_id}}/result", "getResult",
          "WaveSpeed's poll: get a job.", {200: "WaveSpeedPrediction"}, parameters=(_JOB_ID,)),
    Route("get", f"{_V3}/predictions/{{job_id}}", "getPrediction", "The same as `getResult`.",
          {200: "WaveSpeedPrediction"}, parameters=(_JOB_ID,)),
    Route("delete", f"{_V3}/predictions/{{job_id}}", "deletePrediction",
          "WaveSpeed's delete: cancel an open job, and hide the job.",
          {200: "WaveSpeedDeletion"}, parameters=(_JOB_ID,)),
    Route("post", f"{_V3}/predictions", "listPredictions",
          "WaveSpeed's list: jobs, newest first.",
          {200: "WaveSpeedPredictions"}, ("PredictionQuery",), errors=_BODY),
    Route("post", f"{_V3}/predictions/delete", "deletePredictions",
          "WaveSpeed's delete of several predictions. Unknown ids are ignored.",
          {200: "WaveSpeedDeletions"}, ("PredictionIds",), errors=_BODY),
    Route("get", f"{_V3}/models", "listModels",
          "WaveSpeed's model list: GPT Image 2, and other models that the caller has used.",
          {200: "WaveSpeedModels"}),
    Route("post", f"{_V3}/model/price", "getPrice", "WaveSpeed's price of a model with an input.",
          {200: "WaveSpeedPrice"}, ("PriceQuery",), errors=_BODY),
    Route("post", f"{_V3}/model/pricing", "getPricing", "The same as `getPrice`.",
          {200: "WaveSpeedPrice"}, ("PriceQuery",), errors=_BODY),
    Route("post", f"{_V3}/media/upload/binary", "uploadWaveSpeedFile",
          "WaveSpeed's older upload: a file of at most 4.5 MB in a form.",
          {200: "WaveSpeedFile"}, ("WaveSpeedForm",), errors=_BODY,
          body_media="multipart/form-data"),
    Route("post", f"{_V3}/media/uploads", "createWaveSpeedUpload",
          "WaveSpeed's upload: create a presigned upload.",
          {200: "WaveSpeedUpload"}, ("WaveSpeedUploadRequest",), errors=_BODY),
    Route(
        "post", "/webhooks/wavespeed/{job_id}", "receiveWebhook",
        "Receive a webhook from WaveSpeed: a prediction has ended. The account's webhook secret "
        "signs the body.",
        {204: None}, ("WaveSpeedWebhook",),
        (_JOB_ID, Parameter("token", "query", "Identifies the POST of the prediction.", _STRING)),
        function="OnWebhookFunction", is_open=True,
    ),
    Route("get", "/", "getStudio", "Get the studio, Darkroom's web page.", {200: None, 304: None},
          headers=("ETag",), is_open=True, media=(MEDIA_TYPES[".html"],)),
    Route("get", "/studio/{revision}/{file}", "getStudioFile", "Get a file of the studio.",
          {200: None},
          parameters=(Parameter("revision", "path", "The revision that the page names.", _STRING),
                      Parameter("file", "path", "The file's name.", _STRING)),
          errors=frozenset({404}), is_open=True, media=tuple(MEDIA_TYPES.values())),
    Route("get", "/v1/callback-secret", "getCallbackSecret",
          "Get the secret that signs the callbacks of a caller.", {200: "CallbackSecretView"},
          parameters=_OWNER, errors=_BAD, function="CallbackSecretsFunction"),
    Route("post", "/v1/callback-secret/rotate", "rotateCallbackSecret",
          "Replace the secret of a caller. Callbacks are signed with both secrets for 24 hours.",
          {200: "CallbackSecretView"}, parameters=_OWNER, errors=_BAD,
          function="CallbackSecretsFunction"),
    Route("get", f"{_V3}/webhook/secret", "getWebhookSecret",
          "WaveSpeed's webhook secret: get the secret that signs the caller's webhooks.",
          {200: "WaveSpeedSecret"}, errors=_BAD, function="CallbackSecretsFunction"),
    Route("get", f"{_V3}/balance", "getBalance",
          "Get the remaining daily budget of the key in USD; 1000000 without a budget.",
          {200: "WaveSpeedBalance"}),
)  # fmt: skip
