"""darkroom mcp on the deployed stack, with the official client over stdin and stdout."""

import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image

from local import paths
from tests.e2e.deployment import Deployment, png_image

SMALL = {"quality": "low", "resolution": "1k"}


async def session_of(environment: dict[str, str], file: Path) -> list[CallToolResult]:
    """Generate an image, edit a file and look for both jobs."""
    darkroom = str(paths.ROOT / ".venv" / "bin" / "darkroom")
    program = StdioServerParameters(command=darkroom, args=["mcp"], env=environment)
    async with stdio_client(program) as streams, ClientSession(*streams) as session:
        await session.initialize()

        async def call(tool: str, **arguments: Any) -> CallToolResult:
            return await session.call_tool(tool, arguments)

        return [
            await call("generate", prompt="A kite, by an assistant", **SMALL),
            await call("edit", images=[str(file)], prompt="At night, by an assistant", **SMALL),
            await call("list_jobs", text="by an assistant"),
        ]


def test_assistant_generates_and_edits(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(png_image())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DARKROOM_URL": deployment.stack.api_url,
        "DARKROOM_KEY": deployment.create_key(
            "assistant", daily_budget_usd=1, unlimited=False, expires_in_days=1
        ),
        "NO_PROXY": "*",
    }

    # In a thread of its own: the browser of other tests runs an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        *results, listed = pool.submit(anyio.run, session_of, environment, file).result()

    for result in results:
        picture, text = result.content
        assert isinstance(picture, ImageContent), text
        assert Image.open(io.BytesIO(base64.b64decode(picture.data))).width > 0
        assert isinstance(text, TextContent)
        job_id = text.text.split()[0]
        assert f"s3://{deployment.stack.assets_bucket}/" in text.text
        assert "Budget left today: $0.9" in text.text
        assert job_id in str(listed.content)
