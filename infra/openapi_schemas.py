"""The component schemas of infra/api/openapi.yaml: Pydantic's JSON Schemas."""

from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from darkroom.api import schemas as contract
from darkroom.domain import key_requests as keys
from darkroom.domain.requests import AnyModel, Edit, TextToImage

_REF = "#/components/schemas/"
_REQUESTS = (
    TextToImage,
    Edit,
    AnyModel,
    contract.UploadRequest,
    contract.BatchRequest,
    contract.PredictionQuery,
    contract.PredictionIds,
    contract.PriceQuery,
    contract.SubmitsRequest,
    contract.LabelsRequest,
    contract.ShareRequest,
    contract.PresetsRequest,
    keys.KeyRequest,
    keys.BudgetRequest,
)
_RESPONSES = (
    contract.JobView,
    contract.JobPage,
    contract.Estimate,
    contract.ModelList,
    contract.ModelView,
    contract.Me,
    contract.StatsView,
    contract.SubmitsView,
    contract.ShareView,
    contract.PresetsVersions,
    contract.InboxView,
    contract.PresignedUploadView,
    contract.PresetsView,
    contract.BatchView,
    contract.BatchPage,
    contract.CallbackSecretView,
    contract.Problem,
    keys.CreatedKey,
    keys.KeyList,
    keys.RevokedKey,
)
_STRING: dict[str, Any] = {"type": "string"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if required:
        schema["required"] = list(required)
    return schema | ({"properties": properties} if properties else {})


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    code = {"type": "integer", "enum": [200]}
    return _object(("code", "message", "data"), code=code, message=_STRING, data=data)


_PREDICTION = _object(
    ("id", "model", "status", "outputs", "urls", "created_at", "error"),
    id=_STRING,
    model=_STRING,
    status=_STRING | {"enum": ["created", "processing", "completed", "failed", "cancelled"]},
    outputs={"type": "array", "items": _STRING},
    urls=_object(get=_STRING),
    created_at=_STRING,
    error=_STRING,
    code={"type": "integer"},
    inputs={"type": "object"},
)
# The provider's wire format, copied from its documentation.
_WAVESPEED: dict[str, Any] = {
    "WaveSpeedInput": {
        "type": "object",
        "description": "The model's input, in WaveSpeed's format.",
    },
    "WaveSpeedPrediction": _envelope(_PREDICTION),
    "WaveSpeedPredictions": _envelope(
        _object(
            ("page", "page_size", "items"),
            page={"type": "integer"},
            page_size={"type": "integer"},
            items={"type": "array", "items": _PREDICTION},
        )
    ),
    "WaveSpeedDeletion": _envelope(_object(("id", "status"), id=_STRING, status=_STRING)),
    "WaveSpeedDeletions": _envelope(_object(("deleted_count",), deleted_count={"type": "integer"})),
    "WaveSpeedModels": _envelope(
        {
            "type": "array",
            "items": _object(
                ("model_id", "name", "description", "type", "sort_order", "api_schema"),
                model_id=_STRING,
                name=_STRING,
                description=_STRING,
                type=_STRING,
                base_price={"type": "number"},
                sort_order={"type": "integer"},
                api_schema={"type": "object"},
            ),
        }
    ),
    "WaveSpeedPrice": _envelope(
        _object(
            ("model_id", "price", "unit_price", "discounted_price", "currency"),
            model_id=_STRING,
            price={"type": "number"},
            unit_price={"type": "number"},
            discounted_price={"type": "number"},
            currency=_STRING,
        )
    ),
    "WaveSpeedForm": _object(("file",), file=_STRING | {"contentMediaType": "image/*"}),
    "WaveSpeedFile": _envelope(_object(("type", "download_url", "filename", "size"))),
    "WaveSpeedWebhook": {"type": "object", "description": "The prediction, as WaveSpeed sends it."},
    "WaveSpeedUploadRequest": _object(
        ("filename", "size"),
        filename=_STRING | {"minLength": 1},
        size={"type": "integer", "minimum": 1},
        content_type=_STRING,
    ),
    "WaveSpeedUpload": _envelope(_object(("type", "download_url", "filename", "size", "upload"))),
    "WaveSpeedBalance": _envelope(_object(("balance",), balance={"type": "number"})),
    "WaveSpeedSecret": _envelope(_object(("secret",), secret=_STRING)),
    "WaveSpeedError": _object(("code", "message"), code={"type": "integer"}, message=_STRING),
}


def reference(*names: str) -> dict[str, Any]:
    """Return a reference to one schema, or `oneOf` for several."""
    references = [{"$ref": f"{_REF}{name}"} for name in names]
    return references[0] if len(references) == 1 else {"oneOf": references}


class _Schemas(GenerateJsonSchema):
    """Pydantic's JSON Schemas without a title for each field."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        """Return False: a title would repeat the field's name."""
        return False


@cache
def components() -> dict[str, Any]:
    """Return every schema by name."""
    schemas: dict[str, Any] = {}
    for models, mode in ((_REQUESTS, "validation"), (_RESPONSES, "serialization")):
        pairs: Any = [(model, mode) for model in models]
        _, document = models_json_schema(
            pairs, ref_template=_REF + "{model}", schema_generator=_Schemas
        )
        for name, schema in document["$defs"].items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"{name} differs between requests and responses")
    return dict(sorted((schemas | _WAVESPEED).items()))
