"""Single things in a landscape: a lighthouse, a boat, a cabin, balloons, a tree in front."""

import random
from collections.abc import Sequence
from math import cos, pi, sin

from PIL import Image, ImageDraw

from simulator.art.land import AA, fir, layer, outline, ridge
from simulator.art.palette import Colour, Palette, blend
from simulator.art.sky import Canvas, glow

Point = tuple[float, float]
Polygon = Sequence[Point]
Box = tuple[float, float, float, float]


def stamp(canvas: Canvas, box: Box, colour: Colour, *polygons: Polygon) -> None:
    """Paint polygons with smooth edges; their coordinates are shares (0..1) of the box."""
    left, top, right, bottom = (round(edge) for edge in box)
    width, height = max(1, right - left), max(1, bottom - top)
    mask = Image.new("L", (width * AA * 2, height * AA * 2))
    draw = ImageDraw.Draw(mask)
    for polygon in polygons:
        draw.polygon([(x * mask.width, y * mask.height) for x, y in polygon], fill=255)
    canvas.paste(colour, (left, top), mask.reduce(AA * 2))


def oval(x: float, y: float, half_width: float, half_height: float) -> Polygon:
    """Return an ellipse as a polygon of 32 corners."""
    angles = [2 * pi * step / 32 for step in range(32)]
    return [(x + half_width * cos(angle), y + half_height * sin(angle)) for angle in angles]


def _block(left: float, top: float, right: float, bottom: float) -> Polygon:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def headland(canvas: Canvas, rng: random.Random, palette: Palette, shore: int,
             side: int) -> Point:  # fmt: skip
    """Paint a cliff that reaches into the water from one side; return a place for a building."""
    width, height = canvas.size
    reach, tall = rng.uniform(0.3, 0.55), height * rng.uniform(0.07, 0.15)
    noise = ridge(rng, 0.5)
    heights = []
    for index, bump in enumerate(noise):
        x = index / (len(noise) - 1)
        inland = 1 - (x if side < 0 else 1 - x) / reach
        heights.append(-1.0 if inland <= 0 else min(1.0, inland * 3.2) * (0.8 + 0.13 * bump))
    line = outline(canvas, heights, shore, tall)
    colour = blend(palette.far, palette.near, 0.72)
    layer(canvas, line, colour, blend(palette.sky[-1], colour, 0.6), None, 0)
    share = reach * rng.uniform(0.35, 0.6)
    x = share if side < 0 else 1 - share
    return width * x, line[round(x * (len(line) - 1))][1] / AA


def lighthouse(canvas: Canvas, palette: Palette, foot: Point, tall: float) -> None:
    """Paint a banded lighthouse whose lamp shines."""
    x, y = foot
    box = (x - tall * 0.2, y - tall, x + tall * 0.2, y + tall * 0.06)
    light, dark = blend(palette.sun, palette.near, 0.2), blend(palette.far, palette.near, 0.85)
    stamp(canvas, box, light, [(0.38, 0.24), (0.62, 0.24), (0.74, 1), (0.26, 1)])
    stamp(canvas, box, dark, [(0.365, 0.34), (0.635, 0.34), (0.66, 0.49), (0.34, 0.49)],
          [(0.32, 0.63), (0.68, 0.63), (0.705, 0.78), (0.295, 0.78)],
          _block(0.27, 0.205, 0.73, 0.245), _block(0.39, 0.09, 0.61, 0.12),
          [(0.36, 0.1), (0.5, 0), (0.64, 0.1)], _block(0.4, 0.1, 0.43, 0.21),
          _block(0.57, 0.1, 0.6, 0.21))  # fmt: skip
    stamp(canvas, box, palette.sun, _block(0.43, 0.12, 0.57, 0.205))
    glow(canvas, (int(x), int(y - tall * 0.84)), max(8, int(tall * 0.55)), palette.sun, 170)


