"""Paint an image or an edit and encode it as PNG, JPEG or WebP of a plausible size."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageChops, ImageEnhance, ImageOps

from simulator.art import land, sky, subjects
from simulator.art.palette import Palette, Style, blend, choose
from simulator.art.typeset import scrim, title
from simulator.art.variation import Variation

WORKING_EDGE = 2048  # scenes are painted no larger than this and enlarged; letters are not
GRAIN = {"low": 2, "medium": 4, "high": 7}
JPEG_QUALITY = {"low": 82, "medium": 89, "high": 94}
TAG_DESCRIPTION, TAG_SOFTWARE = 0x010E, 0x0131


@dataclass(frozen=True)
class ImageSpec:
    """Everything an image is made from. Equal specs make equal pixels."""

    prompt: str
    size: tuple[int, int]
    seed: int | str = 7
    number: int = 0  # images that differ only in their numbers are visibly different
    quality: str = "medium"
    caption: str = "simulated"
    references: tuple[Path, ...] = ()
    restyle: bool = True


def paint(spec: ImageSpec) -> Image.Image:
    """Return the finished image: an edit if the spec has references, otherwise a scene."""
    image = retouch(spec) if spec.references else scene(spec)
    rng = random.Random(f"{spec.seed}:{spec.number}:grain")  # noqa: S311 - repeatable, not secret
    return grain(image, rng, GRAIN.get(spec.quality, 4))


def scene(spec: ImageSpec, *, titled: bool = True) -> Image.Image:
    """Return a landscape in the mood of the prompt."""
    variation = Variation(spec.seed, spec.prompt, spec.number)
    style, rng = choose(spec.prompt, variation), variation.rng
    width, height = spec.size
    shrink = min(1.0, WORKING_EDGE / max(width, height))
    canvas = Image.new("RGB", (round(width * shrink), round(height * shrink)))
    horizon = int(canvas.height * variation.spread("horizon", 0.4, 0.64))
    sky.paint_sky(canvas, variation, style.palette, horizon)
    if "balloon" in style.motifs:
        subjects.balloons(canvas, rng, style.palette, horizon)
    if "city" in style.motifs:
        land.paint_city(canvas, rng, style.palette, horizon)
    else:
        land.paint_ranges(canvas, variation, style.palette, horizon, trees="trees" in style.motifs)
    _furnish(canvas, variation, style, horizon)
    canvas = canvas.resize(spec.size, Image.Resampling.BICUBIC)
    if titled:
        heading = title(spec.prompt, spec.caption, canvas.size)
        scrim(canvas, style.palette.near, min(0.9, heading.height * 2.1 / canvas.height))
        heading.draw(canvas, style.palette.sun)
    return canvas


def _furnish(canvas: Image.Image, variation: Variation, style: Style, horizon: int) -> None:
    """Paint the water and the single things that the motifs ask for."""
    rng, palette, motifs = variation.rng, style.palette, style.motifs
    shore = horizon + int(canvas.height * rng.uniform(0.07, 0.16))
    side, tall = rng.choice([-1, 1]), canvas.height * rng.uniform(0.16, 0.3)
    if motifs & {"lighthouse", "cabin"} and "city" not in motifs:
        foot = subjects.headland(canvas, rng, palette, shore, side)
        if "lighthouse" in motifs:
            subjects.lighthouse(canvas, palette, foot, tall)
        else:
            subjects.cabin(canvas, palette, foot, tall * 0.3)
    if "water" in motifs or "boat" in motifs:
        land.paint_water(canvas, palette, shore, rng)
        if "boat" in motifs or variation.spread("accent") < 0.4:
            subjects.boat(canvas, rng, palette, shore)
    elif not motifs & {"city", "treeless"} and variation.spread("accent") < 0.35:
        subjects.foreground_trees(canvas, rng, palette)
    if not palette.is_dark and "city" not in motifs and rng.random() < 0.6:
        sky.birds(canvas, rng, palette.near)


def retouch(spec: ImageSpec) -> Image.Image:
    """Return the first reference, graded, as a print on a mat, with the other references and title.

    Models without a prompt return the reference in the requested size.
    """
    variation = Variation(spec.seed, spec.prompt, spec.number)
    original = _open(spec.references[0], spec.size)
    if not spec.restyle:
        return ImageOps.fit(original, spec.size)
    rng, palette = variation.rng, choose(spec.prompt, variation).palette
    heading = title(spec.prompt, spec.caption, spec.size)
    mat = sky.gradient(spec.size, [blend(palette.near, palette.far, rng.uniform(0, 0.45)),
                                    palette.near])  # fmt: skip
    edge, column = heading.margin, heading.margin * 2
    room = (mat.width - 2 * edge - column, mat.height - heading.height - heading.margin - edge)
    print_ = _graded(ImageOps.contain(_cropped(original, variation), room), palette, variation)
    top = edge + (room[1] - print_.height) // 2
    is_right = variation.spread("accent") < 0.5
    left = mat.width - edge - print_.width if is_right else edge
    column_left = edge if is_right else edge + print_.width + column // 4
    mat.paste(print_, (left, top))
    box = (column_left, top, column * 3 // 4, print_.height)
    _margin(mat, box, [_open(path, (column, column)) for path in spec.references[1:]], palette)
    heading.draw(mat, palette.sun)
    return mat


def _cropped(image: Image.Image, variation: Variation) -> Image.Image:
    """Return 72 to 100 % of the image's width and height."""
    share = variation.spread("horizon", 0.72, 1)
    width, height = (max(1, round(edge * share)) for edge in image.size)
    left = round((image.width - width) * variation.spread("light"))
    top = round((image.height - height) * variation.rng.random())
    return image.crop((left, top, left + width, top + height))


