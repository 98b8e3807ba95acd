"""What is paid for nothing when five in a hundred go wrong: Darkroom beside what people write."""

import statistics

from benchmarks.report import Section, table
from benchmarks.rivals import INPUT, RIVALS
from benchmarks.rounds import NO_LIMITS, Row, play, stand

# Of each twenty one meets a fault, each time another.
FAULTS = (
    "submit.accept_then_close", "submit.http status=503", "cdn.http status=503",
    "submit.accept_then_close", "poll.http status=502",
)  # fmt: skip
AT_ONCE, WAVES = 40, 5


def run() -> Section:
    """Return the table."""
    with stand() as on:
        found = {
            name: [play(on, name, _prompts(wave), NO_LIMITS) for wave in range(WAVES)]
            for name in RIVALS
        }
    body = f"""{AT_ONCE * WAVES} pictures, {AT_ONCE} at once, of which five in a hundred meet a fault, once: answers lost after the POST was
paid (2), a 503 instead of an answer (1), a CDN (1) and a poll (1) that fail. Wasted is what was charged, and not given
back, beyond the pictures that are stored.

{table(("way", "stored", "charged", "wasted", "done to stored, p50"), [_cells(name, rows) for name, rows in found.items()])}

What Darkroom does not store got the 503: whether such a request was taken is not known, and the provider's list does
not show it, so it ends as `submission_unknown`, is not paid twice, and says so to its caller."""
    inputs = (
        f"{INPUT['quality']} {INPUT['resolution']} pictures, the simulator in real time (--time-scale 1) and without limits, "
        "the three ways as above; the loop sends again what failed, up to three times."
    )
    return Section("Money, when things go wrong", inputs, body)


def _prompts(wave: int) -> list[str]:
    made = []
    for number in range(AT_ONCE):
        twenty, place = divmod(wave * AT_ONCE + number, 20)
        mark = f" [[fault {FAULTS[twenty % len(FAULTS)]}]]" if place == 3 else ""
        made.append(f"A lighthouse, wave {wave}, number {number}{mark}")
    return made


def _cells(name: str, rows: list[Row]) -> tuple[object, ...]:
    stored, charged = sum(row.stored for row in rows), sum(row.charged for row in rows)
    lag = statistics.median(row.lag50 for row in rows)
    wasted = sum(row.wasted for row in rows)
    return (
        name,
        f"{stored} of {AT_ONCE * WAVES}",
        f"${charged:.2f}",
        f"${wasted:.2f}",
        f"{lag:.1f} s",
    )
