"""Seeded randomness: equal parts give equal streams."""

import random


def seeded(*parts: object) -> random.Random:
    """Return a random generator seeded with the parts."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - repeatable, not secret
