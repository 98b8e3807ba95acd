"""darkroom mcp: the tools in the process, and the program over stdin and stdout."""

import base64
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client import Client as McpClient
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, ImageContent, TextContent, Tool

from darkroom_cli import client, mcp_server, requests
from darkroom_cli.errors import Exit
from darkroom_cli.target import Target
from tests.cli.deployment import (
    IMAGE,
    JOB_ID,
    KEY,
    URL,
    Deployment,
    Reply,
    Run,
    failed,
    job,
    problem,
)

ME = {"can_submit": True, "left_micro_usd": 4_980_000, "stack_left_micro_usd": None}
PAID = {"generate", "edit", "run_model"}
LOCATION = f"s3://assets/jobs/{JOB_ID}/0.png (image/png)"


@pytest.fixture
def api(deployment: Deployment) -> Deployment:
    """A deployment that answers what the server asks at its start."""
    deployment.on("GET /v1/me", ME)
    deployment.on("POST /v1/estimates", {"estimated_cost_micro_usd": 10_000})
    deployment.on("POST /v1/jobs", done())
    return deployment


def done(size: int = len(IMAGE), count: int = 1, **changes: Any) -> dict[str, Any]:
    """A completed job with so many images of this size."""
    completed = job(**changes)
    thumbnail = "https://thumbnails.example.com/0.webp?X-Amz-Signature=secret"
    (asset,) = completed["assets"]
    completed["assets"] = [{**asset, "size": size, "thumbnail_url": thumbnail}] * count
    return completed


def connect(api: Deployment) -> McpClient:
    """A client of a server in this process."""
    transport = httpx.MockTransport(api.handle)
    return McpClient(mcp_server.create(client.Client(Target(URL, KEY), transport)))


def call(api: Deployment, tool: str, **arguments: Any) -> CallToolResult:
    async def run() -> CallToolResult:
        async with connect(api) as session:
            return await session.call_tool(tool, arguments)

    return anyio.run(run)


def tools(api: Deployment) -> dict[str, Tool]:
    async def run() -> dict[str, Tool]:
        async with connect(api) as session:
            return {tool.name: tool for tool in (await session.list_tools()).tools}

    return anyio.run(run)


def text(result: CallToolResult) -> str:
    """The text of a result, which is its last part."""
    part = result.content[-1]
    assert isinstance(part, TextContent)
    return part.text


def images(result: CallToolResult) -> list[tuple[str, bytes]]:
    parts = [part for part in result.content if isinstance(part, ImageContent)]
    return [(part.mime_type, base64.b64decode(part.data)) for part in parts]


def test_generate_returns_the_image_and_its_location(api: Deployment) -> None:
    api.on("POST /v1/jobs", job("queued"))
    api.on(f"GET /v1/jobs/{JOB_ID}", job("submitted"), done())

    result = call(api, "generate", prompt="a red bicycle", quality="low")

    assert not result.is_error
    assert images(result) == [("image/png", IMAGE)]
    assert text(result).splitlines() == [
        f"{JOB_ID}  completed  $0.0100 charged",
        LOCATION,
        f"To save the full size: darkroom jobs open {JOB_ID}",
        "Budget left today: $4.9800.",
    ]
    assert api.bodies("/v1/jobs") == [
        {"operation": "text-to-image", "prompt": "a red bicycle", "quality": "low"}
    ]


def test_prompt_is_never_read_from_stdin(api: Deployment) -> None:
    call(api, "generate", prompt="-")

    assert api.bodies("/v1/jobs")[0]["prompt"] == "-"


def test_repeated_request_of_one_call_is_paid_once(api: Deployment) -> None:
    api.on("POST /v1/jobs", httpx.ReadTimeout("lost"), done())

    call(api, "generate", prompt="x")
    call(api, "generate", prompt="x")

    first, repeated, second = api.keys("/v1/jobs")
    assert first == repeated
    assert second != first


def test_large_image_is_returned_as_its_thumbnail(api: Deployment) -> None:
    """The thumbnail is made after the job has ended."""
    api.on("POST /v1/jobs", done(size=1_500_000))
    api.on("GET /0.webp", httpx.Response(404), httpx.Response(200, content=b"small"))

    assert images(call(api, "generate", prompt="x")) == [("image/webp", b"small")]


