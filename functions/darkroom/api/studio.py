"""The studio: the deployment's web page, served as static files without a key."""

import hashlib
import html
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import views
from darkroom.domain.errors import NotFoundError
from darkroom.domain.references import S3Object

if TYPE_CHECKING:
    from darkroom.app import App

FOLDER = Path(__file__).parents[2] / "studio"
PAGE = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDER = "{folder}"  # placeholder in the page for the path of its files, with a final slash


@cache
def files() -> dict[str, str]:
    """Return the text of each file by name."""
    paths = sorted(path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    return {path.name: path.read_text("utf-8") for path in paths}


@cache
def files_revision() -> str:
    """Return a digest of all files.

    It is part of their paths. So browsers keep them, and files of two deployments never mix.
    """
    return hashlib.sha256("\0".join(files().values()).encode()).hexdigest()[:16]


def folder(root: str) -> str:
    """Return the path of the files, with a final slash. `root` is that of the API, with one."""
    return f"{root}studio/{files_revision()}/"


class Studio:
    """The routes of the page and its files. They need no key."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._settings = app.settings
        self._references = app.ports.references
        resolver.get("/")(self.page)
        resolver.get("/studio/<revision>/<file>")(self.file)

    def page(self) -> Response[str]:
        """Return the page. Its links start at the API's root path."""
        path: str = self._resolver.current_event.raw_event["requestContext"]["path"]
        root = f"/{path.strip('/')}/".replace("//", "/")
        text = files()[PAGE].replace(_FOLDER, html.escape(folder(root)))
        etag = hashlib.sha256(text.encode()).hexdigest()[:32]
        headers = {
            "Cache-Control": "no-cache",
            "ETag": f'"{etag}"',
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        cached = views.revisions(self._resolver.current_event.headers.get("if-none-match") or "")
        if etag in cached:
            return Response(status_code=304, body="", headers=headers)
        return _show(PAGE, text, headers)

    def file(self, revision: str, file: str) -> Response[str]:
        """Return one file. Only files found at startup are served, so no path is ever opened."""
        if revision != files_revision() or file == PAGE or file not in files():
            raise NotFoundError("The studio has no such file. Reload the page.")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return _show(file, files()[file], headers)

    @cached_property
    def _policy(self) -> str:
        """The Content-Security-Policy: the page may access this API and the assets bucket."""
        placeholder = S3Object(bucket=self._settings.assets_bucket, key="x")
        url = urlsplit(self._references.presign(placeholder, 1))
        bucket = f"{url.scheme}://{url.netloc}"
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                f"img-src 'self' blob: data: {bucket}",
                f"media-src {bucket}",
                f"connect-src 'self' {bucket}",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        )


def _show(name: str, text: str, headers: dict[str, str]) -> Response[str]:
    media_type = MEDIA_TYPES[Path(name).suffix]
    return Response(status_code=200, content_type=media_type, body=text, headers=headers)
