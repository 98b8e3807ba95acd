"""The sky of an image: gradient, stars, aurora, sun or moon, clouds and birds."""

import random
from math import sin

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from simulator.art.palette import Colour, Palette, blend
from simulator.art.variation import Variation

Canvas = Image.Image
CLOUDS = ("clear", "streaks", "billows", "veil")


def gradient(size: tuple[int, int], stops: list[Colour], bend: float = 1) -> Canvas:
    """Return a vertical gradient; a `bend` above 1 gives the upper colours more room."""
    steps = 256
    column = Image.new("RGB", (1, steps))
    spans = len(stops) - 1
    for y in range(steps):
        span, share = divmod((y / (steps - 1)) ** bend * spans, 1)
        index = min(int(span), spans - 1)
        share = 1.0 if int(span) >= spans else share
        column.putpixel((0, y), blend(stops[index], stops[index + 1], share))
    return column.resize(size, Image.Resampling.BICUBIC)


def glow(canvas: Canvas, centre: tuple[int, int], radius: int, colour: Colour, alpha: int) -> None:
    """Paint light that fades out from a point; `alpha` (0..255) is its strength at the centre."""
    fade = Image.radial_gradient("L").point(
        [round(alpha * max(0.0, 1 - value / 182) ** 2) for value in range(256)]
    )
    _paste_enlarged(canvas, fade, centre, radius, colour)


def _paste_enlarged(canvas: Canvas, mask: Canvas, centre: tuple[int, int], radius: int,
                    colour: Colour) -> None:  # fmt: skip
    """Paste a colour through a mask enlarged to a square; only its visible part is enlarged."""
    left, top = centre[0] - radius, centre[1] - radius
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.width, left + 2 * radius), min(canvas.height, top + 2 * radius)
    if x0 >= x1 or y0 >= y1:
        return
    scale = mask.width / (2 * radius)
    box = ((x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale, (y1 - top) * scale)
    visible = mask.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=box)
    canvas.paste(colour, (x0, y0), visible)


def disc(canvas: Canvas, centre: tuple[int, int], radius: int, colour: Colour,
         shadow: float = 0) -> None:  # fmt: skip
    """Paint a smooth-edged sun or moon; a `shadow` (in radii) cuts a crescent out of it."""
    edge = 8 * radius
    mask = Image.new("L", (edge, edge))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((0, 0, edge - 1, edge - 1), fill=255)
    if shadow:
        left, top = shadow * edge / 2, -abs(shadow) * edge / 8
        draw.ellipse((left, top, left + edge, top + edge), fill=0)
    canvas.paste(colour, (centre[0] - radius, centre[1] - radius), mask.reduce(4))


