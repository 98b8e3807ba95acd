"""The studio: the deployment's own page for people, served as files to whoever asks."""

import hashlib
import html
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.domain.errors import NotFoundError
from darkroom.domain.references import S3Object
from darkroom.web import views
from darkroom.web.dependencies import Dependencies

FOLDER = Path(__file__).parents[2] / "studio"
PAGE = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ROOT = "{root}"  # in the page: where the API begins, with its slash


class Studio:
    """The page and its files, on an app; none of them needs a key."""

    def __init__(self, app: APIGatewayRestResolver, dependencies: Dependencies) -> None:
        self._app = app
        self._dependencies = dependencies
        app.get("/")(self.page)
        app.get("/studio/<file>")(self.file)

    def page(self) -> Response[str]:
        """Show the page. Its addresses begin at the API's root, with or without a last slash."""
        path: str = self._app.current_event.raw_event["requestContext"]["path"]
        root = f"/{path.strip('/')}/".replace("//", "/")
        return self._show(PAGE, self._files[PAGE].replace(_ROOT, html.escape(root)))

    def file(self, file: str) -> Response[str]:
        """Show one file: what is not in the list that was made at the start is not looked for."""
        if file == PAGE or file not in self._files:
            raise NotFoundError("the studio has no such file")
        return self._show(file, self._files[file])

    def _show(self, name: str, text: str) -> Response[str]:
        revision = hashlib.sha256(text.encode()).hexdigest()[:32]
        headers = {
            # Always asked for again, and hardly ever sent again: no mixture of two deployments.
            "Cache-Control": "no-cache",
            "ETag": f'"{revision}"',
            "Content-Security-Policy": self._policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        known = views.revisions(self._app.current_event.headers.get("if-none-match") or "")
        if revision in known:
            return Response(status_code=304, body="", headers=headers)
        kind = MEDIA_TYPES[Path(name).suffix]
        return Response(status_code=200, content_type=kind, body=text, headers=headers)

    @cached_property
    def _files(self) -> dict[str, str]:
        found = (path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
        return {path.name: path.read_text("utf-8") for path in found}

    @cached_property
    def _policy(self) -> str:
        """What the page may do: reach this API and the bucket that its presigned URLs lead to."""
        some = S3Object(bucket=self._dependencies.assets_bucket, key="x")
        url = urlsplit(self._dependencies.references.presign(some, 1))
        bucket = f"{url.scheme}://{url.netloc}"
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                f"img-src 'self' blob: data: {bucket}",
                f"connect-src 'self' {bucket}",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        )
