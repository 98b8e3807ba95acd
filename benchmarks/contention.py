"""Optimistic-locking conflicts: attempts per queue write, by write rate and number of shards."""

import heapq
import random
from itertools import count

from benchmarks.traffic import READ_SECONDS, WRITE_SECONDS
from darkroom.usecases.jobs.acquire_slot import max_backoff

SECONDS, SEED = 60.0, 7


def attempts_per_write(writes_per_second: float, shards: int) -> float:
    """Return the mean attempts per write, for random writes spread over the queue shards."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    # Time, tie-breaker, shard, failed attempts, and the version that was read (None: read first).
    events: list[tuple[float, int, int, int, int | None]] = []
    sequence, now = count(), 0.0
    while now < SECONDS:
        now += rng.expovariate(writes_per_second)
        heapq.heappush(events, (now, next(sequence), rng.randrange(shards), 0, None))
    versions, attempts, writes = [0] * shards, 0, 0
    while events:
        now, _, shard, failures, read_version = heapq.heappop(events)
        if read_version is None:
            now += (READ_SECONDS + WRITE_SECONDS) * rng.uniform(0.7, 1.5)
            heapq.heappush(events, (now, next(sequence), shard, failures, versions[shard]))
            continue
        attempts += 1
        if read_version == versions[shard]:
            versions[shard] += 1
            writes += 1
        else:
            now += rng.uniform(0, max_backoff(failures))
            heapq.heappush(events, (now, next(sequence), shard, failures + 1, None))
    return attempts / writes
