"""Seeded randomness: the same parts always give the same stream."""

import random


def seeded(*parts: object) -> random.Random:
    """A random stream named by its parts."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - repeatable, not secret
