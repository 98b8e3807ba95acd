"""The routes of shared jobs: create and withdraw a link, and the page that it opens."""

import html
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import schemas as contract
from darkroom.api import studio
from darkroom.api.http import HttpRequest, reply
from darkroom.api.job_reply import JobReply
from darkroom.domain.file_names import attachment, disposition, shared_name
from darkroom.domain.job import Asset, Job
from darkroom.domain.parsing import validate
from darkroom.domain.references import S3Object
from darkroom.observability import correlate

if TYPE_CHECKING:
    from darkroom.app import App

# A file can be read this long after a link is withdrawn. An erasure ends it at once.
_FILE_SECONDS = 600
_HTML = "text/html; charset=utf-8"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<link rel="icon" href="{folder}icon.svg">
<link rel="stylesheet" href="{folder}share.css">
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""
_CLOSED = "<h1>This link is closed</h1>\n<p>It has expired, or it was withdrawn.</p>"


class ShareRoutes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._share_job = app.share_job
        self._reply = JobReply(app)
        self._references = app.ports.references
        resolver.post("/v1/jobs/<job_id>/share")(self.share)
        resolver.delete("/v1/jobs/<job_id>/share")(self.withdraw)
        resolver.get("/share/<job_id>")(self.show)

    def share(self, job_id: str) -> Response[str]:
        """Create a link to the outputs of a job."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only()
        request.must_submit()
        body = request.json_object(contract.ShareRequest.model_fields)
        hours = validate(contract.ShareRequest, body).expires_in_hours
        token, until = self._share_job.run(request.caller, job_id, hours)
        correlate(job_id)
        # The token is in the query, not in the path, which logs have.
        root = request.full_path.rstrip("/").removesuffix(f"/v1/jobs/{job_id}/share")
        url = f"{request.origin}{root}/share/{job_id}?token={token}"
        return reply(201, contract.ShareView(url=url, expires_at=until))

    def withdraw(self, job_id: str) -> Response[str]:
        """Withdraw the link of a job."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only()
        request.must_submit()
        job = self._share_job.withdraw(request.caller, job_id)
        return self._reply.run(200, self._reply.found(job))

    def show(self, job_id: str) -> Response[str]:
        """Return the page with the outputs of a job. It needs no key, but the link's token."""
        event = self._resolver.current_event.raw_event
        token = (event.get("queryStringParameters") or {}).get("token") or ""
        path: str = event["requestContext"]["path"]
        root = path.rpartition("/share/")[0] + "/"
        job = self._share_job.open(job_id, token)
        if job is None or job.shared_until is None:
            return _page(404, root, "Link closed", _CLOSED, ())
        urls = [self._urls(job, asset) for asset in job.assets]
        content = "\n".join(
            _figure(asset, *each) for asset, each in zip(job.assets, urls, strict=True)
        )
        content += f"\n<p>This link works until {_time(job.shared_until)}.</p>"
        return _page(200, root, "Shared image", content, [shown for shown, _ in urls])

    def _urls(self, job: Job, asset: Asset) -> tuple[str, str]:
        """Return the presigned URLs that show and that save an output."""
        location = S3Object(bucket=asset.bucket, key=asset.key)
        name = shared_name(job, asset)
        presign = self._references.presign
        return (
            presign(location, _FILE_SECONDS, disposition(name, asset.content_type)),
            presign(location, _FILE_SECONDS, attachment(name)),
        )


def _figure(asset: Asset, shown: str, saved: str) -> str:
    shown, saved = html.escape(shown), html.escape(saved)
    size = f' width="{asset.width}" height="{asset.height}"' if asset.width and asset.height else ""
    match asset.content_type.partition("/")[0]:
        case "image":
            element = f'<img src="{shown}" alt="The shared image"{size}>\n'
        case "video":
            element = f'<video src="{shown}" controls></video>\n'
        case "audio":
            element = f'<audio src="{shown}" controls></audio>\n'
        case _:
            element = ""
    return f'<figure>\n{element}<figcaption><a href="{saved}">Download</a></figcaption>\n</figure>'


def _page(status: int, root: str, title: str, content: str, urls: Iterable[str]) -> Response[str]:
    hosts = {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, urls)}
    media = " ".join(("'self'", *sorted(hosts)))
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        f"img-src {media}",
        f"media-src {media}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return Response(
        status_code=status,
        content_type=_HTML,
        body=_PAGE.format(title=title, folder=html.escape(studio.folder(root)), content=content),
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": "; ".join(policy),
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex, nofollow",
        },
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
