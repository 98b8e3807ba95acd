"""Colours and motifs of an image, chosen from the words of its prompt."""

import colorsys
import random
import re
from dataclasses import dataclass

from PIL import ImageColor

from simulator.art.variation import Variation

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Six colours: the sky from the top down (three), the sun, the far hills, the near hills."""

    colours: tuple[Colour, ...]

    @property
    def sky(self) -> list[Colour]:
        """The sky's colours from the zenith to the horizon."""
        return list(self.colours[:3])

    @property
    def sun(self) -> Colour:
        """The lightest colour, also used for accents."""
        return self.colours[3]

    @property
    def far(self) -> Colour:
        """The colour of the hills at the horizon."""
        return self.colours[4]

    @property
    def near(self) -> Colour:
        """The darkest colour, also used behind letters."""
        return self.colours[5]

    @property
    def is_dark(self) -> bool:
        """Whether the sky is dark enough for stars."""
        return sum(self.colours[0]) < 140

    def shifted(self, rng: random.Random) -> "Palette":
        """Return this palette with its hue turned by up to 9 degrees and its saturation changed."""
        turn, strength = rng.uniform(-0.025, 0.025), rng.uniform(0.86, 1.12)
        return Palette(tuple(_turned(colour, turn, strength) for colour in self.colours))


def _turned(colour: Colour, turn: float, strength: float) -> Colour:
    hue, light, saturation = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    turned = colorsys.hls_to_rgb((hue + turn) % 1, light, min(1.0, saturation * strength))
    red, green, blue = (round(255 * value) for value in turned)
    return red, green, blue


def _parsed(codes: str) -> Palette:
    rgb = [ImageColor.getrgb(f"#{code}") for code in codes.split()]
    return Palette(tuple((red, green, blue) for red, green, blue, *_ in rgb))


PALETTES: dict[str, list[Palette]] = {
    mood: [_parsed(codes) for codes in palettes]
    for mood, palettes in {
        "dawn": (
            "2f3e75 c76d84 f9c19a fff0cf b5738a 1f1430",
            "1f4a6b 6fa3a8 ffd59b fff1c9 7f9aa0 152a3a",
            "5b6fa8 b9a6cf fbd3c4 fff3e4 9a8fb8 2a2748",
            "3d5a8a e6a08c fbe0a6 fff6d8 a8808f 26203f",
            "a04f4a f09a68 ffe1a0 fff7d6 b8695c 3a1820",
        ),
        "alpine": (
            "1f5a96 86b8dc f6ecd8 fffaf0 93b1c8 102c44",
            "3d4f86 a7a9d6 fbdcd2 fff3ec a5a5cc 1a2140",
            "4a7fb0 b7d4e8 fdf6ee ffffff a9c4d8 1b3850",
            "2b6c80 9ccbcb f3f0dd fffbef 94bcbd 0f2f38",
        ),
        "dusk": (
            "1c1650 71409c f4909a ffdcb0 85508f 120b2a",
            "12284c 4f5d95 e9a6a6 ffe3c4 5d6597 0b1428",
            "241b3f 8f3b5e f5a25d ffe0a3 7d3f63 170d22",
            "3a3f78 b06a9c fbb79c ffe6c8 8f6a98 1d1a38",
            "5a2440 d9544d ffb45c ffeab0 a0434b 240c1a",
        ),
        "lagoon": (
            "0a4054 3a9a92 f7dc9c fff5d0 5aa69a 05202a",
            "12395a 5a8fb0 f6c9a8 fff0d8 6a8ea6 0a1e30",
            "0b5c8a 4fb3c9 e8f4df fffdf0 6fb6b8 083048",
            "0d4a4a 6fc0a8 fdf0c4 fffbe6 74b79f 06282a",
        ),
        "desert": (
            "33598a eaa878 fde9c0 fff6dc de9668 48211a",
            "3a2b5c c96b6f f9c78f ffeecb a95e62 2b1526",
            "4f7fa0 e9c9a0 fff1d6 fffaf0 d3ab7d 5a3a22",
            "7a3b2e e07b4f ffd7a0 fff1cf b9553a 3a130f",
        ),
        "night": (
            "040a1e 12284f 47719f f6f2df 2b4a76 03060f",
            "0b0820 2a1b52 6a4f94 f3e9ff 3d2f6e 07040f",
            "03131a 0c3a44 3f8a86 eaf7e6 1f5a5f 020b0e",
            "0d1220 34304a 8a6a78 fff0dc 4c425c 08070f",
        ),
        "moss": (
            "578a86 b4d2bd f6f2da fffdec 8db39c 0d2823",
            "6a8f6b c9d8a8 fbf3d0 fffbe2 93b07a 16281a",
            "3f6f78 93bdb0 ecf0d8 fdfbe8 6f9d90 0b2327",
            "8a8a4b d9c37f fbe3b0 fff6d6 a99a58 2e2a12",
        ),
        "rose": (
            "64567a e5767a f5cfa6 fff1dc b0687e 26172a",
            "5f6fa0 e0a6c4 ffe6e0 fff8f2 b48fb4 28203f",
            "b05a72 f4a6a0 fff0dc fffaf0 cf8088 431a2a",
            "8f5d86 f0a0b0 fde3d4 fff8f0 c98aa0 3a1f38",
        ),
        "ink": (
            "cfc9ba ebe5d6 fbf7ec d6454f a3aba6 1a2629",
            "bfc8bd e2e8dc f8faf0 d98a3d 98a897 17241c",
            "c6cdd0 e6eae9 f8f8f3 c8553d 9aa7ab 1c2430",
            "d8cdb6 efe6d2 fcf6e8 b8433a b3a48c 2b211a",
        ),
    }.items()
}

