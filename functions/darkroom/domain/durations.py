"""Expected durations at the provider: published figures, refined by the deployment's own jobs."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from darkroom.domain.histogram import RATIO, bucket_of, quantile
from darkroom.domain.requests import Quality, Resolution

# `low` and `high` are the 5th and 95th percentiles of a log-normal distribution: 1.645 standard
# deviations of the logarithm below and above the median.
_Z95 = 1.645
# The published figures are a prior with the weight of this many jobs.
_PRIOR_JOBS = 5
# With this many observed jobs, older days are ignored, because the provider's speed changes.
ENOUGH_JOBS = 200
# A job that was done at the first poll counts with this share of its observed duration.
_FIRST_POLL_SHARE = 0.85


class ExpectedDuration(NamedTuple):
    """The expected duration in seconds: `low` is the 5th percentile, `high` the 95th."""

    low: float
    high: float

    @property
    def median(self) -> float:
        """The median duration in seconds."""
        return math.sqrt(self.low * self.high)

    def at(self, z: float) -> float:
        """Return the seconds at `z` standard deviations of the logarithm from the median."""
        return float(self.median * (self.high / self.low) ** (z / (2 * _Z95)))


_R1K, _R2K, _R4K = Resolution
# Published figures exist for low/1k, medium/1k, high/1k, high/2k and high/4k. The others are
# interpolated.
_PUBLISHED = {
    (Quality.LOW, _R1K): ExpectedDuration(8, 25),
    (Quality.LOW, _R2K): ExpectedDuration(12, 40),
    (Quality.LOW, _R4K): ExpectedDuration(20, 80),
    (Quality.MEDIUM, _R1K): ExpectedDuration(20, 60),
    (Quality.MEDIUM, _R2K): ExpectedDuration(25, 90),
    (Quality.MEDIUM, _R4K): ExpectedDuration(40, 180),
    (Quality.HIGH, _R1K): ExpectedDuration(25, 80),
    (Quality.HIGH, _R2K): ExpectedDuration(30, 120),
    (Quality.HIGH, _R4K): ExpectedDuration(60, 300),
}
_OTHER_MODELS = ExpectedDuration(10, 240)


def published(model_input: Mapping[str, Any], scale: float = 1.0) -> ExpectedDuration:
    """Return the published duration times `scale`. Other models get a wide default."""
    expected = _OTHER_MODELS
    for (quality, resolution), published_duration in _PUBLISHED.items():
        if (model_input.get("quality"), model_input.get("resolution")) == (quality, resolution):
            expected = published_duration
    return ExpectedDuration(expected.low * scale, expected.high * scale)


def learned(prior: ExpectedDuration, counts: Mapping[int, int]) -> ExpectedDuration:
    """Return the expected duration after the observed jobs in `counts`, by bucket.

    `prior` is added with the weight of 5 jobs.
    """
    if not counts:
        return prior
    weights: dict[int, float] = dict(counts)
    for bucket in range(bucket_of(prior.low / 2), bucket_of(prior.high * 2) + 1):
        share = _below(prior, RATIO ** (bucket + 1)) - _below(prior, RATIO**bucket)
        weights[bucket] = weights.get(bucket, 0) + share * _PRIOR_JOBS
    low, high = quantile(weights, 0.05), quantile(weights, 0.95)
    return ExpectedDuration(low, max(high, low * RATIO)) if low and high else prior


def estimate_duration(running: float, done: float) -> float:
    """Return the estimated duration in seconds of a job, from the polls around its end.

    The job was still running after `running` seconds and done after `done` seconds. If it was done
    at the first poll (`running` is 0), the true duration is shorter than `done`. The estimate then
    is 85 % of `done`, which lets later first polls move forward.
    """
    return (running + done) / 2 if running else done * _FIRST_POLL_SHARE


def _below(expected: ExpectedDuration, seconds: float) -> float:
    """Return the share of jobs that take less than `seconds`: the log-normal CDF."""
    deviation = math.log(expected.high / expected.low) / (2 * _Z95)
    return (1 + math.erf(math.log(seconds / expected.median) / (deviation * math.sqrt(2)))) / 2
