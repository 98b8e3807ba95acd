"""A histogram of durations in logarithmic buckets: small, atomically updated, accurate to 5 %."""

import math
from collections.abc import Mapping

# Each bucket is 10 % wider than the one before, so its midpoint is off by at most 5 %.
RATIO = 1.1
_MIN_SECONDS = 0.1  # shorter durations count as this


def bucket_of(seconds: float) -> int:
    """Return the bucket number of a duration. Bucket n begins at RATIO**n seconds."""
    return math.floor(math.log(max(seconds, _MIN_SECONDS), RATIO))


def middle_of(bucket: int) -> float:
    """Return the geometric mean of a bucket's bounds, in seconds."""
    return float(RATIO ** (bucket + 0.5))


def quantile(counts: Mapping[int, float], share: float) -> float | None:
    """Return a quantile of the durations in seconds; None without any. 0.95 is the 95th percentile.

    `counts` maps bucket numbers to counts.
    """
    total = sum(counts.values())
    if not total:
        return None
    target, cumulative = share * total, 0.0
    for bucket in sorted(counts):
        cumulative += counts[bucket]
        if cumulative >= target:
            return middle_of(bucket)
    return middle_of(max(counts))  # rounding left the cumulative sum below the target
