"""What every route needs: the world, the caller's account, the JSON body, and scripted faults."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.provider.envelope import ApiError, scripted
from local.provider.fault_responses import Closed, Silent
from local.provider.faults import Call, Fault
from local.provider.ledger import Account
from local.provider.world import World

Answer = Callable[[], Awaitable[Response]]


def world_of(request: Request) -> World:
    """The simulator behind a request."""
    world: World = request.app.state.world
    return world


def authenticated(request: Request) -> Account:
    """The account of the bearer key. Raises ApiError with 401."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    account = world_of(request).ledger.accounts.get(key)
    if scheme.lower() != "bearer" or account is None:
        raise ApiError(401)
    return account


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object; an empty body is an empty one. Raises ApiError with 400."""
    raw = await request.body()
    try:
        body = json.loads(raw or b"{}")
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is not text
    except ValueError:
        raise ApiError(400, "request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "request body must be a JSON object")
    return body


def strike(request: Request, call: Call) -> Fault | None:
    """The fault that strikes this request, noted in the request log."""
    try:
        fault = world_of(request).faults.take(call)
    except ValueError as error:
        raise ApiError(400, str(error)) from error
    if fault is not None:
        request.scope["state"]["fault"] = fault.name.name
    return fault


async def answer_with(request: Request, call: Call | str, answer: Answer) -> Response:
    """The answer, or what a scripted fault makes of it."""
    fault = strike(request, Call(call) if isinstance(call, str) else call)
    return await answer() if fault is None else await spoil(request, fault, answer)


async def spoil(request: Request, fault: Fault, answer: Answer) -> Response:
    """What a fault makes of an answer; an `accepted` one has been carried out all the same."""
    params, kind, world = fault.params, fault.name.kind, world_of(request)
    if kind == "slow":
        accepted = await answer() if params.get("accepted") else None
        await world.pause(params["seconds"])
        return accepted or await answer()
    normal: Response = JSONResponse({"code": 200, "message": "success", "data": {}})
    if params.get("accepted", kind == "truncated"):
        normal = await answer()
    if normal.status_code != 200:
        return normal  # an invalid request is not accepted, whatever the script says
    return scripted(params) if kind == "http" else _broken(fault, normal, world)


def _broken(fault: Fault, normal: Response, world: World) -> Response:
    params = fault.params
    match fault.name.kind:
        case "close":
            return Closed(params["how"])
        case "hang":
            return Silent(params["seconds"], world.stopping)
        case "not_json":
            return PlainTextResponse("upstream connect error or disconnect/reset before headers")
        case "truncated":
            body = bytes(normal.body)
            kept = body[: int(len(body) * params["keep"])]
            return Response(kept, media_type="application/json")
        case "no_id":
            return _without_id(normal)
    return _body_code(params)


def _without_id(normal: Response) -> Response:
    body = json.loads(bytes(normal.body))
    body["data"].pop("id", None)
    return JSONResponse(body)


def _body_code(params: dict[str, Any]) -> Response:
    body = {"code": params["code"], "message": params["message"]}
    if params["error"]:
        body["data"] = {"status": "failed", "error": params["error"]}
    return JSONResponse(body)