def stars(canvas: Canvas, rng: random.Random) -> None:
    """Paint 240 to 620 stars, denser towards the top, a few of them bright."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    unit = max(width, height) / 2048
    for _ in range(rng.randint(240, 620)):
        x, y = rng.randrange(width), int(height * 0.62 * rng.random() ** 1.5)
        under = canvas.getpixel((x, y))
        red, green, blue = under[:3] if isinstance(under, tuple) else (0, 0, 0)
        bright = rng.random() ** 3
        size = unit * (0.5 + 1.7 * bright)
        colour = blend((red, green, blue), (255, 252, 240), 0.35 + 0.65 * bright)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)


def aurora(canvas: Canvas, rng: random.Random, horizon: int) -> None:
    """Paint one or two curtains of northern lights."""
    for _ in range(rng.randint(1, 2)):
        small = Image.new("L", (192, 128))
        draw = ImageDraw.Draw(small)
        phase, rise, base = rng.uniform(0, 6), rng.uniform(-18, 18), rng.uniform(66, 96)
        for x in range(192):
            foot = base + 11 * sin(x / 17 + phase) + 5 * sin(x / 6 + 2 * phase) + rise * x / 192
            tall = 34 + 20 * sin(x / 23 + phase * 3) + rng.uniform(-6, 6)
            for step in range(int(max(8, tall))):
                draw.point((x, foot - step), fill=int(150 * (1 - step / tall) ** 1.3))
        soft = small.filter(ImageFilter.GaussianBlur(1.4))
        colour = rng.choice([(118, 240, 178), (120, 226, 236), (196, 140, 246)])
        canvas.paste(colour, (0, 0), soft.resize((canvas.width, horizon), Image.Resampling.BICUBIC))


def clouds(canvas: Canvas, rng: random.Random, colour: Colour, kind: str, horizon: int) -> None:
    """Paint clouds of one kind, drawn small and enlarged, which also blurs them."""
    if kind == "clear":
        return
    small = Image.new("L", (256, 160))
    draw = ImageDraw.Draw(small)
    if kind == "billows":
        _billows(draw, rng)
    else:
        flat = 2.6 if kind == "streaks" else 5.5
        for _ in range(rng.randint(3, 7) if kind == "streaks" else rng.randint(10, 14)):
            x, y = rng.randint(-30, 256), rng.randint(10, 140)
            for _ in range(14):
                dx, dy, half = rng.gauss(0, 34), rng.gauss(0, flat), rng.uniform(10, 38)
                box = (x + dx - half, y + dy - flat * 0.6, x + dx + half, y + dy + flat * 0.6)
                draw.ellipse(box, fill=rng.randint(30, 110))
    soft = small.filter(ImageFilter.GaussianBlur(1.5 if kind == "billows" else 2.6))
    mask = soft.resize((canvas.width, int(horizon * 1.06)), Image.Resampling.BICUBIC)
    canvas.paste(colour, (0, 0), mask)


def _billows(draw: ImageDraw.ImageDraw, rng: random.Random) -> None:
    for _ in range(rng.randint(2, 4)):
        x, y, wide = rng.uniform(0, 256), rng.uniform(34, 142), rng.uniform(24, 62)
        shade = rng.randint(95, 165)
        for _ in range(22):
            dx = rng.uniform(-1, 1) * rng.uniform(0.3, 0.85) * wide
            radius = max(3.0, (wide / 4.2) * (1 - abs(dx) / wide) * rng.uniform(0.6, 1.15))
            box = (x + dx - radius, y - radius * 1.25, x + dx + radius, y + radius * 0.45)
            draw.ellipse(box, fill=shade)


def birds(canvas: Canvas, rng: random.Random, colour: Colour) -> None:
    """Paint a small flock, two strokes a bird."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    unit = max(width, height) / 2048
    x0, y0 = rng.uniform(0.12, 0.85) * width, rng.uniform(0.1, 0.36) * height
    for _ in range(rng.randint(3, 9)):
        x, y = x0 + rng.gauss(0, 110) * unit, y0 + rng.gauss(0, 45) * unit
        span = rng.uniform(9, 22) * unit
        lift = span * rng.uniform(0.3, 0.6)
        wings = [(x - span, y - lift), (x - span / 2, y - lift), (x, y)]
        draw.line(wings, fill=colour, width=max(1, round(2.6 * unit)), joint="curve")
        mirrored = [(2 * x - px, py) for px, py in wings]
        draw.line(mirrored, fill=colour, width=max(1, round(2.6 * unit)), joint="curve")


def rays(canvas: Canvas, centre: tuple[int, int], rng: random.Random, colour: Colour) -> None:
    """Paint soft beams that fan out from the sun."""
    edge = 256
    small = Image.new("L", (edge, edge))
    draw = ImageDraw.Draw(small)
    angle = rng.uniform(0, 40)
    while angle < 360:
        wide = rng.uniform(5, 15)
        draw.pieslice((0, 0, edge - 1, edge - 1), angle, angle + wide, fill=rng.randint(34, 74))
        angle += wide + rng.uniform(9, 24)
    fade = Image.radial_gradient("L").point([max(0, 255 - round(v * 1.7)) for v in range(256)])
    soft = ImageChops.multiply(small.filter(ImageFilter.GaussianBlur(3)), fade)
    radius = int(min(canvas.size) * rng.uniform(0.7, 1.0))
    _paste_enlarged(canvas, soft, centre, radius, colour)


def paint_sky(canvas: Canvas, variation: Variation, palette: Palette, horizon: int) -> None:
    """Paint everything above the horizon, a y coordinate in pixels."""
    rng, (width, height) = variation.rng, canvas.size
    canvas.paste(gradient((width, horizon), palette.sky, rng.uniform(0.72, 1.35)), (0, 0))
    canvas.paste(palette.sky[-1], (0, horizon, width, height))
    if palette.is_dark:
        stars(canvas, rng)
        if rng.random() < 0.4:
            aurora(canvas, rng, horizon)
    side = min(width, height)
    centre = (
        int(width * variation.spread("light", 0.14, 0.86)),
        int(horizon * (1 - 0.78 * rng.betavariate(1.3, 1.6))),  # now and then it touches the hills
    )
    radius = max(4, int(side * rng.uniform(0.035, 0.06 if palette.is_dark else 0.125)))
    glow(canvas, centre, int(side * rng.uniform(0.55, 0.95)), palette.sun, rng.randint(120, 180))
    if not palette.is_dark and rng.random() < 0.3:
        rays(canvas, centre, rng, palette.sun)
    glow(canvas, centre, radius * 3, palette.sun, 130)
    is_crescent = palette.is_dark and rng.random() < 0.55
    disc(canvas, centre, radius, palette.sun, rng.choice([-0.55, 0.5, 0.7]) if is_crescent else 0)
    white = blend(palette.sky[-1], (255, 255, 255), 0.15 if palette.is_dark else 0.55)
    clouds(canvas, rng, white, variation.pick("clouds", CLOUDS), horizon)