def test_many_images_are_returned_as_thumbnails(api: Deployment) -> None:
    api.on("POST /v1/jobs", done(size=200_000, count=4))
    api.on("GET /0.webp", httpx.Response(200, content=b"small"))

    assert images(call(api, "generate", prompt="x")) == [("image/webp", b"small")] * 4


def test_image_that_cannot_be_downloaded_is_named(api: Deployment) -> None:
    api.on("GET /v1/me", ME, problem(500))
    api.files = httpx.Response(403)

    result = call(api, "generate", prompt="x")

    assert not result.is_error
    assert images(result) == []
    assert LOCATION in text(result)


def test_edit_uploads_local_files(api: Deployment, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(IMAGE)
    upload = {"url": "https://files.example.com/u", "headers": {}, "reference": "upload:1"}
    api.on("POST /v1/uploads", upload)
    references = [str(tmp_path / "a.png"), "s3://assets/b.png"]

    call(api, "edit", images=references, prompt="at night")

    (request,) = api.bodies("/v1/jobs")
    assert request["images"] == ["upload:1", "s3://assets/b.png"]


@pytest.mark.parametrize("content", [None, b"-----BEGIN PRIVATE KEY-----", b"GIF89a"])
def test_edit_sends_nothing_but_images(
    api: Deployment, tmp_path: Path, content: bytes | None
) -> None:
    (tmp_path / "a.png").write_bytes(IMAGE)
    path = tmp_path if content is None else tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    result = call(api, "edit", images=[str(tmp_path / "a.png"), str(path)], prompt="x")

    assert result.is_error
    assert str(path) in text(result)
    assert {request.url.path for request in api.requests} == {"/live/v1/me", "/live/v1/estimates"}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (problem(400), "`prompt` is missing."),
        (problem(402, detail="The budget is spent."), "The budget is spent."),
        (failed(), f"Job {JOB_ID} failed (moderated): It was refused."),
        (httpx.ConnectError("down"), f"No response from {URL} (ConnectError)."),
    ],
)
def test_error_is_a_tool_error_with_its_message(
    api: Deployment, reply: Reply, message: str
) -> None:
    api.on("POST /v1/jobs", reply)

    result = call(api, "run_model", model="a/b", model_input={"prompt": "x"})

    assert result.is_error
    assert message in text(result)


def test_job_that_runs_longer_is_continued_by_get_job(api: Deployment) -> None:
    api.on("POST /v1/jobs", job("queued"))
    api.on(f"GET /v1/jobs/{JOB_ID}", done())

    started = call(api, "generate", prompt="x", wait_seconds=0)
    ended = call(api, "get_job", job_id=JOB_ID)

    assert images(started) == []
    assert f"Call get_job with {JOB_ID}." in text(started)
    assert images(ended) == [("image/png", IMAGE)]
    assert call(api, "get_job", job_id="../keys").is_error


def test_failed_job_is_returned_with_its_reason(api: Deployment) -> None:
    api.on(f"GET /v1/jobs/{JOB_ID}", failed())

    result = call(api, "get_job", job_id=JOB_ID)

    assert not result.is_error
    assert "moderated: It was refused." in text(result)


def test_waiting_reports_progress(api: Deployment) -> None:
    api.on("POST /v1/jobs", job("queued"))
    api.on(f"GET /v1/jobs/{JOB_ID}", job("submitted"), done())
    seen = []

    async def show(progress: float, total: float | None, message: str | None) -> None:
        seen.append(message)

    async def run() -> None:
        async with connect(api) as session:
            await session.call_tool("generate", {"prompt": "x"}, progress_callback=show)

    anyio.run(run)
    assert seen == ["queued", "submitted"]


def test_canceled_call_stops_waiting(api: Deployment) -> None:
    api.on("POST /v1/jobs", job("queued"))
    api.on(f"GET /v1/jobs/{JOB_ID}", job("submitted"))  # for ever
    start = time.monotonic()

    async def run() -> None:
        async with connect(api) as session:
            with anyio.CancelScope() as scope:

                async def stop(progress: float, total: float | None, message: str | None) -> None:
                    scope.cancel()

                arguments = {"prompt": "x", "wait_seconds": 300}
                await session.call_tool("generate", arguments, progress_callback=stop)

    anyio.run(run)
    assert time.monotonic() - start < 60


