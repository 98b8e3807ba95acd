"""The lower half of a picture: ranges of hills in the haze, trees, a skyline, water."""

import random
from math import pi, sin

from PIL import Image, ImageChops, ImageDraw

from local.provider.art.palette import Colour, Palette, blend
from local.provider.art.sky import Canvas, glow

AA = 2  # masks are drawn this much larger and reduced, which smooths their edges

Line = list[tuple[float, float]]


def ridge(rng: random.Random, roughness: float, points: int = 257) -> list[float]:
    """Heights in -1..1 by midpoint displacement: small roughness rolls, large roughness cuts."""
    heights = [0.0] * points
    heights[0], heights[-1] = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6)
    step, reach = points - 1, 1.0
    while step > 1:
        for left in range(0, points - 1, step):
            middle = (heights[left] + heights[left + step]) / 2
            heights[left + step // 2] = middle + rng.uniform(-reach, reach) * 0.7
        step, reach = step // 2, reach * roughness
    return heights


def outline(canvas: Canvas, heights: list[float], base: float, swing: float) -> Line:
    """The ridge as a line across the canvas, in pixels of the enlarged mask."""
    width = canvas.width * AA
    last = len(heights) - 1
    return [(x / last * width, (base - h * swing) * AA) for x, h in enumerate(heights)]


def conifers(draw: ImageDraw.ImageDraw, rng: random.Random, line: Line, tall: float) -> None:
    """Fir trees standing on a ridge."""
    for x, y in line:
        if rng.random() < 0.62:
            height = tall * rng.uniform(0.35, 1.0)
            x += rng.uniform(-6, 6)
            for tier in range(4):
                top = y - height + height * 0.21 * tier
                half = height * (0.075 + 0.055 * tier)
                draw.polygon(
                    [(x, top), (x - half, top + height * 0.36), (x + half, top + height * 0.36)],
                    fill=255,
                )


def layer(canvas: Canvas, line: Line, colour: Colour, haze: Colour, trees: random.Random | None,
          tall: float) -> None:  # fmt: skip
    """One range: a silhouette, paler towards its foot where the mist lies."""
    width, height = canvas.size
    top = max(0, int(min(y for _, y in line) / AA - tall))
    mask = Image.new("L", (width * AA, (height - top) * AA))
    draw = ImageDraw.Draw(mask)
    shifted = [(x, y - top * AA) for x, y in line]
    draw.polygon([*shifted, (width * AA, mask.height), (0, mask.height)], fill=255)
    if trees:
        conifers(draw, trees, shifted, tall * AA)
    mask = mask.reduce(AA)
    mist = Image.linear_gradient("L").point([round(v * 0.62) for v in range(256)])
    canvas.paste(colour, (0, top), mask)
    canvas.paste(haze, (0, top), ImageChops.multiply(mask, mist.resize(mask.size)))


def paint_ranges(canvas: Canvas, rng: random.Random, palette: Palette, horizon: int, *,
                 trees: bool) -> None:  # fmt: skip
    """Five ranges, each nearer, darker and smoother than the one behind it."""
    height = canvas.height
    count = 5
    for index in range(count):
        near = index / (count - 1)
        heights = ridge(rng, roughness=0.56 - 0.12 * near)
        base = horizon + (height - horizon) * (near * 0.62) - height * 0.02
        line = outline(canvas, heights, base, swing=height * (0.11 - 0.055 * near))
        colour = blend(palette.far, palette.near, near**1.15)
        haze = blend(palette.sky[-1], colour, 0.2 + 0.75 * near)
        wooded = rng if trees and index >= 2 else None
        layer(canvas, line, colour, haze, wooded, tall=height * (0.03 + 0.1 * near))


def paint_city(canvas: Canvas, rng: random.Random, palette: Palette, horizon: int) -> None:
    """Three rows of buildings, lit windows in the nearest two."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    unit = max(width, height) / 2048
    for row in range(3):
        near = (row + 1) / 3
        colour = blend(palette.far, palette.near, near**1.2)
        x = -rng.uniform(0, 60) * unit
        while x < width:
            wide = rng.uniform(70, 170) * unit * (0.6 + 0.5 * near)
            top = horizon + height * (0.09 * row - rng.uniform(0.02, 0.2) * (1.15 - 0.45 * near))
            draw.rectangle((x, top, x + wide, height), fill=colour)
            if rng.random() < 0.25:
                mast = (x + wide / 2, top - 50 * unit, x + wide / 2 + 3 * unit, top)
                draw.rectangle(mast, fill=colour)
            if row:
                lit = blend(colour, palette.sun, 0.85)
                windows(draw, rng, (x, top, x + wide, height), lit, 15 * unit * (0.7 + near))
            x += wide + rng.uniform(0, 14) * unit


def windows(draw: ImageDraw.ImageDraw, rng: random.Random, box: tuple[float, float, float, float],
            lit: Colour, step: float) -> None:  # fmt: skip
    """Some windows of a building, lit."""
    left, top, right, bottom = box
    for row in range(int(min(bottom - top, 46 * step) / (step * 1.6))):
        for column in range(int((right - left - step) / step)):
            if rng.random() < 0.2:
                x, y = left + step * (column + 0.7), top + step * (1.6 * row + 1)
                draw.rectangle((x, y, x + step * 0.42, y + step * 0.62), fill=lit)


def paint_water(canvas: Canvas, palette: Palette, shore: int) -> None:
    """A lake that mirrors what stands above the shore, broken by ripples that grow nearer."""
    width, height = canvas.size
    depth, slack = height - shore, width // 50  # ripples shift sideways, so it must be wider
    above = canvas.crop((0, max(0, shore - int(depth * 1.5)), width, shore))
    mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width + 2 * slack, depth))
    mirror = Image.blend(mirror, Image.new("RGB", mirror.size, palette.near), 0.22)
    y = 0
    while y < depth:
        near = y / depth
        band = max(2, int(depth * (0.004 + 0.014 * near)))
        swing = width * (0.002 + 0.014 * near) * sin(y * 2 * pi / (band * 5.2) + near * 9)
        left = slack + int(swing)
        strip = mirror.crop((left, y, left + width, min(depth, y + band)))
        canvas.paste(strip, (0, shore + y))
        y += band
    glow(canvas, (width // 2, shore), width // 2, palette.sky[-1], 60)
