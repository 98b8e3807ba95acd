"""Output sizes: edges are multiples of 16 and at most 3840 pixels, ratios at most 3:1."""

from math import sqrt

LONGEST_EDGE = 3840
LEAST_PIXELS, MOST_PIXELS = 655_360, 8_294_400
STEP = 16

_PIXELS = {"1k": 1024 * 1024, "2k": 2048 * 2048, "4k": MOST_PIXELS}
# Observed in production: a request for 4:3 returned 3:2. A client must not rely on the ratio.
_OBSERVED = {("1k", "4:3"): (1536, 1024)}

Size = tuple[int, int]


def ratio_size(aspect_ratio: str, resolution: str) -> Size:
    """Return the size in pixels for a named ratio."""
    width, height = map(int, aspect_ratio.split(":"))
    return _OBSERVED.get((resolution, aspect_ratio)) or shape_size(width / height, resolution)


def shape_size(ratio: float, resolution: str) -> Size:
    """Return the size in pixels nearest to a ratio, for example that of a reference."""
    ratio = min(3.0, max(1 / 3, ratio))
    area = _PIXELS[resolution]
    width = _edge(sqrt(area * ratio))
    height = _edge(sqrt(area / ratio))
    if LONGEST_EDGE in (width, height):
        # The long edge was clamped; shorten the other edge to keep the ratio.
        width, height = _edge(min(width, height * ratio)), _edge(min(height, width / ratio))
    while width * height > MOST_PIXELS:
        width, height = (width - STEP, height) if width >= height else (width, height - STEP)
    return width, height


def _edge(length: float) -> int:
    return min(LONGEST_EDGE, max(STEP, round(length / STEP) * STEP))
