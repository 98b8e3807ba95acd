"""Model schemas: published in the model list and validated before a charge."""

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from simulator import prices
from simulator.catalog import CATALOG, Model
from simulator.ledger import MICRO


def request_schema(model: Model) -> dict[str, Any]:
    """Return the JSON schema of a model's inputs."""
    return {
        "type": "object",
        "properties": model.properties,
        "required": list(model.required),
        "x-order-properties": list(model.properties),
    }


def describe(model: Model, table: prices.Table, order: int, origin: str) -> dict[str, Any]:
    """Return a model's entry in the model list."""
    schema = {
        "type": "model_run",
        "method": "POST",
        "server": origin,
        "api_path": f"/api/v3/{model.id}",
        "request_schema": request_schema(model),
    }
    return {
        "model_id": model.id,
        "name": model.id,
        "description": f"{model.type}, simulated",
        "type": model.type,
        "base_price": prices.price(table, model.id, model.base_price, {}) / MICRO,
        "formula": prices.formula(table, model.id, model.base_price),
        "sort_order": len(CATALOG) - order,  # a popular model has a higher one
        "api_schema": {"api_schemas": [schema]},
    }


def validation_error(model: Model, inputs: dict[str, Any], *, strict: bool) -> str | None:
    """Return why the inputs are invalid, or None. The reason never quotes input values."""
    error = next(iter(_validator(model.id, strict).iter_errors(inputs)), None)
    if error is not None:
        return _message(error)
    for number, media in enumerate(model.media(inputs), start=1):
        if not _is_media(media, strict=strict):
            return f"image {number} must be a public URL that starts with https:// or http://"
    return None


@cache
def _validator(model_id: str, strict: bool) -> Draft202012Validator:  # noqa: FBT001
    return Draft202012Validator(
        request_schema(CATALOG[model_id]) | {"additionalProperties": not strict}
    )


def _message(error: ValidationError) -> str:
    field = error.json_path.removeprefix("$.").removeprefix("$")
    constraint: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "required":
            missing = next(name for name in constraint if name not in instance)
            return f"property '{missing}' is required"
        case "additionalProperties":
            schema: Any = error.schema
            unknown = sorted(set(instance) - set(schema["properties"]))
            return f"unknown property '{unknown[0]}'"
        case "enum":
            allowed = ", ".join(map(str, constraint))
            return f"value of '{field}' must be one of: {allowed}"
        case "type":
            return f"'{field}' must be of type {constraint}"
        case "minLength" | "pattern" if field in ("prompt", "text"):
            return f"'{field}' must not be empty"
        case rule:
            return f"'{field}' is invalid ({rule} {constraint})"


def _is_media(text: str, *, strict: bool) -> bool:
    if re.match(r"https?://", text):
        return is_web_url(text)
    # Data URIs and bare base64 are undocumented, but some third parties send them.
    return not strict


def is_web_url(text: str) -> bool:
    """Return whether the text is an http or https URL with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
