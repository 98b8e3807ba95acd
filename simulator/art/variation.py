"""Repeatable variation between the images of one prompt."""

import random
from collections.abc import Sequence
from math import sqrt

# Irrational steps spread consecutive values evenly over 0..1, so that neighbours never coincide.
_STEPS = {
    "palette": sqrt(5) / 2 - 0.5,
    "light": sqrt(2) - 1,
    "terrain": sqrt(7) - 2,
    "horizon": sqrt(3) - 1,
    "clouds": sqrt(11) - 3,
    "accent": sqrt(13) - 3,
}


class Variation:
    """The random choices of one image. Equal seeds, prompts and numbers make equal choices."""

    def __init__(self, seed: int | str, prompt: str, number: int) -> None:
        self._name, self._number = f"{seed}:{prompt}", number
        self.rng = random.Random(f"{self._name}:{number}")  # noqa: S311 - repeatable, not secret

    def spread(self, dimension: str, low: float = 0, high: float = 1) -> float:
        """Return a value in low..high that is far from the values of the previous numbers."""
        start = random.Random(f"{self._name}:{dimension}").random()  # noqa: S311
        return low + (high - low) * ((start + self._number * _STEPS[dimension]) % 1)

    def pick[T](self, dimension: str, options: Sequence[T]) -> T:
        """Return one of the options; the previous number usually gets a different one."""
        return options[min(len(options) - 1, int(self.spread(dimension) * len(options)))]
