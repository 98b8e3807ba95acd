"""The models of the simulator as data: schema, price and the kind of output."""

from dataclasses import dataclass
from typing import Any, Literal

from simulator.prices import EDIT, QUALITIES, RESOLUTIONS, TEXT

Kind = Literal["image", "video", "audio", "shape"]
Schema = dict[str, Any]

RATIOS = "1:1 1:2 2:1 1:3 3:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 9:21 21:9".split()  # noqa: SIM905
FORMATS = ("png", "jpeg", "webp")

_PROMPT: Schema = {"type": "string", "minLength": 1, "maxLength": 32_000, "pattern": r"\S"}
_SEED: Schema = {"type": "integer", "minimum": -1, "default": -1}
_URL: Schema = {"type": "string", "minLength": 1, "format": "media-url"}
_IMAGE: Schema = _URL | {
    "title": "Image", "description": "The image to start from.",
    "x-ui-component": "uploader", "x-accept": "image/*",
}  # fmt: skip
_LORAS: Schema = {
    "type": "array", "maxItems": 3, "default": [], "x-ui-component": "loras",
    "description": "LoRAs to apply, as a path and a scale.",
    "items": {
        "type": "object", "required": ["path", "scale"],
        "properties": {"path": {"type": "string"}, "scale": {"type": "number"}},
    },
}  # fmt: skip
_FLAG: Schema = {"type": "boolean", "default": False}
_FLAGS = {"enable_sync_mode": _FLAG, "enable_base64_output": _FLAG}


def _one_of(values: list[str] | tuple[str, ...], default: str | None = None) -> Schema:
    schema: Schema = {"type": "string", "enum": list(values)}
    return schema if default is None else schema | {"default": default}


_GPT_IMAGE = {
    "aspect_ratio": _one_of(RATIOS),
    "resolution": _one_of(RESOLUTIONS, "1k"),
    "quality": _one_of(QUALITIES, "medium"),
    "output_format": _one_of(FORMATS, "png"),
} | _FLAGS


@dataclass(frozen=True)
class Model:
    """One model of the catalogue."""

    id: str
    type: str
    kind: Kind
    base_price: int
    properties: dict[str, Schema]
    required: tuple[str, ...]

    def prompt(self, inputs: dict[str, Any]) -> str:
        """Return the prompt of a request, which some models call `text`."""
        return str(inputs.get("prompt") or inputs.get("text") or "")

    def media(self, inputs: dict[str, Any]) -> list[str]:
        """Return the URLs of the references that the provider has to fetch."""
        image, images = inputs.get("image"), inputs.get("images")
        if isinstance(image, str):
            return [image]
        return list(images) if isinstance(images, list) else []


_MODELS = (
    Model(TEXT, "text-to-image", "image", 60_000, {"prompt": _PROMPT} | _GPT_IMAGE, ("prompt",)),
    Model(
        EDIT,
        "image-to-image",
        "image",
        60_000,
        {
            "prompt": _PROMPT,
            "images": {"type": "array", "items": _URL, "minItems": 1, "maxItems": 16},
        }
        | _GPT_IMAGE,
        ("prompt", "images"),
    ),
    Model(
        "wavespeed-ai/z-image/turbo",
        "text-to-image",
        "image",
        5_000,
        {
            "prompt": _PROMPT,
            "size": {"type": "string", "pattern": r"^\d{3,4}\*\d{3,4}$", "default": "1024*1024"},
            "seed": _SEED,
            "output_format": _one_of(FORMATS, "jpeg"),
        }
        | _FLAGS,
        ("prompt",),
    ),
    Model(
        "wavespeed-ai/image-upscaler",
        "image-to-image",
        "image",
        10_000,
        {
            "image": _IMAGE,
            "target_resolution": _one_of(("2k", "4k"), "4k"),
            "output_format": _one_of(FORMATS, "jpeg"),
        }
        | _FLAGS,
        ("image",),
    ),
    Model(
        "wavespeed-ai/wan-2.2/t2v-480p-ultra-fast",
        "text-to-video",
        "video",
        50_000,
        {
            "prompt": _PROMPT,
            "size": _one_of(("832*480", "480*832"), "832*480"),
            "duration": {"type": "integer", "enum": [5, 8], "default": 5},
            "seed": _SEED,
        },
        ("prompt",),
    ),
    Model(
        "minimax/speech-02-turbo",
        "text-to-audio",
        "audio",
        30_000,
        {
            "text": _PROMPT,
            "voice_id": {
                "type": "string",
                "default": "Friendly_Person",
                "title": "Voice",
                "description": "The voice that speaks the text.",
            },
            "speed": {"type": "number", "minimum": 0.5, "maximum": 2, "default": 1, "step": 0.1},
            "english_normalization": _FLAG,
        },
        ("text",),
    ),
    Model(
        "wavespeed-ai/hunyuan3d-v2-base",
        "image-to-3d",
        "shape",
        20_000,
        {"image": _IMAGE, "seed": _SEED},
        ("image",),
    ),
    Model(
        "wavespeed-ai/flux-kontext-pro/multi",
        "image-to-image",
        "image",
        40_000,
        {
            "prompt": _PROMPT,
            "images": {
                "type": "array",
                "items": _URL,
                "minItems": 1,
                "maxItems": 5,
                "title": "Images",
                "x-ui-component": "uploaders",
                "x-accept": "image/*",
            },
            "aspect_ratio": _one_of(RATIOS),
            "guidance_scale": {
                "type": "number",
                "minimum": 1,
                "maximum": 20,
                "default": 3.5,
                "step": 0.1,
                "description": "How closely the image follows the prompt.",
                "x-ui-component": "slider",
            },
            "seed": _SEED,
        },
        ("prompt", "images"),
    ),
    Model(
        "wavespeed-ai/wan-2.2/i2v-480p-lora",
        "image-to-video",
        "video",
        200_000,
        {
            "image": _IMAGE,
            "prompt": _PROMPT,
            "last_image": _URL | {"x-ui-component": "uploader", "x-accept": "image/*"},
            "negative_prompt": {"type": "string"},
            "duration": {"type": "integer", "enum": [5, 8], "default": 5},
            "loras": _LORAS,
            "seed": _SEED,
        },
        ("image", "prompt"),
    ),
    Model(
        "wavespeed-ai/infinitetalk/video-to-video",
        "video-to-video",
        "video",
        150_000,
        {
            "video": _URL | {"x-ui-component": "uploader", "x-accept": "video/*"},
            "audio": _URL | {"x-ui-component": "uploader", "x-accept": "audio/*"},
            "prompt": {"type": "string"},
            "seed": _SEED,
        },
        ("video", "audio"),
    ),
)

CATALOG = {model.id: model for model in _MODELS}
