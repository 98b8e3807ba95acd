"""The CDN: outputs and uploads on a separate origin, without authentication."""

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from simulator.envelope import http_fault_response, xml_error
from simulator.fault_responses import (
    ClosedConnection,
    HangingResponse,
    OversizedResponse,
    SlowResponse,
    TruncatedResponse,
)
from simulator.faults import Call, Fault
from simulator.outputs import MIME
from simulator.request_handling import next_fault, world_of
from simulator.upload_routes import receive_put

_CACHED = {"Cache-Control": "public, max-age=31536000"}


async def get_output(request: Request) -> Response:
    """Serve an output of a completed prediction; the first request creates the file."""
    world = world_of(request)
    prediction, output = world.files.get(request.url.path, (None, None))
    if prediction is None or output is None:
        return xml_error(403)
    call = Call("cdn", prediction.prompt, prediction.model.id, scope=prediction.id)
    fault = next_fault(request, call)
    if fault is not None and fault.name.kind in _REPLACING_FAULTS:
        return _replacement(request, fault)
    now = world.clock.now()
    if prediction.is_removed(now) or not (prediction.is_finished(now) and prediction.plan.succeeds):
        return xml_error(404)
    path = await world.output_files.file(prediction, output)
    media_type = MIME[output.form]
    if fault is None:
        return FileResponse(path, media_type=media_type, headers=_CACHED)
    return await _altered(request, fault, await asyncio.to_thread(path.read_bytes), media_type)


async def get_upload(request: Request) -> Response:
    """Serve an uploaded file, or 403 until its bytes have arrived."""
    upload = world_of(request).uploads.get(request.url.path)
    if upload is None or upload.stored is None:
        return xml_error(403)
    return FileResponse(upload.stored, media_type=upload.content_type)


_REPLACING_FAULTS = ("http", "close", "hang", "empty", "html", "redirect", "huge")


def _replacement(request: Request, fault: Fault) -> Response:
    """Return the response that replaces the file."""
    params = fault.params
    form = MIME.get(request.url.path.rpartition(".")[2], "image/png")
    match fault.name.kind:
        case "close":
            return ClosedConnection(params["how"])
        case "hang":
            return HangingResponse(params["seconds"], world_of(request).stopping)
        case "empty":
            return Response(b"", media_type=form)
        case "html":
            page = "<html><body><h1>Please try again later</h1></body></html>"
            return HTMLResponse(page, headers={"Content-Type": params["content_type"]})
        case "redirect":
            return RedirectResponse(params["to"], params["status"])
        case "huge":
            return OversizedResponse(params["bytes"], form, declared=params["declared"])
    return http_fault_response(params)


async def _altered(request: Request, fault: Fault, body: bytes, media_type: str) -> Response:
    """Return the file with the fault applied."""
    params = fault.params
    match fault.name.kind:
        case "short" if params["kind"] == "length":
            return TruncatedResponse(body, media_type, params["keep"])
        case "short":
            return Response(body[: int(len(body) * params["keep"])], media_type=media_type)
        case "wrong_type":
            return Response(body, headers={"Content-Type": params["content_type"]})
    await world_of(request).pause(params["seconds"])
    if params["bytes_per_second"]:
        stopping = world_of(request).stopping
        return SlowResponse(body, media_type, params["bytes_per_second"], stopping)
    return Response(body, media_type=media_type)


ROUTES = [
    Route("/output/{name}", get_output),
    Route("/media/{folder}/images/{name}", get_upload),
    Route("/upload/{path:path}", receive_put, methods=["PUT"]),
]
