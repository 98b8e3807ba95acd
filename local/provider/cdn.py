"""The CDN: outputs and uploads on an origin of their own, for anyone who knows the address."""

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.provider.envelope import scripted, xml_error
from local.provider.fault_responses import Closed, Cut, Endless, Silent, Trickle
from local.provider.faults import Call, Fault
from local.provider.outputs import MIME
from local.provider.request_handling import strike, world_of
from local.provider.upload_routes import receive_put

_CACHED = {"Cache-Control": "public, max-age=31536000"}


async def get_output(request: Request) -> Response:
    """A file of a completed prediction; made now if nobody has looked at it before."""
    world = world_of(request)
    prediction, output = world.files.get(request.url.path, (None, None))
    if prediction is None or output is None:
        return xml_error(403)
    call = Call("cdn", prediction.prompt, prediction.model.id, scope=prediction.id)
    fault = strike(request, call)
    if fault is not None and fault.name.kind in _INSTEAD:
        return _instead(request, fault)
    now = world.clock.now()
    if prediction.is_gone(now) or not (prediction.is_finished(now) and prediction.plan.succeeds):
        return xml_error(404)
    path = await world.gallery.file(prediction, output)
    media_type = MIME[output.form]
    if fault is None:
        return FileResponse(path, media_type=media_type, headers=_CACHED)
    return await _bent(request, fault, await asyncio.to_thread(path.read_bytes), media_type)


async def get_upload(request: Request) -> Response:
    """An uploaded file, once its bytes are there."""
    upload = world_of(request).uploads.get(request.url.path)
    if upload is None or upload.stored is None:
        return xml_error(403)
    return FileResponse(upload.stored, media_type=upload.content_type)


_INSTEAD = ("http", "close", "hang", "empty", "html", "redirect", "huge")


def _instead(request: Request, fault: Fault) -> Response:
    """What is sent in place of the file."""
    params = fault.params
    form = MIME.get(request.url.path.rpartition(".")[2], "image/png")
    match fault.name.kind:
        case "close":
            return Closed(params["how"])
        case "hang":
            return Silent(params["seconds"], world_of(request).stopping)
        case "empty":
            return Response(b"", media_type=form)
        case "html":
            page = "<html><body><h1>Please try again later</h1></body></html>"
            return HTMLResponse(page, headers={"Content-Type": params["content_type"]})
        case "redirect":
            return RedirectResponse(params["to"], params["status"])
        case "huge":
            return Endless(params["bytes"], form, declared=params["declared"])
    return scripted(params)


async def _bent(request: Request, fault: Fault, body: bytes, media_type: str) -> Response:
    """The file, but not as it should be sent."""
    params = fault.params
    match fault.name.kind:
        case "short" if params["kind"] == "length":
            return Cut(body, media_type, params["keep"])
        case "short":
            return Response(body[: int(len(body) * params["keep"])], media_type=media_type)
        case "wrong_type":
            return Response(body, headers={"Content-Type": params["content_type"]})
    await world_of(request).pause(params["seconds"])
    if params["bytes_per_second"]:
        stopping = world_of(request).stopping
        return Trickle(body, media_type, params["bytes_per_second"], stopping)
    return Response(body, media_type=media_type)


ROUTES = [
    Route("/output/{name}", get_output),
    Route("/media/{folder}/images/{name}", get_upload),
    Route("/upload/{path:path}", receive_put, methods=["PUT"]),
]
