"""The progress line and the final report of a job."""

import io
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from darkroom.domain.events import JobCompleted
from local import report
from local.progress import CLEAR_LINE, Progress
from local.report import Finished


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def seconds() -> Iterator[int]:
    return iter(count())


def progress(out: io.StringIO, seconds: Iterator[int]) -> Progress:
    return Progress("edit", out, seconds=3, clock=lambda: next(seconds))


def test_terminal_line_is_updated_in_place(seconds: Iterator[int]) -> None:
    out = Terminal()
    line = progress(out, seconds)

    line.show("queued", 0)
    line.show("queued", 0)
    line.end()

    assert out.getvalue().count(CLEAR_LINE) == 2
    assert out.getvalue().count("\n") == 1


def test_file_gets_one_line_per_change(seconds: Iterator[int]) -> None:
    out = io.StringIO()
    line = progress(out, seconds)

    for status, checks in [("queued", 0), ("queued", 0), ("submitted", 0), ("submitted", 1)]:
        line.show(status, checks)
    line.end()

    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["edit", "queued", "1.0", "s", "0", "checks"],
        ["edit", "submitted", "3.0", "s", "0", "checks"],
        ["edit", "submitted", "4.0", "s", "1", "check"],
    ]


def test_is_late_after_the_time_limit(seconds: Iterator[int]) -> None:
    line = progress(io.StringIO(), seconds)

    assert [line.is_late for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("micro_usd", "expected"), [(60_000, "$0.0600 (estimated)"), (0, "$0.0000"), (None, "unknown")]
)
def test_unknown_price_is_not_zero(micro_usd: int | None, expected: str) -> None:
    assert expected in report.price(micro_usd)


def test_report_lists_job_duration_price_and_locations() -> None:
    detail = JobCompleted.model_validate(
        {
            "id": "j.completed",
            "caller": "events",
            "request_id": "e",
            "idempotency_key": "k",
            "job_id": "j",
            "operation": "edit",
            "model": "openai/gpt-image-2/edit",
            "estimated_cost_micro_usd": 60_000,
            "prediction_id": "p",
            "assets": [
                {
                    "bucket": "b",
                    "key": "jobs/j/0.png",
                    "content_type": "image/png",
                    "size": 1234,
                    "sha256": "00",
                    "width": 1024,
                    "height": 768,
                }
            ],
            "uris": ["s3://b/jobs/j/0.png"],
            "manifest": {"bucket": "b", "key": "jobs/j/manifest.json"},
            "checks": 2,
            "timings": {
                "accepted_at": "2026-11-22T10:00:00Z",
                "submitted_at": "2026-11-22T10:00:01Z",
                "provider_completed_at": "2026-11-22T10:00:06Z",
                "stored_at": "2026-11-22T10:00:07.500Z",
                "ended_at": "2026-11-22T10:00:07.500Z",
            },
        }
    )

    facts = dict(report.facts(Finished("edit", detail, {}, Path("/elsewhere/j-edit.png"))))

    assert facts == {
        "job id": "j",
        "seconds": "7.5 from accepted to stored",
        "checks": "2",
        "price": "$0.0600 (estimated)",
        "stored at": "s3://b/jobs/j/0.png",
        "file": "/elsewhere/j-edit.png (1024x768, 1,234 bytes, image/png)",
    }
