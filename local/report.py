"""The report of the demo about a completed job."""

import json
from dataclasses import dataclass
from pathlib import Path

from darkroom.domain.events import JobCompleted
from darkroom_cli.text import escape
from local import paths
from local.events import Event

SIMULATED = """
The provider simulator (simulator) painted these images, not GPT Image 2. Nothing was charged;
the prices are estimates of the provider's charges.
For real images: WAVESPEED_API_KEY=… make run PROVIDER=wavespeed
"""
NO_REAL_EDIT = """
The S3 upload is skipped, and the EventBridge event requests no edit: WaveSpeed cannot fetch
references from the emulator's S3 on this machine. Both work on AWS.
"""


@dataclass(frozen=True)
class Finished:
    """A completed job of the demo: its terminal event, parsed and raw, and the saved file."""

    name: str
    detail: JobCompleted
    event: Event
    file: Path


def show(finished: Finished) -> None:
    """Print the report of one completed job."""
    for label, value in facts(finished):
        print(f"    {label:<9} {escape(value)}")
    show_event(finished.event)


def show_event(event: Event) -> None:
    """Print an event in full."""
    print("    event     as received from the bus:")
    for line in escape(json.dumps(event, indent=2, ensure_ascii=False)).splitlines():
        print(f"      {line}")


def facts(finished: Finished) -> list[tuple[str, str]]:
    """Return the lines of the report as label and value."""
    detail, asset = finished.detail, finished.detail.assets[0]
    timings = detail.timings
    ended = timings.stored_at or timings.ended_at
    seconds = (ended - timings.accepted_at).total_seconds() if ended else None
    size = f"{asset.width}x{asset.height}, {asset.size:,} bytes, {asset.content_type}"
    file = finished.file
    path = file.relative_to(paths.ROOT) if file.is_relative_to(paths.ROOT) else file
    return [
        ("job id", detail.job_id),
        ("seconds", f"{seconds:.1f} from accepted to stored" if seconds is not None else "unknown"),
        ("checks", str(detail.checks)),
        ("price", price(detail.estimated_cost_micro_usd)),
        ("stored at", f"s3://{asset.bucket}/{asset.key}"),
        ("file", f"{path} ({size})"),
    ]


def price(micro_usd: int | None) -> str:
    """Return the price in dollars, or "unknown" for None."""
    return "unknown" if micro_usd is None else f"${micro_usd / 1_000_000:.4f} (estimated)"
