"""Paint a text-to-image or an edit, and write it as PNG, JPEG or WebP of a plausible size."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageChops, ImageOps

from local.provider.art import land, sky
from local.provider.art.palette import Palette, blend, choose
from local.provider.art.typeset import scrim, title

WORKING_EDGE = 2048  # scenes are painted no larger than this and enlarged; letters are not
GRAIN = {"low": 2, "medium": 4, "high": 7}
JPEG_QUALITY = {"low": 82, "medium": 89, "high": 94}
TAG_DESCRIPTION, TAG_SOFTWARE = 0x010E, 0x0131


@dataclass(frozen=True)
class Brief:
    """Everything a picture is made from; equal briefs make equal pixels."""

    prompt: str
    size: tuple[int, int]
    seed: int = 7
    quality: str = "medium"
    caption: str = "simulated"
    references: tuple[Path, ...] = ()
    restyle: bool = True


def paint(brief: Brief) -> Image.Image:
    """The finished picture."""
    rng = random.Random(f"{brief.seed}:{brief.prompt}")  # noqa: S311
    picture = retouch(brief, rng) if brief.references else scene(brief, rng)
    return grain(picture, rng, GRAIN.get(brief.quality, 4))


def scene(brief: Brief, rng: random.Random, *, titled: bool = True) -> Image.Image:
    """A landscape in the mood of the prompt."""
    look = choose(brief.prompt, rng)
    width, height = brief.size
    shrink = min(1.0, WORKING_EDGE / max(width, height))
    canvas = Image.new("RGB", (round(width * shrink), round(height * shrink)))
    horizon = int(canvas.height * rng.uniform(0.54, 0.6))
    sky.paint_sky(canvas, rng, look.palette, horizon)
    if "city" in look.motifs:
        land.paint_city(canvas, rng, look.palette, horizon)
    else:
        land.paint_ranges(canvas, rng, look.palette, horizon, trees="trees" in look.motifs)
    if "water" in look.motifs:
        land.paint_water(canvas, look.palette, int(canvas.height * 0.68))
    if not look.palette.is_dark and "city" not in look.motifs:
        sky.birds(canvas, rng, look.palette.near)
    canvas = canvas.resize(brief.size, Image.Resampling.BICUBIC)
    if titled:
        words = title(brief.prompt, brief.caption, canvas.size)
        scrim(canvas, look.palette.near, min(0.9, words.height * 2.1 / canvas.height))
        words.draw(canvas, look.palette.sun)
    return canvas


def retouch(brief: Brief, rng: random.Random) -> Image.Image:
    """The first reference, graded, as a print on a mat; the others beside it; the wish below."""
    whole = _open(brief.references[0], brief.size)
    if not brief.restyle:
        return ImageOps.fit(whole, brief.size)
    palette = choose(brief.prompt, rng).palette
    words = title(brief.prompt, brief.caption, brief.size)
    mat = Image.new("RGB", brief.size, palette.near)
    edge, column = words.margin, words.margin * 2
    room = (mat.width - 2 * edge - column, mat.height - words.height - words.margin - edge)
    print_ = _graded(ImageOps.contain(whole, room), palette)
    top = edge + (room[1] - print_.height) // 2
    mat.paste(print_, (edge, top))
    box = (edge + print_.width + column // 4, top, column * 3 // 4, print_.height)
    _margin_notes(
        mat, box, [_open(path, (column, column)) for path in brief.references[1:]], palette
    )
    words.draw(mat, palette.sun)
    return mat


def _graded(base: Image.Image, palette: Palette) -> Image.Image:
    light, middle = blend(palette.sun, (255, 255, 255), 0.3), palette.sky[1]
    grey = ImageOps.autocontrast(base.convert("L"), cutoff=1)
    toned = ImageOps.colorize(grey, palette.near, light, middle)
    return Image.blend(base, toned, 0.62)


def _margin_notes(mat: Image.Image, box: tuple[int, int, int, int], others: list[Image.Image],
                  palette: Palette) -> None:  # fmt: skip
    """Down the print's side: the other references, or else the colours of the grading."""
    left, top, width, height = box
    swatches = [Image.new("RGB", (8, 8), colour) for colour in (*palette.sky, palette.sun)]
    squares = others or swatches
    side = min(width if others else width // 2, int(height / len(squares) / 1.15))
    for square in squares:
        mat.paste(ImageOps.fit(square, (max(1, side), max(1, side))), (left, top))
        top += round(side * 1.15)


def _open(path: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", size)  # a JPEG is then decoded no larger than needed
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    paper = Image.new("RGBA", upright.size, (255, 253, 247))
    return Image.alpha_composite(paper, upright).convert("RGB")


def grain(picture: Image.Image, rng: random.Random, reach: int) -> Image.Image:
    """Film grain: without noise a PNG of a gradient would be implausibly small."""
    edge = 512
    levels = bytes(value * (2 * reach + 1) // 256 for value in range(256))
    tile = Image.merge(
        "RGB",
        [Image.frombytes("L", (edge, edge), rng.randbytes(edge * edge).translate(levels))
         for _ in range(3)],
    )  # fmt: skip
    noise = Image.new("RGB", picture.size)
    for x in range(0, picture.width, edge):
        for y in range(0, picture.height, edge):
            noise.paste(tile, (x, y))
    return ImageChops.add(picture, noise, 1, -reach)


def write(picture: Image.Image, file: BinaryIO, form: str, quality: str, note: str) -> None:
    """Encode fast; the note (whose prediction it was) travels in the metadata, not the pixels."""
    exif = Image.Exif()
    exif[TAG_DESCRIPTION], exif[TAG_SOFTWARE] = note, "Darkroom provider simulator"
    match form:
        case "jpeg":
            share = JPEG_QUALITY.get(quality, 89)
            picture.save(file, "JPEG", quality=share, subsampling=0, exif=exif)
        case "webp":
            share = JPEG_QUALITY.get(quality, 89)
            picture.save(file, "WEBP", quality=share, method=0, exif=exif)
        case _:
            picture.save(file, "PNG", compress_level=1, exif=exif)
