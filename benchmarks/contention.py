"""How often a line has to be tried to be changed once, by how many want to change it."""

import heapq
import random
from itertools import count

from benchmarks.traffic import READ, WRITE
from darkroom.usecases.acquire_slot import longest_pause

SECONDS, SEED = 60.0, 7


def attempts(changes_a_second: float, lines: int) -> float:
    """Return the tries a change, of changes that come by chance and go to any of the lines."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    heap: list[tuple[float, int, int, int, int | None]] = []
    number, now = count(), 0.0
    while now < SECONDS:
        now += rng.expovariate(changes_a_second)
        heapq.heappush(heap, (now, next(number), rng.randrange(lines), 0, None))
    version, tried, changed = [0] * lines, 0, 0
    while heap:
        now, _, shard, tries, read = heapq.heappop(heap)
        if read is None:  # what it says is known at the end of the read, and tried from then on
            now += (READ + WRITE) * rng.uniform(0.7, 1.5)
            heapq.heappush(heap, (now, next(number), shard, tries, version[shard]))
            continue
        tried += 1
        if read == version[shard]:
            version[shard] += 1
            changed += 1
        else:
            now += rng.uniform(0, longest_pause(tries))
            heapq.heappush(heap, (now, next(number), shard, tries + 1, None))
    return tried / changed
