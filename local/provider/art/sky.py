"""The upper half of a picture: gradient, stars, sun or moon, clouds and birds."""

import random

from PIL import Image, ImageDraw, ImageFilter

from local.provider.art.palette import Colour, Palette, blend

Canvas = Image.Image


def gradient(size: tuple[int, int], stops: list[Colour]) -> Canvas:
    """A vertical gradient through evenly spaced colours."""
    steps = 256
    column = Image.new("RGB", (1, steps))
    spans = len(stops) - 1
    for y in range(steps):
        span, share = divmod(y / (steps - 1) * spans, 1)
        index = min(int(span), spans - 1)
        share = 1.0 if int(span) >= spans else share
        column.putpixel((0, y), blend(stops[index], stops[index + 1], share))
    return column.resize(size, Image.Resampling.BICUBIC)


def glow(canvas: Canvas, centre: tuple[int, int], radius: int, colour: Colour, force: int) -> None:
    """Light that fades out from a point; `force` is its alpha at the heart, 0 to 255."""
    fade = Image.radial_gradient("L").point(
        [round(force * max(0.0, 1 - value / 182) ** 2) for value in range(256)]
    )
    mask = fade.resize((2 * radius, 2 * radius), Image.Resampling.BICUBIC)
    canvas.paste(colour, (centre[0] - radius, centre[1] - radius), mask)


def disc(canvas: Canvas, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """A smooth-edged sun or moon."""
    mask = Image.new("L", (8 * radius, 8 * radius))
    ImageDraw.Draw(mask).ellipse((0, 0, 8 * radius - 1, 8 * radius - 1), fill=255)
    canvas.paste(colour, (centre[0] - radius, centre[1] - radius), mask.reduce(4))


def stars(canvas: Canvas, rng: random.Random) -> None:
    """A few hundred stars, denser towards the top, a few of them bright."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    unit = max(width, height) / 2048
    for _ in range(420):
        x, y = rng.randrange(width), int(height * 0.62 * rng.random() ** 1.5)
        under = canvas.getpixel((x, y))
        ground = under[:3] if isinstance(under, tuple) else (0, 0, 0)
        bright = rng.random() ** 3
        size = unit * (0.5 + 1.7 * bright)
        red, green, blue = ground
        colour = blend((red, green, blue), (255, 252, 240), 0.35 + 0.65 * bright)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)


def clouds(canvas: Canvas, rng: random.Random, colour: Colour) -> None:
    """Long soft streaks, drawn small and enlarged, which blurs them for nothing."""
    small = Image.new("L", (256, 192))
    draw = ImageDraw.Draw(small)
    for _ in range(rng.randint(4, 6)):
        x, y = rng.randint(-30, 256), rng.randint(14, 92)
        for _ in range(14):
            dx, dy, half = rng.gauss(0, 34), rng.gauss(0, 2.6), rng.uniform(10, 38)
            box = (x + dx - half, y + dy - 1.6, x + dx + half, y + dy + 1.6)
            draw.ellipse(box, fill=rng.randint(40, 120))
    soft = small.filter(ImageFilter.GaussianBlur(2.6))
    canvas.paste(colour, (0, 0), soft.resize(canvas.size, Image.Resampling.BICUBIC))


def birds(canvas: Canvas, rng: random.Random, colour: Colour) -> None:
    """A small flock, two strokes a bird."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    unit = max(width, height) / 2048
    x0, y0 = rng.uniform(0.12, 0.7) * width, rng.uniform(0.14, 0.3) * height
    for _ in range(rng.randint(4, 8)):
        x, y = x0 + rng.gauss(0, 110) * unit, y0 + rng.gauss(0, 45) * unit
        span = rng.uniform(9, 20) * unit
        lift = span * rng.uniform(0.3, 0.6)
        wings = [(x - span, y - lift), (x - span / 2, y - lift), (x, y)]
        draw.line(wings, fill=colour, width=max(1, round(2.6 * unit)), joint="curve")
        mirrored = [(2 * x - px, py) for px, py in wings]
        draw.line(mirrored, fill=colour, width=max(1, round(2.6 * unit)), joint="curve")


def paint_sky(canvas: Canvas, rng: random.Random, palette: Palette, horizon: int) -> None:
    """Everything above the hills."""
    width, height = canvas.size
    canvas.paste(gradient((width, horizon), palette.sky), (0, 0))
    canvas.paste(palette.sky[-1], (0, horizon, width, height))
    if palette.is_dark:
        stars(canvas, rng)
    side = min(width, height)
    centre = (int(width * rng.choice([0.31, 0.5, 0.66])), int(horizon * rng.uniform(0.48, 0.68)))
    radius = int(side * rng.uniform(0.06, 0.105))
    glow(canvas, centre, int(side * 0.75), palette.sun, 165)
    glow(canvas, centre, radius * 3, palette.sun, 130)
    disc(canvas, centre, radius, palette.sun)
    clouds(canvas, rng, blend(palette.sky[-1], (255, 255, 255), 0.15 if palette.is_dark else 0.55))
