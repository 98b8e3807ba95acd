"""Planning a batch: CPU time by the number of columns of the sheet, and peak memory.

The real use case plans a sheet of 10,000 rows with a template that names one column. The file, its
reference and the price table are in memory.
"""

import resource
import statistics
import time
from typing import Any

from benchmarks.report import Section, table
from darkroom.domain import pricing
from darkroom.domain.callers import Caller
from darkroom.domain.pricing import UnknownPrices
from darkroom.domain.references import S3Object
from darkroom.ports import Quote, StoredObject
from darkroom.usecases.batches.plan_batch import BatchFile, PlanBatch

ROWS, COLUMNS, RUNS = 10_000, (4, 56), 5
MAX_RATIO = 1.5
_CALLER = Caller(name="key:shop")


class _Memory:
    """Ports `References`, `BatchFiles` and `Prices` for one batch file in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def resolve(self, text: str) -> S3Object | None:
        return S3Object(bucket="assets", key=text)

    def inspect(self, reference: S3Object) -> StoredObject:
        return StoredObject(reference, len(self._data), self._data[:64])

    def read(self, source: S3Object) -> bytes:
        return self._data

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        cost = pricing.estimate_cost(model, model_input, images)
        return None if cost is None else Quote(cost, pricing.AS_OF)


def run() -> Section:
    """Return the table. It passes if the ratio of the CPU times is within its limit."""
    sheets = {columns: _sheet(columns) for columns in COLUMNS}
    seconds: dict[int, list[float]] = {columns: [] for columns in COLUMNS}
    for _ in range(RUNS):  # alternating, so that a busy machine affects both sheets
        for columns, data in sheets.items():
            seconds[columns].append(_plan(data))
    medians = {columns: statistics.median(times) for columns, times in seconds.items()}
    first = medians[COLUMNS[0]]
    rows = [
        (
            columns,
            f"{len(sheets[columns]) / 1e6:.1f} MB",
            f"{median:.2f} s",
            f"{median / first:.2f}",
        )
        for columns, median in medians.items()
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    body = f"""A dry run of {ROWS:,} rows reads every row and prices it. Cells of columns that are not used are split, but not read.

{table(("columns", "file", "CPU time", "ratio"), rows)}

At most {MAX_RATIO} is allowed. Peak memory of the process: {peak:.0f} MB; the function has 512 MB."""
    inputs = (
        f"Medians of {RUNS} runs each. The template names one column; the sheet sets one field."
    )
    ratio = medians[COLUMNS[-1]] / first
    return Section("Sheets", inputs, body, ratio <= MAX_RATIO)


def _plan(data: bytes) -> float:
    """Return the seconds of CPU time to plan a sheet."""
    memory: Any = _Memory(data)
    plan = PlanBatch(memory, memory, memory, UnknownPrices.NONE)
    start = time.process_time()
    planned = plan.run(BatchFile("rows.csv", prompt="A {product} on white"), _CALLER)
    seconds = time.process_time() - start
    if planned.valid_rows != ROWS:
        raise RuntimeError(f"{planned.valid_rows} of {ROWS} rows are valid")
    return seconds


def _sheet(columns: int) -> bytes:
    """Return a sheet with an id, a product, a setting, and columns as of a shop's export."""
    others = range(columns - 3)
    lines = [["id", "product", "quality", *(f"Option {number} Value" for number in others)]]
    lines += [
        [f"sku-{row}", f"teapot {row}", "low", *(f"value {row} {number}" for number in others)]
        for row in range(ROWS)
    ]
    return "\n".join(map(",".join, lines)).encode()
