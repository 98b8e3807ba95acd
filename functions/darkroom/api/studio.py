"""The studio: the deployment's web page, served as static files without a key."""

import hashlib
import html
from functools import cached_property
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
_ROOT = "{root}"  # placeholder in the page for the API's root path, with a final slash


class Studio:
    """The routes of the page and its files. They need no key."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._settings = app.settings
        self._references = app.ports.references
        resolver.get("/")(self.page)
        resolver.get("/studio/<file>")(self.file)

    def page(self) -> Response[str]:
        """Return the page. Its links start at the API's root path."""
        path: str = self._resolver.current_event.raw_event["requestContext"]["path"]
        root = f"/{path.strip('/')}/".replace("//", "/")
        return self._show(PAGE, self._files[PAGE].replace(_ROOT, html.escape(root)))

    def file(self, file: str) -> Response[str]:
        """Return one file. Only files found at startup are served, so no path is ever opened."""
        if file == PAGE or file not in self._files:
            raise NotFoundError("The studio has no such file.")
        return self._show(file, self._files[file])

    def _show(self, name: str, text: str) -> Response[str]:
        revision = hashlib.sha256(text.encode()).hexdigest()[:32]
        headers = {
            # Browsers revalidate every file, so that files of two deployments never mix.
            "Cache-Control": "no-cache",
            "ETag": f'"{revision}"',
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        cached = views.revisions(self._resolver.current_event.headers.get("if-none-match") or "")
        if revision in cached:
            return Response(status_code=304, body="", headers=headers)
        media_type = MEDIA_TYPES[Path(name).suffix]
        return Response(status_code=200, content_type=media_type, body=text, headers=headers)

    @cached_property
    def _files(self) -> dict[str, str]:
        paths = (path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
        return {path.name: path.read_text("utf-8") for path in paths}

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
