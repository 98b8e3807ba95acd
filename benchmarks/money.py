"""Charges wasted when 5 % of requests meet a fault: Darkroom compared with the alternatives."""

import statistics

from benchmarks.alternatives import ALTERNATIVES, INPUT
from benchmarks.comparison_runs import NO_LIMITS, Measurement, comparison_stack, run_alternative
from benchmarks.report import Section, table

# One prompt in twenty carries the next of these faults.
FAULTS = (
    "submit.accept_then_close", "submit.http status=503", "cdn.http status=503",
    "submit.accept_then_close", "poll.http status=502",
)  # fmt: skip
CONCURRENT, RUNS = 40, 5


def run() -> Section:
    """Return the table."""
    with comparison_stack() as environment:
        measured = {
            name: [
                run_alternative(environment, name, _prompts(run), NO_LIMITS) for run in range(RUNS)
            ]
            for name in ALTERNATIVES
        }
    rows = [_cells(name, measurements) for name, measurements in measured.items()]
    body = f"""{CONCURRENT * RUNS} images, {CONCURRENT} concurrently. 5 % of them meet one fault: a response lost after the POST was charged (two
of five), a 503 to the POST, a CDN failure, or a poll failure (one of five each). `wasted` is the amount that was
charged and not refunded beyond the price of the stored images.

{table(("alternative", "stored", "charged", "wasted", "lag p50"), rows)}

The images that Darkroom does not store got the 503. It is unknown whether the provider accepted such a request, and the
provider's list does not contain it. The job fails with `submission_unknown`: a second submit could be charged twice."""
    inputs = (
        f"{INPUT['quality']} {INPUT['resolution']} images, the simulator in real time (--time-scale 1) and without rate limits, "
        "the alternatives as above. The loop retries failed steps up to three times."
    )
    return Section("Charges wasted by faults", inputs, body)


def _prompts(run: int) -> list[str]:
    prompts = []
    for number in range(CONCURRENT):
        group, position = divmod(run * CONCURRENT + number, 20)
        marker = f" [[fault {FAULTS[group % len(FAULTS)]}]]" if position == 3 else ""
        prompts.append(f"A lighthouse, run {run}, number {number}{marker}")
    return prompts


def _cells(name: str, runs: list[Measurement]) -> tuple[object, ...]:
    return (
        name,
        f"{sum(run.stored for run in runs)} of {CONCURRENT * RUNS}",
        f"${sum(run.charged for run in runs):.2f}",
        f"${sum(run.wasted for run in runs):.2f}",
        f"{statistics.median(run.lag50 for run in runs):.1f} s",
    )
