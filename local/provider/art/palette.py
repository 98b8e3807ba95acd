"""Colours and motifs for a picture, chosen from the words of its prompt and else by chance."""

import random
import re
from dataclasses import dataclass
from functools import cached_property

from PIL import ImageColor

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """The colours of one time of day, from the top of the sky down to the nearest hill."""

    name: str
    hexes: str

    @cached_property
    def colours(self) -> list[Colour]:
        """Sky from the top down (three), sun, farthest hill, nearest hill."""
        found = [ImageColor.getrgb(f"#{code}") for code in self.hexes.split()]
        return [(red, green, blue) for red, green, blue, *_ in found]

    @property
    def sky(self) -> list[Colour]:
        """The sky's colours from the zenith to the horizon."""
        return self.colours[:3]

    @property
    def sun(self) -> Colour:
        """The lightest colour, also of accents."""
        return self.colours[3]

    @property
    def far(self) -> Colour:
        """The hills at the horizon."""
        return self.colours[4]

    @property
    def near(self) -> Colour:
        """The darkest colour, also behind letters."""
        return self.colours[5]

    @property
    def is_dark(self) -> bool:
        """Whether stars would be seen."""
        return sum(self.colours[0]) < 140


PALETTES = {
    palette.name: palette
    for palette in (
        Palette("dawn", "2f3e75 c76d84 f9c19a fff0cf b5738a 1f1430"),
        Palette("alpine", "1f5a96 86b8dc f6ecd8 fffaf0 93b1c8 102c44"),
        Palette("dusk", "1c1650 71409c f4909a ffdcb0 85508f 120b2a"),
        Palette("lagoon", "0a4054 3a9a92 f7dc9c fff5d0 5aa69a 05202a"),
        Palette("desert", "33598a eaa878 fde9c0 fff6dc de9668 48211a"),
        Palette("night", "040a1e 12284f 47719f f6f2df 2b4a76 03060f"),
        Palette("moss", "578a86 b4d2bd f6f2da fffdec 8db39c 0d2823"),
        Palette("rose", "64567a e5767a f5cfa6 fff1dc b0687e 26172a"),
        Palette("ink", "cfc9ba ebe5d6 fbf7ec d6454f a3aba6 1a2629"),
    )
}

MOODS = {
    "night": r"night|midnight|moon\w*|stars?|starry|galaxy|space|cosmos|neon|dark\w*|noir",
    "desert": r"desert|dunes?|sand\w*|canyon|sahara|mars",
    "dusk": r"dusk|sunset|evening|twilight|purple|violet|lavender",
    "dawn": r"dawn|sunrise|morning|golden",
    "ink": r"ink|sketch|japan\w*|minimal\w*|zen|pencil|drawing",
    "moss": r"forest|trees?|pines?|woods?|jungle|moss|green|garden|tea|meadow",
    "lagoon": r"sea|ocean|lagoon|island|tropical|teal|harbou?r|lighthouse|whale|fish|beach",
    "alpine": r"snow\w*|winter|alpine|mountains?|ice|glacier|arctic|blue",
    "rose": r"roses?|pink|flowers?|blossoms?|cherry|love|spring|red",
}

MOTIFS = {
    "water": r"sea|ocean|lakes?|rivers?|water|harbou?r|lagoon|beach|boats?|ships?|island|"
    r"reflections?|lighthouse|whale|fish|pond|bay|swan",
    "trees": r"forest|trees?|pines?|woods?|jungle|cabin|fox|deer|bears?|wolf|owl",
    "city": r"city|street|skyline|neon|tokyo|york|paris|london|berlin|tower|urban|cafe|car",
}


@dataclass(frozen=True)
class Look:
    """What a prompt will look like."""

    palette: Palette
    motifs: frozenset[str]


def choose(prompt: str, rng: random.Random) -> Look:
    """The look that the prompt's words ask for; words that say nothing leave it to chance."""
    moods = [name for name, words in MOODS.items() if _mentions(prompt, words)]
    name = moods[0] if moods else rng.choice(sorted(PALETTES))
    motifs = {motif for motif, words in MOTIFS.items() if _mentions(prompt, words)}
    if not motifs and not moods and rng.random() < 0.4:
        motifs = {rng.choice(["water", "trees"])}
    return Look(PALETTES[name], frozenset(motifs))


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two, `share` of the way to the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _mentions(prompt: str, words: str) -> bool:
    return re.search(rf"\b(?:{words})\b", prompt, re.IGNORECASE) is not None
