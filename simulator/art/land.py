"""The ground of an image: ranges of hills in haze, trees, a skyline, water."""

import random
from math import exp, pi, sin

from PIL import Image, ImageChops, ImageDraw

from simulator.art.palette import Colour, Palette, blend
from simulator.art.sky import Canvas, glow
from simulator.art.variation import Variation

AA = 2  # masks are drawn this much larger and reduced, which smooths their edges
TERRAINS = ("rolling", "summit", "dunes", "peaks", "valley", "mesas", "slope")

Outline = list[tuple[float, float]]


def ridge(rng: random.Random, roughness: float, points: int = 257) -> list[float]:
    """Return heights in about -1..1 by midpoint displacement; a small roughness makes hills."""
    heights = [0.0] * points
    heights[0], heights[-1] = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6)
    step, reach = points - 1, 1.0
    while step > 1:
        for left in range(0, points - 1, step):
            middle = (heights[left] + heights[left + step]) / 2
            heights[left + step // 2] = middle + rng.uniform(-reach, reach) * 0.7
        step, reach = step // 2, reach * roughness
    return heights


def terrain(kind: str, rng: random.Random, near: float) -> list[float]:
    """Return the heights of one range; `near` is 0 for the farthest range and 1 for the nearest."""
    roughness = {"rolling": 0.42, "dunes": 0.3, "peaks": 0.58, "mesas": 0.5}.get(kind, 0.54)
    heights = ridge(rng, roughness - 0.1 * near)
    places = [index / (len(heights) - 1) for index in range(len(heights))]
    far = 1 - near
    match kind:
        case "peaks":
            return [1.1 * abs(h) ** 0.9 * (0.5 + far) - 0.2 for h in heights]
        case "mesas" if near < 0.5:
            phase, waves = rng.uniform(0, 6), rng.uniform(1.6, 2.8)
            bumps = [
                h + 0.7 * sin(2 * pi * waves * x + phase)
                for h, x in zip(heights, places, strict=True)
            ]
            return [max(-0.5, min(0.55, 2 * h)) * (0.5 + far) + 0.06 * h for h in bumps]
        case "dunes":
            phase, waves = rng.uniform(0, 6), rng.uniform(1.2, 2.4)
            return [
                0.5 * h + 0.42 * abs(sin(pi * waves * (x + 0.4 * x**2) + phase)) - 0.2
                for h, x in zip(heights, places, strict=True)
            ]
        case "valley":
            floor = rng.uniform(0.3, 0.7)
            return [
                0.6 * h + 2.6 * (x - floor) ** 2 * (2.1 - 0.7 * near) - 0.5
                for h, x in zip(heights, places, strict=True)
            ]
        case "summit" if near < 0.4:
            top, wide = rng.uniform(0.2, 0.8), rng.uniform(0.16, 0.3)
            return [
                0.5 * h + 2.6 * exp(-abs(x - top) / wide) - 0.5
                for h, x in zip(heights, places, strict=True)
            ]
        case "slope":
            rise = rng.choice([-1.5, 1.5]) * rng.uniform(0.6, 1)
            return [0.6 * h + rise * (x - 0.5) for h, x in zip(heights, places, strict=True)]
    return heights


def outline(canvas: Canvas, heights: list[float], base: float, swing: float) -> Outline:
    """Return the ridge as points across the canvas, in pixels of the enlarged mask."""
    width = canvas.width * AA
    last = len(heights) - 1
    return [(x / last * width, (base - h * swing) * AA) for x, h in enumerate(heights)]


def conifers(draw: ImageDraw.ImageDraw, rng: random.Random, line: Outline, tall: float,
             density: float) -> None:  # fmt: skip
    """Draw fir trees along a ridge; `density` (0..1) is the share of the points with a tree."""
    for x, y in line:
        if rng.random() < density:
            height = tall * rng.uniform(0.35, 1.0)
            fir(draw, x + rng.uniform(-6, 6), y, height)


def fir(draw: ImageDraw.ImageDraw, x: float, foot: float, height: float, tiers: int = 4) -> None:
    """Draw one fir tree."""
    for tier in range(tiers):
        share = tier / (tiers - 1)
        top = foot - height + height * 0.63 * share
        half, below = height * (0.3 / tiers + 0.165 * share), top + height * (0.12 + 0.96 / tiers)
        draw.polygon([(x, top), (x - half, below), (x + half, below)], fill=255)


def layer(canvas: Canvas, line: Outline, colour: Colour, haze: Colour, trees: random.Random | None,
          tall: float, density: float = 0.62) -> None:  # fmt: skip
    """Paint one range: a silhouette that grows paler towards its foot."""
    width, height = canvas.size
    top = max(0, int(min(y for _, y in line) / AA - tall))
    if top >= height:
        return
    mask = Image.new("L", (width * AA, (height - top) * AA))
    draw = ImageDraw.Draw(mask)
    shifted = [(x, y - top * AA) for x, y in line]
    draw.polygon([*shifted, (width * AA, mask.height), (0, mask.height)], fill=255)
    if trees:
        conifers(draw, trees, shifted, tall * AA, density)
    mask = mask.reduce(AA)
    mist = Image.linear_gradient("L").point([round(v * 0.62) for v in range(256)])
    canvas.paste(colour, (0, top), mask)
    canvas.paste(haze, (0, top), ImageChops.multiply(mask, mist.resize(mask.size)))


def paint_ranges(canvas: Canvas, variation: Variation, palette: Palette, horizon: int, *,
                 trees: bool) -> None:  # fmt: skip
    """Paint three to six ranges, each nearer, darker and smoother than the one behind it."""
    rng, height = variation.rng, canvas.height
    kind = variation.pick("terrain", TERRAINS)
    count, tall_ranges = rng.randint(3, 6), rng.uniform(0.8, 1.35)
    first_wooded, density = rng.randint(1, 2), rng.uniform(0.3, 0.8)
    for index in range(count):
        near = index / (count - 1)
        heights = terrain(kind, rng, near)
        base = horizon + (height - horizon) * (near * 0.62) - height * 0.02
        swing = height * (0.11 - 0.055 * near) * tall_ranges
        line = outline(canvas, heights, base, swing)
        colour = blend(palette.far, palette.near, near**1.15)
        haze = blend(palette.sky[-1], colour, 0.2 + 0.75 * near)
        wooded = rng if trees and index >= first_wooded else None
        tall = height * (0.03 + 0.1 * near)
        layer(canvas, line, colour, haze, wooded, tall, density)


def paint_city(canvas: Canvas, rng: random.Random, palette: Palette, horizon: int) -> None:
    """Paint three rows of buildings around a centre, with lit windows in the nearest two."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    unit = max(width, height) / 2048
    centre, spread = rng.uniform(0.15, 0.85), rng.uniform(0.18, 0.5)
    widest, lit_share = rng.uniform(110, 210), rng.uniform(0.1, 0.34)
    for row in range(3):
        near = (row + 1) / 3
        colour = blend(palette.far, palette.near, near**1.2)
        x = -rng.uniform(0, 60) * unit
        while x < width:
            wide = rng.uniform(60, widest) * unit * (0.6 + 0.5 * near)
            downtown = exp(-(((x / width - centre) / spread) ** 2))
            rise = rng.uniform(0.02, 0.1 + 0.24 * downtown) * (1.15 - 0.45 * near)
            top = horizon + height * (0.09 * row - rise)
            draw.rectangle((x, top, x + wide, height), fill=colour)
            _roof(draw, rng, (x, top, x + wide), unit, colour)
            if row:
                lit = blend(colour, palette.sun, 0.85)
                step = 15 * unit * (0.7 + near)
                windows(draw, rng, (x, top, x + wide, height), lit, step, lit_share)
            x += wide + rng.uniform(0, 14) * unit


def _roof(draw: ImageDraw.ImageDraw, rng: random.Random, box: tuple[float, float, float],
          unit: float, colour: Colour) -> None:  # fmt: skip
    left, top, right = box
    middle, wide = (left + right) / 2, right - left
    match rng.randrange(7):
        case 0:
            draw.rectangle((middle, top - 50 * unit, middle + 3 * unit, top), fill=colour)
        case 1:
            draw.polygon([(left, top), (middle, top - 0.7 * wide), (right, top)], fill=colour)
        case 2:
            step = 0.2 * wide
            draw.rectangle((left + step, top - 1.6 * step, right - step, top), fill=colour)


def windows(draw: ImageDraw.ImageDraw, rng: random.Random, box: tuple[float, float, float, float],
            lit: Colour, step: float, share: float) -> None:  # fmt: skip
    """Draw the lit windows of a building; `share` (0..1) of its windows are lit."""
    left, top, right, bottom = box
    for row in range(int(min(bottom - top, 46 * step) / (step * 1.6))):
        for column in range(int((right - left - step) / step)):
            if rng.random() < share:
                x, y = left + step * (column + 0.7), top + step * (1.6 * row + 1)
                draw.rectangle((x, y, x + step * 0.42, y + step * 0.62), fill=lit)


def paint_water(canvas: Canvas, palette: Palette, shore: int, rng: random.Random) -> None:
    """Paint a lake that mirrors the scene above the shore, with ripples that grow nearer."""
    width, height = canvas.size
    depth, slack = height - shore, width // 50  # ripples shift sideways, so it must be wider
    above = canvas.crop((0, max(0, shore - int(depth * 1.5)), width, shore))
    mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width + 2 * slack, depth))
    tint = rng.uniform(0.14, 0.34)
    mirror = Image.blend(mirror, Image.new("RGB", mirror.size, palette.near), tint)
    y, calm = 0, rng.uniform(0.3, 1.3)
    while y < depth:
        near = y / depth
        band = max(2, int(depth * (0.004 + 0.014 * near)))
        swing = calm * width * (0.002 + 0.013 * near) * sin(y * 2 * pi / (band * 5.2) + near * 9)
        left = max(0, min(2 * slack, slack + int(swing)))
        strip = mirror.crop((left, y, left + width, min(depth, y + band)))
        canvas.paste(strip, (0, shore + y))
        y += band
    glow(canvas, (width // 2, shore), width // 2, palette.sky[-1], 60)
