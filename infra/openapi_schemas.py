"""Pydantic's JSON Schemas as OpenAPI 3.0 has them, under the names that the document uses."""

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from darkroom.domain.requests import AnyModel, Edit, TextToImage
from darkroom.web import batch_contract, contract

_REF = "#/components/schemas/"
_TAKEN = (TextToImage, Edit, AnyModel, contract.UploadRequest, batch_contract.BatchRequest)
_GIVEN = (
    contract.JobView,
    contract.JobPage,
    contract.Estimate,
    contract.Me,
    contract.StatsView,
    contract.PresignedUploadView,
    contract.PresetsView,
    batch_contract.BatchView,
    batch_contract.BatchPage,
    contract.Problem,
)
_STRING: dict[str, Any] = {"type": "string"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "object"}
    if required:
        told["required"] = list(required)
    return told | ({"properties": properties} if properties else {})


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    code = {"type": "integer", "enum": [200]}
    return _object(("code", "message", "data"), code=code, message=_STRING, data=data)


# The provider's shapes: theirs to change, so they are written down here as they were read.
_WIRE: dict[str, Any] = {
    "WireInput": {"type": "object", "description": "The model's input, as the provider takes it."},
    "WirePrediction": _envelope(
        _object(
            ("id", "model", "status", "outputs", "urls", "created_at", "error"),
            id=_STRING,
            model=_STRING,
            status=_STRING
            | {"enum": ["created", "processing", "completed", "failed", "cancelled"]},
            outputs={"type": "array", "items": _STRING},
            urls=_object(get=_STRING),
            created_at=_STRING,
            error=_STRING,
            code={"type": "integer"},
        )
    ),
    "WireWebhook": {"type": "object", "description": "The prediction, as the provider tells it."},
    "WireUploadRequest": _object(
        ("filename", "size"),
        filename=_STRING | {"minLength": 1},
        size={"type": "integer", "minimum": 1},
        content_type=_STRING,
    ),
    "WireUpload": _envelope(_object(("type", "download_url", "filename", "size", "upload"))),
    "WireBalance": _envelope(_object(("balance",), balance={"type": "number"})),
    "WireError": _object(("code", "message"), code={"type": "integer"}, message=_STRING),
}


def reference(*names: str) -> dict[str, Any]:
    """Return a reference to one schema, or to one of several."""
    references = [{"$ref": f"{_REF}{name}"} for name in names]
    return references[0] if len(references) == 1 else {"oneOf": references}


@cache
def components() -> dict[str, Any]:
    """Return every schema by its name."""
    found: dict[str, Any] = {}
    for models, mode in ((_TAKEN, "validation"), (_GIVEN, "serialization")):
        pairs: Any = [(model, mode) for model in models]
        _, document = models_json_schema(pairs, ref_template=_REF + "{model}")
        for name, schema in document["$defs"].items():
            converted = convert(schema)
            if found.setdefault(name, converted) != converted:
                raise ValueError(f"{name} is one thing in requests and another in replies")
    return dict(sorted((found | _WIRE).items()))


def convert(schema: Any) -> Any:
    """Return a JSON Schema of 2020-12 as OpenAPI 3.0 writes it."""
    if isinstance(schema, list):
        return [convert(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    left = {k: v for k, v in schema.items() if k not in ("title", "propertyNames")}
    if "const" in left:
        left["enum"] = [left.pop("const")]
    if left.get("default", 0) is None:
        del left["default"]
    if patterns := left.pop("patternProperties", None):  # OpenAPI 3.0 has none
        (left["additionalProperties"],) = patterns.values()
    if "$ref" in left and len(left) > 1:  # beside a $ref nothing else counts
        left = {"allOf": [{"$ref": left.pop("$ref")}], **left}
    options = left.get("anyOf")
    if options and {"type": "null"} in options:
        del left["anyOf"]
        (kind,) = [option for option in options if option != {"type": "null"}]
        left = {**({"allOf": [kind]} if "$ref" in kind else kind), "nullable": True, **left}
    return {
        key: {k: convert(v) for k, v in value.items()} if key == "properties" else convert(value)
        for key, value in left.items()
    }
