"""A deployment as the command line sees it: answers to HTTP, and what was asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

URL, KEY = "https://api.example.com/live", "dk_sesame"
JOB_ID, BATCH_ID = "va25h4nuse5chs5cqgiu6rb6gm", "cmjb2hb7562g6nkk3rro3j6g5c"
PICTURE = b"\x89PNG picture"

type Answer = httpx.Response | BaseException | dict[str, Any]


def job(status: str = "completed", **changes: Any) -> dict[str, Any]:
    """A job as docs/http.md shows it."""
    assets = [
        {
            "bucket": "assets",
            "key": f"jobs/{JOB_ID}/0.png",
            "content_type": "image/png",
            "url": "https://files.example.com/0.png?X-Amz-Signature=secret",
        }
    ]
    return {
        "job_id": JOB_ID, "status": status, "operation": "text-to-image",
        "model": "openai/gpt-image-2/text-to-image", "caller": "key:me", "batch_id": None,
        "input": {"prompt": "a red bicycle", "quality": "low", "resolution": "1k"},
        "references": [], "expected_seconds": 14.1, "estimated_cost_micro_usd": 10_000,
        "charged": "yes", "failure": None, "checks": 1, "prediction_id": "p",
        "assets": assets if status == "completed" else [],
        "timings": {"accepted_at": "2026-11-25T22:56:07Z", "ended_at": None},
    } | changes  # fmt: skip


def failed(code: str = "moderated", *, retryable: bool = False) -> dict[str, Any]:
    """A job that ended without a picture."""
    why = {"code": code, "message": "It was refused.", "detail": None, "retryable": retryable}
    return job("failed", failure=why, charged="no")


def batch(status: str = "completed", **changes: Any) -> dict[str, Any]:
    """A batch as docs/batches.md shows it."""
    ended = "2026-11-25T23:56:07Z" if status in ("completed", "canceled", "failed") else None
    counts = dict.fromkeys(("waiting", "queued", "running", "failed", "canceled"), 0)
    return {
        "batch_id": None if status == "planned" else BATCH_ID, "name": "rows.csv",
        "status": status, "rows": 3, "bad_rows": 1, "estimated_cost_micro_usd": 20_000,
        "unpriced_rows": 0, "spent_micro_usd": 20_000, "eta_seconds": None, "ended_at": ended,
        "errors": [{"row": 2, "field": "prompt", "message": "is missing", "allowed": "required"}],
        "progress": counts | {"completed": 2, "bad": 1},
        "results": {
            "csv_url": "https://files.example.com/results.csv",
            "jsonl_url": "https://files.example.com/results.jsonl",
        } if ended else None,
    } | changes  # fmt: skip


def problem(status: int, kind: str = "invalid-request", **more: Any) -> httpx.Response:
    """An error as the API tells it."""
    told = {"type": f"urn:darkroom:problem:{kind}", "detail": "prompt is missing", **more}
    return httpx.Response(status, json=told)


@dataclass
class Deployment:
    """Answers by method and path: a list is worked off, its last one stays."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def on(self, call: str, *answers: Answer) -> None:
        """Answer `GET /v1/jobs` and the like."""
        self.answers[call] = list(answers)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Be the network."""
        request.read()
        self.asked.append(request)
        if request.url.host == "files.example.com":
            return httpx.Response(200, content=PICTURE)
        call = f"{request.method} {request.url.path.removeprefix('/live')}"
        answers = self.answers.get(call)
        assert answers, f"nothing is scripted for {call}"
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        match answer:
            case BaseException():
                raise answer
            case httpx.Response():
                return answer
            case _:
                return httpx.Response(200, json=answer)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was sent to a path."""
        return [json.loads(each.content) for each in self.asked if each.url.path.endswith(path)]

    def keys(self, path: str) -> list[str]:
        """The idempotency keys with which a path was asked."""
        return [
            each.headers["Idempotency-Key"] for each in self.asked if each.url.path.endswith(path)
        ]


type Run = Callable[..., int]
