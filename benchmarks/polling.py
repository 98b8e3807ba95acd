"""The waiting policy over the published durations: looks a job, and how late the last one comes."""

import random
import statistics

from darkroom.domain import polling
from darkroom.domain.requests import Quality, Resolution

JOBS = 5_000
DEADLINE = 900
_DEVIATIONS = 2 * 1.645  # low and high are taken as the 5th and 95th percentile of a log-normal


def main() -> None:
    """Print one line for each quality and resolution."""
    rng = random.Random(1)  # noqa: S311 - no secret
    for quality in Quality:
        for resolution in Resolution:
            kind = polling.expected({"quality": quality, "resolution": resolution})
            looks, lags = zip(*(_job(kind, rng) for _ in range(JOBS)), strict=True)
            late = statistics.quantiles(lags, n=20)
            print(
                f"polling: {quality}/{resolution}, median {kind.median:.0f} s: "
                f"{statistics.mean(looks):.1f} looks a job, "
                f"lag mean {statistics.mean(lags):.1f} s, p50 {late[9]:.1f} s, p95 {late[18]:.1f} s"
            )


def _job(kind: polling.Expected, rng: random.Random) -> tuple[int, float]:
    spread = (kind.high / kind.low) ** (rng.gauss() / _DEVIATIONS)
    duration, elapsed, looks = kind.median * spread, 0.0, 0
    while elapsed < min(duration, DEADLINE):
        elapsed += polling.next_wait(elapsed, kind, looks, DEADLINE - elapsed)
        looks += 1
    return looks, elapsed - min(duration, DEADLINE)


if __name__ == "__main__":
    main()
