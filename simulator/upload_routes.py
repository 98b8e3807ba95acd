"""The two ways to upload a reference: a presigned PUT and a multipart form."""

import mimetypes
from pathlib import Path
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from simulator.clock import SECOND, rfc3339
from simulator.envelope import ApiError, success, xml_error
from simulator.request_handling import authenticated, json_object, respond, world_of
from simulator.uploads import Upload
from simulator.world import World

LARGEST = 200 * 1024 * 1024
PRESIGNED_LIFETIME = 3600 * SECOND
FORMATS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tiff", "mp4", "mov", "webm", "mp3", "wav")


def _new(world: World, filename: str, size: int, content_type: str | None) -> Upload:
    ending = Path(filename).suffix.lower().removeprefix(".")
    if ending and ending not in FORMATS:
        raise ApiError(400, f"unsupported file type: {ending}")
    if size > LARGEST:
        raise ApiError(413, "file is too large")
    kind = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
    path = f"/media/{uuid4().hex}/images/{len(world.uploads) + 1}.{ending or 'bin'}"
    upload = Upload(path, filename, size, kind, world.clock.now() + PRESIGNED_LIFETIME)
    world.uploads[path] = upload
    return upload


async def create_presigned_upload(request: Request) -> Response:
    """`POST /media/uploads`: return the URL and the headers for the PUT of the bytes."""
    authenticated(request)
    body = await json_object(request)

    async def make_response() -> Response:
        world = world_of(request)
        filename, size, kind = body.get("filename"), body.get("size"), body.get("content_type")
        if not isinstance(filename, str) or not filename:
            raise ApiError(400, "property 'filename' is required")
        if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
            raise ApiError(400, "property 'size' must be a positive integer")
        upload = _new(world, filename, size, kind if isinstance(kind, str) else None)
        instruction = {
            "method": "PUT",
            "url": f"{world.cdn_origin}/upload{upload.path}",
            "headers": upload.headers,
            "expires_at": rfc3339(upload.expires_at),
        }
        return success(upload.to_json(world.cdn_origin) | {"upload": instruction})

    return await respond(request, "upload", make_response)


async def receive_form(request: Request) -> Response:
    """`POST /media/upload/binary`: store the file of a multipart form."""
    authenticated(request)
    async with request.form() as form:
        file = form.get("file")
        content = await file.read() if isinstance(file, UploadFile) else None
        name = file.filename if isinstance(file, UploadFile) else None
        kind = file.content_type if isinstance(file, UploadFile) else None

    async def make_response() -> Response:
        if not content:
            raise ApiError(400, "form field 'file' is required")
        world = world_of(request)
        upload = _new(world, name or "upload", len(content), kind)
        _store(world, upload, content)
        return success(upload.to_json(world.cdn_origin))

    return await respond(request, "upload", make_response)


async def receive_put(request: Request) -> Response:
    """The presigned PUT on the CDN origin: no key, exactly the signed headers, only once."""
    world = world_of(request)
    upload = world.uploads.get(request.url.path.removeprefix("/upload"))
    content = await request.body()
    if upload is None or world.clock.now() > upload.expires_at:
        return xml_error(403)
    if any(request.headers.get(name) != value for name, value in upload.headers.items()):
        return xml_error(403)
    if "authorization" in request.headers or len(content) != upload.size:
        return xml_error(400)
    if upload.stored:
        return xml_error(412)
    _store(world, upload, content)
    return Response(status_code=200)


def _store(world: World, upload: Upload, content: bytes) -> None:
    upload.stored = world.folder / f"upload-{uuid4().hex}"
    upload.stored.write_bytes(content)
