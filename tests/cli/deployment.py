"""A fake deployment: scripted HTTP responses, and the requests that it received."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

URL, KEY = "https://api.example.com/live", "dk_sesame"
JOB_ID, BATCH_ID = "va25h4nuse5chs5cqgiu6rb6gm", "cmjb2hb7562g6nkk3rro3j6g5c"
IMAGE = b"\x89PNG\r\n\x1a\n image"
IMAGE_NAME = "a-red-bicycle-va25h4nu.png"

type Reply = httpx.Response | BaseException | dict[str, Any]


def job(status: str = "completed", **changes: Any) -> dict[str, Any]:
    """A job as in docs/http.md."""
    assets = [
        {
            "bucket": "assets",
            "key": f"jobs/{JOB_ID}/0.png",
            "content_type": "image/png",
            "filename": IMAGE_NAME,
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
    """A job that ended without an image."""
    failure = {"code": code, "message": "It was refused.", "detail": None, "retryable": retryable}
    return job("failed", failure=failure, charged="no")


def batch(status: str = "completed", **changes: Any) -> dict[str, Any]:
    """A batch as in docs/batches.md."""
    ended = "2026-11-25T23:56:07Z" if status in ("completed", "canceled", "failed") else None
    counts = dict.fromkeys(("waiting", "queued", "running", "failed", "canceled"), 0)
    return {
        "batch_id": None if status == "planned" else BATCH_ID, "name": "rows.csv",
        "status": status, "rows": 3, "bad_rows": 1, "estimated_cost_micro_usd": 20_000,
        "unpriced_rows": 0, "spent_micro_usd": 20_000, "eta_seconds": None, "ended_at": ended,
        "errors": [
            {"row": 2, "line": 3, "field": "prompt", "message": "Row 2: `prompt` is missing.",
             "allowed": "required"},
        ],
        "warnings": ["The prompt names no column."],
        "preview": [
            {"row": 1, "id": None, "model": "openai/gpt-image-2/edit",
             "input": {"prompt": "A teapot", "quality": "low"},
             "references": ["https://a.test/fox.png"]},
        ] if status == "planned" else [],
        "progress": counts | {"completed": 2, "bad": 1},
        "results": {
            "csv_url": "https://files.example.com/results.csv",
            "jsonl_url": "https://files.example.com/results.jsonl",
        } if ended else None,
    } | changes  # fmt: skip


def problem(status: int, kind: str = "invalid-request", **more: Any) -> httpx.Response:
    """An error response of the API."""
    body = {"type": f"urn:darkroom:problem:{kind}", "detail": "`prompt` is missing.", **more}
    return httpx.Response(status, content=json.dumps(body))


@dataclass
class Deployment:
    """Replies by method and path, in order; the last reply of a list repeats."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    # The reply of every presigned URL.
    files: httpx.Response = field(default_factory=lambda: httpx.Response(200, content=IMAGE))

    def on(self, call: str, *replies: Reply) -> None:
        """Script the replies of a call such as `GET /v1/jobs`."""
        self.replies[call] = list(replies)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Record a request and return or raise its reply."""
        request.read()
        self.requests.append(request)
        if request.url.host == "files.example.com":
            return self.files
        call = f"{request.method} {request.url.path.removeprefix('/live')}"
        replies = self.replies.get(call)
        assert replies, f"no reply is scripted for {call}"
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        match reply:
            case BaseException():
                raise reply
            case httpx.Response():
                return reply
            case _:
                # The escapes of json.dumps can also express half a surrogate pair.
                return httpx.Response(200, content=json.dumps(reply))

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The JSON bodies of the requests to a path."""
        return [
            json.loads(request.content)
            for request in self.requests
            if request.url.path.endswith(path)
        ]

    def keys(self, path: str) -> list[str]:
        """The idempotency keys of the requests to a path."""
        return [
            request.headers["Idempotency-Key"]
            for request in self.requests
            if request.url.path.endswith(path)
        ]


type Run = Callable[..., int]
