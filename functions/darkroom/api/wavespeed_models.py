"""The model list in WaveSpeed's format: GPT Image 2, and other models that a caller has used."""

from collections.abc import Iterable
from typing import Any

from darkroom.api.http import Price
from darkroom.domain.job import Job
from darkroom.domain.requests import (
    EDIT_MODEL,
    MAX_IMAGES,
    TEXT_TO_IMAGE_MODEL,
    ImageInput,
    ImageSettings,
)
from darkroom.domain.wavespeed_input import NEVER_SENT
from darkroom.domain.wavespeed_prediction import WAVESPEED_PREFIX

_MICRO = 1_000_000
_DESCRIPTIONS = {
    TEXT_TO_IMAGE_MODEL: ("text-to-image", "GPT Image 2: generate an image from a prompt."),
    EDIT_MODEL: ("image-to-image", "GPT Image 2: edit 1 to 16 images with a prompt."),
}
_IMAGES = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": MAX_IMAGES,
    "description": "URLs of the reference images, or URLs of uploads.",
}


def model_list(price: Price, used: Iterable[Job], server: str) -> list[dict[str, object]]:
    """Return the two models of GPT Image 2, and the models of the jobs `used`, newest first.

    `server` is the URL before the path of a model.
    """
    listed = [_image_model(price, model) for model in _DESCRIPTIONS]
    latest: dict[str, Job] = {}
    for job in used:
        latest.setdefault(job.model, job)
    listed += [_used_model(job) for model, job in latest.items() if model not in _DESCRIPTIONS]
    return [
        model
        | {
            "sort_order": number,
            "api_schema": {"api_schemas": [_route(model, server) | model["api_schema"]]},
        }
        for number, model in enumerate(listed)
    ]


def _image_model(price: Price, model: str) -> dict[str, Any]:
    kind, description = _DESCRIPTIONS[model]
    quote = price(model, ImageInput(prompt="x").input, int(model == EDIT_MODEL))
    return {
        "model_id": model,
        "name": model,
        "description": description,
        "type": kind,
        "api_schema": {"request_schema": _request_schema(model)},
        **({"base_price": quote.micro_usd / _MICRO} if quote else {}),
    }


def _used_model(job: Job) -> dict[str, Any]:
    cost = job.estimated_cost_micro_usd
    return {
        "model_id": job.model,
        "name": job.model,
        "description": "Used by a job of this deployment. Its input is passed through unchanged.",
        "type": "model",
        "api_schema": {},
        **({} if cost is None else {"base_price": cost / _MICRO}),
    }


def _route(model: dict[str, Any], server: str) -> dict[str, object]:
    path = f"{WAVESPEED_PREFIX}{model['model_id']}"
    return {"type": "model_run", "method": "POST", "server": server, "api_path": path}


def _request_schema(model: str) -> dict[str, object]:
    """Return the JSON Schema of a model's input, with the fields of requests and their defaults."""
    schema = ImageInput.model_json_schema()
    properties = {"prompt": _inlined(schema["properties"]["prompt"], schema)}
    if model == EDIT_MODEL:
        properties["images"] = _IMAGES
    properties |= {
        name: _inlined(schema["properties"][name], schema) for name in ImageSettings.model_fields
    }
    properties |= {
        name: {"type": "boolean", "enum": [False], "default": False} for name in NEVER_SENT
    }
    return {
        "type": "object",
        "properties": properties,
        "required": ["prompt", *(["images"] if model == EDIT_MODEL else [])],
        "x-order-properties": list(properties),
    }


def _inlined(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field without references and null: simple clients read it."""
    chosen: dict[str, Any] = next(
        (each for each in field.get("anyOf", ()) if each.get("type") != "null"), {}
    )
    reference = str({**field, **chosen}.get("$ref", "")).rpartition("/")[2]
    merged = schema.get("$defs", {}).get(reference, {}) | chosen | field
    return {
        name: value
        for name, value in merged.items()
        if name not in ("$ref", "anyOf", "title") and value is not None
    }
