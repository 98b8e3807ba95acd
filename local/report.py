"""What the demo says about a finished job, and about where its pictures come from."""

import json
from dataclasses import dataclass
from pathlib import Path

from darkroom.domain.events import JobCompleted
from local import paths
from local.events import Event

SIMULATED = """
These pictures were drawn by the provider simulator on this machine (local/provider), not by
GPT Image 2, and nothing was charged: the prices are what the provider would have taken.
For real ones: WAVESPEED_API_KEY=… make run PROVIDER=wavespeed
"""
NO_REAL_EDIT = """
The S3 door is left out, and the event door makes no edit: references lie in the emulator's S3 on
this machine's loopback, where the real provider cannot fetch them. On AWS both work.
"""


@dataclass(frozen=True)
class Finished:
    """A job that the demo ran: its terminal event, parsed and as it came, and the saved file."""

    name: str
    detail: JobCompleted
    event: Event
    file: Path


def show(finished: Finished) -> None:
    """Print everything about one completed job."""
    for label, value in facts(finished):
        print(f"    {label:<9} {value}")
    show_event(finished.event)


def show_event(event: Event) -> None:
    """Print an event in full."""
    print("    event     as it came off the bus:")
    for line in json.dumps(event, indent=2, ensure_ascii=False).splitlines():
        print(f"      {line}")


def facts(finished: Finished) -> list[tuple[str, str]]:
    """The lines of the report, label and value."""
    detail, asset = finished.detail, finished.detail.assets[0]
    timings = detail.timings
    ended = timings.stored_at or timings.ended_at
    seconds = (ended - timings.accepted_at).total_seconds() if ended else None
    size = f"{asset.width}x{asset.height}, {asset.size:,} bytes, {asset.content_type}"
    file = finished.file
    shown = file.relative_to(paths.ROOT) if file.is_relative_to(paths.ROOT) else file
    return [
        ("job id", detail.job_id),
        ("seconds", f"{seconds:.1f} from accepted to stored" if seconds is not None else "unknown"),
        ("checks", str(detail.checks)),
        ("price", price(detail.estimated_cost_micro_usd)),
        ("stored at", f"s3://{asset.bucket}/{asset.key}"),
        ("file", f"{shown} ({size})"),
    ]


def price(micro_usd: int | None) -> str:
    """Dollars; an unknown price is unknown, never zero."""
    return "unknown" if micro_usd is None else f"${micro_usd / 1_000_000:.4f} (estimated)"