def test_lists_are_text(api: Deployment) -> None:
    api.on("GET /v1/jobs", {"jobs": [job()], "cursor": None})
    warm = {"prompt": "warmer", "quality": "low", "then": [{"prompt": "sharper"}]}
    api.on("GET /v1/presets", {"presets": {"warm": warm}})

    assert f"{JOB_ID}\tcompleted\ttext-to-image low 1k\t$0.0100" in text(call(api, "list_jobs"))
    assert text(call(api, "list_presets")) == "warm: prompt warmer, quality low, further steps 1"
    assert text(call(api, "estimate", images=2)) == "$0.0100\nBudget left today: $4.9800."
    assert len(api.bodies("/v1/estimates")[-1]["images"]) == 2


def test_descriptions_state_prices_and_the_budget(api: Deployment) -> None:
    listed = tools(api)

    for name in ("generate", "edit"):
        description = listed[name].description or ""
        assert "low $0.0100, medium $0.0100, high 4k $0.0100" in description
        assert "Budget left today: $4.9800." in description
    assert {
        n for n, t in listed.items() if not (t.annotations and t.annotations.read_only_hint)
    } == PAID


def test_tools_work_without_a_price_in_their_description(api: Deployment) -> None:
    api.on("POST /v1/estimates", problem(429))

    assert "Paid: call estimate for the price." in (tools(api)["generate"].description or "")
    assert not call(api, "generate", prompt="x").is_error


def test_tools_have_all_image_settings(api: Deployment) -> None:
    listed = tools(api)

    for name in ("estimate", "generate", "edit"):
        properties = listed[name].input_schema["properties"]
        assert {n: properties[n]["description"] for n in requests.SETTINGS} == {
            n: option.help for n, option in requests.SETTINGS.items()
        }


@pytest.mark.parametrize("tool", ["generate", "edit", "run_model", "estimate", "list_jobs"])
def test_unknown_argument_is_refused_before_anything_is_sent(api: Deployment, tool: str) -> None:
    """A misspelled setting would have its default, which can cost more."""
    required: dict[str, dict[str, Any]] = {
        "generate": {"prompt": "x"},
        "edit": {"prompt": "x", "images": ["s3://a/b"]},
        "run_model": {"model": "a/b", "model_input": {}},
    }

    result = call(api, tool, **required.get(tool, {}), qualty="low")

    assert result.is_error
    assert "qualty" in text(result)
    assert {request.url.path for request in api.requests} <= {"/live/v1/me", "/live/v1/estimates"}
    assert tools(api)[tool].input_schema["additionalProperties"] is False


def test_key_that_cannot_create_jobs_has_no_paid_tool(api: Deployment) -> None:
    api.on("GET /v1/me", ME | {"can_submit": False, "left_micro_usd": None})

    listed = tools(api)

    assert listed.keys() & PAID == set()
    assert "There is no daily budget." in text(call(api, "estimate"))


def test_refused_key_is_reported_at_the_start(
    darkroom: Run, api: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET /v1/me", problem(401, detail="The API key is unknown."))

    assert darkroom("mcp") == Exit.REFUSED_KEY

    out, err = capsys.readouterr()
    assert out == ""
    assert "The API key is unknown." in err


@contextmanager
def served(api: Deployment) -> Iterator[str]:
    """The deployment behind a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = (
                f"{URL}{self.path}"
                if self.path.startswith("/v1")
                else f"https://files.example.com{self.path}"
            )
            reply = api.handle(
                httpx.Request(self.command, url, headers=dict(self.headers), content=body)
            )
            self.send_response(reply.status_code)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = respond  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_program_serves_the_official_client(api: Deployment, tmp_path: Path) -> None:
    log = tmp_path / "stderr"

    async def run(url: str) -> CallToolResult:
        completed = done()
        completed["assets"][0]["url"] = f"{url}/0.png?X-Amz-Signature=secret"
        api.on("POST /v1/jobs", completed)
        program = StdioServerParameters(
            command=sys.executable,
            args=["-c", "from darkroom_cli.main import main; main()", "mcp"],
            env={"DARKROOM_URL": url, "DARKROOM_KEY": KEY, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=tmp_path,
        )
        with log.open("w") as stderr:
            async with (
                stdio_client(program, errlog=stderr) as streams,
                ClientSession(*streams) as session,
            ):
                await session.initialize()
                return await session.call_tool("generate", {"prompt": "a red bicycle"})

    with served(api) as url:
        result = anyio.run(run, url)

    assert images(result) == [("image/png", IMAGE)]
    # The log of the server is a file of the client.
    assert log.read_text() == ""