def boat(canvas: Canvas, rng: random.Random, palette: Palette, shore: int) -> None:
    """Paint a sailing boat on the water, and its reflection."""
    width, height = canvas.size
    size = height * rng.uniform(0.045, 0.12)
    x, y = width * rng.uniform(0.18, 0.85), shore + size * rng.uniform(0.1, 0.5)
    sail, hull = blend(palette.sun, palette.far, 0.12), blend(palette.far, palette.near, 0.9)
    is_mirrored = rng.random() < 0.5

    def turned(polygon: Polygon) -> Polygon:
        return [(1 - px, py) for px, py in polygon] if is_mirrored else polygon

    box = (x - size * 0.45, y - size, x + size * 0.45, y)
    stamp(canvas, (box[0], y, box[2], y + size * 0.5), blend(palette.near, sail, 0.3),
          turned([(0.12, 0), (0.9, 0), (0.55, 0.9), (0.48, 0.9)]))  # fmt: skip
    stamp(canvas, box, sail, turned([(0.5, 0.02), (0.5, 0.8), (0.93, 0.8)]),
          turned([(0.45, 0.16), (0.45, 0.8), (0.14, 0.8)]))  # fmt: skip
    stamp(canvas, box, hull, turned([(0.03, 0.85), (0.97, 0.85), (0.84, 1), (0.16, 1)]),
          turned(_block(0.465, 0, 0.485, 0.86)))  # fmt: skip


def cabin(canvas: Canvas, palette: Palette, foot: Point, tall: float) -> None:
    """Paint a small house with a lit window."""
    x, y = foot
    box = (x - tall * 0.8, y - tall, x + tall * 0.8, y + tall * 0.1)
    stamp(canvas, box, palette.near, [(0.02, 0.52), (0.5, 0.1), (0.98, 0.52)],
          _block(0.12, 0.5, 0.88, 1), _block(0.68, 0.05, 0.78, 0.4))  # fmt: skip
    stamp(canvas, box, blend(palette.sun, (255, 200, 110), 0.5), _block(0.26, 0.62, 0.42, 0.8),
          _block(0.56, 0.62, 0.72, 0.8))  # fmt: skip
    glow(canvas, (int(x), int(y - tall * 0.3)), max(8, int(tall * 1.1)), palette.sun, 90)


def balloons(canvas: Canvas, rng: random.Random, palette: Palette, horizon: int) -> None:
    """Paint one to five hot-air balloons."""
    width, height = canvas.size
    for _ in range(rng.randint(1, 5)):
        size = height * rng.uniform(0.05, 0.17)
        x, y = width * rng.uniform(0.1, 0.9), horizon * rng.uniform(0.12, 0.75)
        box = (x - size / 2, y, x + size / 2, y + size * 1.25)
        body = blend(palette.far, rng.choice([palette.sun, palette.sky[1], palette.near]), 0.55)
        skirt: Polygon = [(0.12, 0.5), (0.88, 0.5), (0.58, 0.82), (0.42, 0.82)]
        stamp(canvas, box, body, oval(0.5, 0.38, 0.46, 0.37), skirt)
        stamp(canvas, box, blend(body, palette.sun, 0.45), oval(0.5, 0.38, 0.17, 0.37),
              [(0.36, 0.6), (0.64, 0.6), (0.53, 0.82), (0.47, 0.82)])  # fmt: skip
        stamp(canvas, box, palette.near, _block(0.43, 0.9, 0.57, 1), _block(0.44, 0.82, 0.45, 0.9),
              _block(0.55, 0.82, 0.56, 0.9))  # fmt: skip


def foreground_trees(canvas: Canvas, rng: random.Random, palette: Palette) -> None:
    """Paint two to four tall dark firs at one edge of the image."""
    width, height = canvas.size
    side = rng.choice([0.05, 0.95])
    mask = Image.new("L", (width * AA, height * AA))
    draw = ImageDraw.Draw(mask)
    for _ in range(rng.randint(2, 4)):
        x = width * AA * (side + rng.uniform(-0.11, 0.11))
        fir(draw, x, mask.height * 1.03, mask.height * rng.uniform(0.4, 0.78), tiers=11)
    canvas.paste(palette.near, (0, 0), mask.reduce(AA))
