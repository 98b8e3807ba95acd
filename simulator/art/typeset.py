"""Text on an image: the prompt as a title, with a caption below."""

from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from simulator.art.palette import Colour
from simulator.art.sky import Canvas

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

MAX_LINES = 4


@cache
def font(size: int) -> Font:
    """Return Pillow's built-in typeface, so that images are equal on every machine."""
    return ImageFont.load_default(size=size)


@cache
def _is_drawable(character: str) -> bool:
    missing = font(16).getmask("\U0010ffff")
    drawn = font(16).getmask(character)
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


def printable(text: str) -> str:
    """Return the text on one line, without characters that the typeface lacks."""
    kept = "".join(c if c.isspace() or _is_drawable(c) else "" for c in text[:900])
    return " ".join(kept.split())


def wrap(text: str, size: int, width: float) -> list[str]:
    """Return the text in lines that fit the width; too long words are broken."""
    lines, line = [], ""
    for word in text.split():
        if font(size).getlength(f"{line} {word}".strip()) <= width:
            line = f"{line} {word}".strip()
            continue
        if line:
            lines.append(line)
        while font(size).getlength(word) > width and len(word) > 1:
            cut = max(1, int(len(word) * width / font(size).getlength(word)))
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines


def balance(text: str, size: int, width: float) -> list[str]:
    """Return as few lines as possible, of about equal length."""
    lines = wrap(text, size, width)
    narrower = width * 0.94
    while narrower > width / 3 and len(tighter := wrap(text, size, narrower)) == len(lines):
        lines, narrower = tighter, narrower * 0.94
    return lines


def fit(text: str, largest: int, smallest: int, width: float) -> tuple[int, list[str]]:
    """Return the largest size at which the text needs few lines; the smallest truncates it."""
    for size in range(largest, smallest - 1, -max(1, (largest - smallest) // 6)):
        lines = wrap(text, size, width)
        if len(lines) <= (2 if size > (largest + smallest) // 2 else MAX_LINES):
            return size, balance(text, size, width)
    lines = wrap(text, smallest, width)
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], lines[MAX_LINES - 1].rstrip(".,;: ") + " …"]
    return smallest, lines


def scrim(canvas: Canvas, colour: Colour, share: float) -> None:
    """Darken the lower edge, so that light letters are readable."""
    width, height = canvas.size
    tall = int(height * share)
    fade = Image.linear_gradient("L").point([round(238 * (v / 255) ** 1.2) for v in range(256)])
    canvas.paste(colour, (0, height - tall), fade.resize((width, tall), Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class Title:
    """A title laid out for one image size; lengths are in pixels."""

    lines: list[str]
    caption: str
    size: int
    small: int
    margin: int

    @property
    def height(self) -> int:
        """The pixels from the top of the first line to the bottom of the caption."""
        return round(self.size * 1.22) * len(self.lines) + self.small * 4

    def draw(self, canvas: Canvas, accent: Colour) -> None:
        """Draw the prompt, a rule and the caption in the lower left corner."""
        pen = ImageDraw.Draw(canvas)
        y = canvas.height - self.margin - self.height + self.small
        for line in self.lines:
            pen.text((self.margin, y), line, font=font(self.size), fill=(255, 253, 247))
            y += round(self.size * 1.22)
        y += self.small // 2
        thick = max(1, self.small // 8)
        pen.rectangle((self.margin, y, self.margin + self.small * 4, y + thick), fill=accent)
        place = (self.margin, y + self.small)
        pen.text(place, self.caption, font=font(self.small), fill=(226, 222, 214))


def title(text: str, caption: str, size: tuple[int, int]) -> Title:
    """Return the prompt as the title of an image of this size."""
    width, height = size
    side = min(width, height * 1.4)
    margin, small = round(side * 0.06), max(9, round(side * 0.0165))
    largest, smallest = round(side * 0.053), round(side * 0.029)
    points, lines = fit(printable(text), largest, smallest, width - 2 * margin)
    return Title(lines, caption, points, small, margin)
