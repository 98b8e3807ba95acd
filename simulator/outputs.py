"""Output files of a prediction: their names on the CDN and their content."""

import html
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import ExifTags, Image

from simulator import media
from simulator.art.images import ImageSpec, paint, write
from simulator.catalog import Model
from simulator.chance import seeded
from simulator.envelope import ApiError
from simulator.faults import without_markers
from simulator.predictions import Output, Prediction
from simulator.sizes import Size, ratio_size, shape_size

MIME = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "glb": "model/gltf-binary",
    "svg": "image/svg+xml",
    "json": "application/json",
    "txt": "text/plain",
    "html": "text/html",
    "bin": "application/octet-stream",
}
# Files that are neither media nor 3D models.
_DOCUMENTS = {
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><title>WORDS</title><script>0</script></svg>\n',
    "json": '["WORDS"]\n',
    "txt": "WORDS\n",
    "html": "<!DOCTYPE html><html><body>WORDS</body></html>\n",
    "bin": "\x00\x01\x02WORDS",
}
_LONGEST = 2048
_TURNED = 5  # EXIF orientations from 5 to 8 exchange width and height


def new_output(model: Model, inputs: dict[str, Any], cdn_origin: str) -> Output:
    """Return an output with a new CDN path, named like the provider's."""
    forms = {"video": "mp4", "audio": "wav", "shape": "glb"}
    default = model.properties.get("output_format", {}).get("default")
    form = forms.get(model.kind) or str(inputs.get("output_format") or default)
    path = f"/output/{uuid4()}-u1_{uuid4()}.{form}"
    return Output(path, cdn_origin + path, form)


def renamed(output: Output, form: str) -> Output:
    """Return the output as a file of another form."""
    if form not in MIME:
        raise ApiError(400, f"run.output_file: form must be one of {', '.join(MIME)}")
    stem = output.path.rpartition(".")[0]
    origin = output.url.removesuffix(output.path)
    return Output(f"{stem}.{form}", f"{origin}{stem}.{form}", form)


def make(prediction: Prediction, output: Output, seed: int, target: Path) -> Path:
    """Write an output's file and return its path. Runs in a thread of the painting pool.

    The content depends on the seed, the inputs and the prediction's number: two predictions of one
    prompt differ, and a second simulator with the same seed repeats the series.
    """
    text = without_markers(prediction.prompt)
    nth = prediction.outputs.index(output)
    rng = seeded(seed, text, prediction.number, nth)
    if output.form in _DOCUMENTS:
        words = html.escape(f"{text or 'output'} {prediction.number}.{nth}", quote=False)
        target.write_bytes(_DOCUMENTS[output.form].replace("WORDS", words).encode())
        return target
    match prediction.model.kind:
        case "image":
            spec = _image_spec(prediction, seed + nth)
            with target.open("wb") as file:
                write(paint(spec), file, output.form, spec.quality, prediction.id)
        case "video":
            target.write_bytes(media.mp4(rng, int(prediction.inputs.get("duration", 5))))
        case "audio":
            target.write_bytes(media.wav(rng, text, float(prediction.inputs.get("speed", 1))))
        case "shape":
            target.write_bytes(media.glb(rng))
    return target


def _image_spec(prediction: Prediction, seed: int) -> ImageSpec:
    inputs, model = prediction.inputs, prediction.model
    references = tuple(Path(path) for path in prediction.references)
    width, height = size = prediction.plan.size or _size(inputs, references)
    quality = str(inputs.get("quality", "medium"))
    details = (
        [quality, str(inputs.get("resolution", "1k"))] if "quality" in model.properties else []
    )
    name = model.id.removeprefix("openai/").removeprefix("wavespeed-ai/").replace("/", " ")
    return ImageSpec(
        prompt=without_markers(prediction.prompt),
        size=size,
        seed=seed,
        number=prediction.number,
        quality=quality,
        caption="  ·  ".join(["simulated", name, *details, f"{width} x {height}"]),
        references=references,
        restyle="prompt" in model.properties,
    )


def _size(inputs: dict[str, Any], references: tuple[Path, ...]) -> Size:
    if "size" in inputs:
        width, height = (min(_LONGEST, max(256, int(edge))) for edge in inputs["size"].split("*"))
        return width, height
    resolution = str(inputs.get("resolution") or inputs.get("target_resolution") or "1k")
    if inputs.get("aspect_ratio") or not references:
        return ratio_size(str(inputs.get("aspect_ratio") or "1:1"), resolution)
    with Image.open(references[0]) as image:
        width, height = image.size
        is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= _TURNED
    return shape_size(height / width if is_turned else width / height, resolution)
