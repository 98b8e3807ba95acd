"""Fetch the references of a request, as the provider does when it starts a prediction."""

import asyncio
import base64
import binascii
import re
from concurrent.futures import Executor
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from PIL import Image

from simulator.art.images import ImageSpec, scene, write

LARGEST = 50_000_000
MOST_PIXELS = 60_000_000


class UnreadableError(Exception):
    """A reference could not be fetched or is not an image."""


async def fetch(url: str, folder: Path, client: httpx.AsyncClient, pool: Executor) -> Path:
    """Return the path of a decodable copy of the reference. Raises UnreadableError."""
    target = folder / f"reference-{uuid4().hex}"
    loop = asyncio.get_running_loop()
    host = (urlsplit(url).hostname or "").lower()
    if not url.startswith(("http://", "https://")):
        await loop.run_in_executor(pool, _decode_base64, url, target)
    elif host.endswith(".example"):
        await loop.run_in_executor(pool, _paint_example, url, target)
    else:
        await _download(url, target, client)
    await loop.run_in_executor(pool, _verify_image, target)
    return target


async def _download(url: str, target: Path, client: httpx.AsyncClient) -> None:
    received = 0
    try:
        async with client.stream("GET", url) as response:
            if response.status_code != 200:
                msg = f"HTTP {response.status_code}"
                raise UnreadableError(msg)
            with target.open("wb") as file:
                async for part in response.aiter_bytes():
                    received += len(part)
                    if received > LARGEST:
                        msg = "file is too large"
                        raise UnreadableError(msg)
                    file.write(part)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"could not be fetched: {type(error).__name__}"
        raise UnreadableError(msg) from error


def _paint_example(url: str, target: Path) -> None:
    """Paint an image from the URL's path. Hosts under .example need no internet."""
    path = urlsplit(url).path
    if re.search(r"missing|forbidden|dead|404|403", path):
        msg = "HTTP 404"
        raise UnreadableError(msg)
    if path.endswith((".html", ".htm")):
        target.write_text("<html><body>not an image</body></html>")
        return
    text = re.sub(r"[^A-Za-z]+", " ", path.rpartition(".")[0] or path)
    spec = ImageSpec(text, (1280, 960), seed=url)
    with target.open("wb") as file:
        write(
            scene(spec, titled=False),
            file,
            "png" if path.endswith(".png") else "jpeg",
            "medium",
            url,
        )


def _decode_base64(text: str, target: Path) -> None:
    try:
        target.write_bytes(base64.b64decode(text.rpartition(",")[2], validate=True))
    except binascii.Error as error:
        msg = "is not valid base64"
        raise UnreadableError(msg) from error


def _verify_image(path: Path) -> None:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                msg = "has too many pixels"
                raise UnreadableError(msg)
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombWarning) as error:
        msg = "is not an image"
        raise UnreadableError(msg) from error
    except Image.DecompressionBombError as error:
        msg = "has too many pixels"
        raise UnreadableError(msg) from error
