"""A histogram of durations in logarithmic buckets: small, added to atomically, true to 5 %."""

import math
from collections.abc import Mapping

# Each bucket is a tenth wider than the one before: its middle is off by half of that at most.
RATIO = 1.1
_SHORTEST = 0.1  # seconds; what is shorter counts as this


def bucket_of(seconds: float) -> int:
    """Return the number of the bucket that a duration falls into: from RATIO**n up."""
    return math.floor(math.log(max(seconds, _SHORTEST), RATIO))


def middle_of(bucket: int) -> float:
    """Return the seconds that stand for a bucket: the geometric middle of its bounds."""
    return float(RATIO ** (bucket + 0.5))


def quantile(counts: Mapping[int, float], share: float) -> float | None:
    """Return the seconds within which that share of the durations lies; None if there are none."""
    total = sum(counts.values())
    if not total:
        return None
    wanted, seen = share * total, 0.0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return middle_of(bucket)
    return middle_of(max(counts))  # where parts of a whole do not add up to it
