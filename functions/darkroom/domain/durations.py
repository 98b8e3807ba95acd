"""How long a job takes at the provider: published figures, then what the deployment has seen."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from darkroom.domain.histogram import RATIO, bucket_of, quantile
from darkroom.domain.requests import Quality, Resolution

# `low` and `high` are the 5th and the 95th percentile of a log-normal distribution: so many
# deviations to each side of its median.
_SIDE = 1.645
# For how many jobs of one's own the published figures count, and how many are enough: older days
# are left out then, since the provider changes.
_PUBLISHED_JOBS = 5
ENOUGH = 200


class Expected(NamedTuple):
    """How long this kind of job takes at the provider: mostly `low` to `high` seconds."""

    low: float
    high: float

    @property
    def median(self) -> float:
        """The seconds within which half of such jobs are done."""
        return math.sqrt(self.low * self.high)

    def at(self, deviations: float) -> float:
        """Return the seconds at so many standard deviations (of the logarithm) from the median."""
        return float(self.median * (self.high / self.low) ** (deviations / (2 * _SIDE)))


_R1K, _R2K, _R4K = Resolution
# Published figures are thin: low/1k, medium/1k, high/1k, high/2k and high/4k are quoted, the rest
# lies between them.
_PUBLISHED = {
    (Quality.LOW, _R1K): Expected(8, 25),
    (Quality.LOW, _R2K): Expected(12, 40),
    (Quality.LOW, _R4K): Expected(20, 80),
    (Quality.MEDIUM, _R1K): Expected(20, 60),
    (Quality.MEDIUM, _R2K): Expected(25, 90),
    (Quality.MEDIUM, _R4K): Expected(40, 180),
    (Quality.HIGH, _R1K): Expected(25, 80),
    (Quality.HIGH, _R2K): Expected(30, 120),
    (Quality.HIGH, _R4K): Expected(60, 300),
}
_OTHER_MODELS = Expected(10, 240)


def published(model_input: Mapping[str, Any], scale: float = 1.0) -> Expected:
    """Return the published duration in seconds, or a wide guess; `scale` multiplies it."""
    known = _OTHER_MODELS
    for (quality, resolution), figure in _PUBLISHED.items():
        if (model_input.get("quality"), model_input.get("resolution")) == (quality, resolution):
            known = figure
    return Expected(known.low * scale, known.high * scale)


def learned(prior: Expected, counts: Mapping[int, int]) -> Expected:
    """Return what is expected after jobs that fell into these buckets; `prior` counts for a few."""
    if not counts:
        return prior
    seen: dict[int, float] = dict(counts)
    for bucket in range(bucket_of(prior.low / 2), bucket_of(prior.high * 2) + 1):
        share = _below(prior, RATIO ** (bucket + 1)) - _below(prior, RATIO**bucket)
        seen[bucket] = seen.get(bucket, 0) + share * _PUBLISHED_JOBS
    low, high = quantile(seen, 0.05), quantile(seen, 0.95)
    return Expected(low, max(high, low * RATIO)) if low and high else prior


def estimate(running: float, seen: float) -> float:
    """Return how long a job took that was still running at one time and done at another.

    Where it was never seen running (`running` 0), it was done by the first look: then the truth is
    shorter than what was seen, and a guess that says so lets the first look move forward.
    """
    return (running + seen) / 2 if running else seen * _EARLIER


_EARLIER = 0.85


def _below(kind: Expected, seconds: float) -> float:
    """Return the share of such jobs that take less."""
    deviation = math.log(kind.high / kind.low) / (2 * _SIDE)
    return (1 + math.erf(math.log(seconds / kind.median) / (deviation * math.sqrt(2)))) / 2