MOODS = {
    "night": r"night|midnight|moon\w*|stars?|starry|galaxy|space|cosmos|neon|dark\w*|noir",
    "dusk": r"dusk|sunset|evening|twilight|purple|violet|lavender",
    "dawn": r"dawn|sunrise|morning|golden",
    "desert": r"desert|dunes?|sand\w*|canyon|sahara|mars",
    "ink": r"ink|sketch|japan\w*|minimal\w*|zen|pencil|drawing",
    "moss": r"forest|trees?|pines?|woods?|jungle|moss|green|garden|tea|meadow",
    "lagoon": r"sea|ocean|lagoon|island|tropical|teal|harbou?r|lighthouse|whale|fish|beach",
    "alpine": r"snow\w*|winter|alpine|mountains?|ice|glacier|arctic|blue",
    "rose": r"roses?|pink|flowers?|blossoms?|cherry|love|spring|red",
}
TIMES_OF_DAY = ("night", "dusk", "dawn")

MOTIFS = {
    "water": r"sea|ocean|lakes?|rivers?|water|harbou?r|lagoon|beach|boats?|ships?|island|"
    r"reflections?|lighthouse|whale|fish|pond|bay|swan",
    "trees": r"forest|trees?|pines?|woods?|jungle|cabin|fox|deer|bears?|wolf|owl",
    "city": r"city|street|skyline|neon|tokyo|york|paris|london|berlin|tower|urban|cafe|car",
    "lighthouse": r"lighthouses?|beacon",
    "boat": r"boats?|ships?|sail\w*|yacht|regatta|ferry",
    "balloon": r"balloons?|kites?|airship",
    "treeless": r"desert|dunes?|sand\w*|canyon|sahara|mars|moon|space",
    "cabin": r"cabins?|cottage|house|hut|barn|home|village|farm",
}


@dataclass(frozen=True)
class Style:
    """The palette and the motifs of one image."""

    palette: Palette
    motifs: frozenset[str]


def choose(prompt: str, variation: Variation) -> Style:
    """Return the style that the prompt's words allow; without such words any style is allowed.

    A time of day decides the mood alone. Otherwise the mood varies between those mentioned.
    """
    rng = variation.rng
    moods = [name for name, words in MOODS.items() if _mentions(prompt, words)]
    times = [name for name in moods if name in TIMES_OF_DAY]
    palettes = [
        palette for mood in times or moods or sorted(PALETTES) for palette in PALETTES[mood]
    ]
    palette = variation.pick("palette", palettes).shifted(rng)
    motifs = {motif for motif, words in MOTIFS.items() if _mentions(prompt, words)}
    if not motifs and not moods and rng.random() < 0.4:
        motifs = {rng.choice(["water", "trees"])}
    return Style(palette, frozenset(motifs))


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two, `share` (0..1) of the way to the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _mentions(prompt: str, words: str) -> bool:
    return re.search(rf"\b(?:{words})\b", prompt, re.IGNORECASE) is not None