def _graded(base: Image.Image, palette: Palette, variation: Variation) -> Image.Image:
    """Return the image toned in the palette, with a light from a varying direction."""
    rng = variation.rng
    light, middle = blend(palette.sun, (255, 255, 255), 0.3), palette.sky[1]
    grey = ImageOps.autocontrast(base.convert("L"), cutoff=1)
    toned = ImageOps.colorize(grey, palette.near, light, middle)
    graded = Image.blend(base, toned, variation.spread("terrain", 0.5, 0.85))
    graded = ImageEnhance.Brightness(graded).enhance(variation.spread("clouds", 0.8, 1.16))
    centre = (int(base.width * variation.spread("light")), int(base.height * rng.uniform(0, 0.6)))
    sky.glow(graded, centre, max(8, max(base.size) // 2), palette.sun, rng.randint(60, 150))
    return graded


def _margin(mat: Image.Image, box: tuple[int, int, int, int], others: list[Image.Image],
            palette: Palette) -> None:  # fmt: skip
    """Paint the other references down the print's side, or without any the palette's colours."""
    left, top, width, height = box
    swatches = [Image.new("RGB", (8, 8), colour) for colour in (*palette.sky, palette.sun)]
    squares = others or swatches
    side = min(width if others else width // 2, int(height / len(squares) / 1.15))
    for square in squares:
        mat.paste(ImageOps.fit(square, (max(1, side), max(1, side))), (left, top))
        top += round(side * 1.15)


def _open(path: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", size)  # decodes a JPEG no larger than needed
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    paper = Image.new("RGBA", upright.size, (255, 253, 247))
    return Image.alpha_composite(paper, upright).convert("RGB")


def grain(image: Image.Image, rng: random.Random, reach: int) -> Image.Image:
    """Return the image with noise of up to `reach` levels; without it a PNG would be too small."""
    edge = 512
    levels = bytes(value * (2 * reach + 1) // 256 for value in range(256))
    tile = Image.merge(
        "RGB",
        [Image.frombytes("L", (edge, edge), rng.randbytes(edge * edge).translate(levels))
         for _ in range(3)],
    )  # fmt: skip
    noise = Image.new("RGB", image.size)
    for x in range(0, image.width, edge):
        for y in range(0, image.height, edge):
            noise.paste(tile, (x, y))
    return ImageChops.add(image, noise, 1, -reach)


def write(image: Image.Image, file: BinaryIO, form: str, quality: str, note: str) -> None:
    """Encode an image; the note (the prediction's id) goes into the EXIF description."""
    exif = Image.Exif()
    exif[TAG_DESCRIPTION], exif[TAG_SOFTWARE] = note, "Darkroom provider simulator"
    match form:
        case "jpeg":
            share = JPEG_QUALITY.get(quality, 89)
            image.save(file, "JPEG", quality=share, subsampling=0, exif=exif)
        case "webp":
            share = JPEG_QUALITY.get(quality, 89)
            image.save(file, "WEBP", quality=share, method=0, exif=exif)
        case _:
            image.save(file, "PNG", compress_level=1, exif=exif)
