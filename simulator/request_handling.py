"""Shared parts of all routes: the world, the account, the JSON body and scripted faults."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from simulator.envelope import ApiError, http_fault_response
from simulator.fault_responses import ClosedConnection, HangingResponse
from simulator.faults import Call, Fault
from simulator.ledger import Account
from simulator.world import World

type MakeResponse = Callable[[], Awaitable[Response]]


def world_of(request: Request) -> World:
    """Return the state of the simulator that serves the request."""
    world: World = request.app.state.world
    return world


def authenticated(request: Request) -> Account:
    """Return the account of the bearer key. Raises ApiError with 401."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    account = world_of(request).ledger.accounts.get(key)
    if scheme.lower() != "bearer" or account is None:
        raise ApiError(401)
    return account


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body as an object, {} for an empty body. Raises ApiError with 400."""
    raw = await request.body()
    try:
        body = json.loads(raw or b"{}")
        json.dumps(body, ensure_ascii=False).encode()  # rejects unpaired surrogates
    except ValueError:
        raise ApiError(400, "request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "request body must be a JSON object")
    return body


def next_fault(request: Request, call: Call) -> Fault | None:
    """Return the fault that applies to this request, and record it in the request log."""
    try:
        fault = world_of(request).faults.take(call)
    except ValueError as error:
        raise ApiError(400, str(error)) from error
    if fault is not None:
        request.scope["state"]["fault"] = fault.name.name
    return fault


async def respond(request: Request, call: Call | str, make_response: MakeResponse) -> Response:
    """Return the response, with the next fault applied if there is one."""
    fault = next_fault(request, Call(call) if isinstance(call, str) else call)
    if fault is None:
        return await make_response()
    return await apply_response_fault(request, fault, make_response)


async def apply_response_fault(
    request: Request, fault: Fault, make_response: MakeResponse
) -> Response:
    """Return the faulty response. With `accepted`, the request takes effect nevertheless."""
    params, kind, world = fault.params, fault.name.kind, world_of(request)
    if kind == "slow":
        accepted = await make_response() if params.get("accepted") else None
        await world.pause(params["seconds"])
        return accepted or await make_response()
    normal: Response = JSONResponse({"code": 200, "message": "success", "data": {}})
    if params.get("accepted", kind == "truncated"):
        normal = await make_response()
    if normal.status_code != 200:
        return normal  # an invalid request is refused as usual
    return http_fault_response(params) if kind == "http" else _fault_response(fault, normal, world)


def _fault_response(fault: Fault, normal: Response, world: World) -> Response:
    params = fault.params
    match fault.name.kind:
        case "close":
            return ClosedConnection(params["how"])
        case "hang":
            return HangingResponse(params["seconds"], world.stopping)
        case "not_json":
            return PlainTextResponse("upstream connect error or disconnect/reset before headers")
        case "truncated":
            body = bytes(normal.body)
            kept = body[: int(len(body) * params["keep"])]
            return Response(kept, media_type="application/json")
        case "redirect":
            return RedirectResponse(params["to"], params["status"])
        case "no_id":
            return _response_without_id(normal)
    return _error_in_200(params)


def _response_without_id(normal: Response) -> Response:
    body = json.loads(bytes(normal.body))
    body["data"].pop("id", None)
    return JSONResponse(body)


def _error_in_200(params: dict[str, Any]) -> Response:
    body = {"code": params["code"], "message": params["message"]}
    if params["error"]:
        body["data"] = {"status": "failed", "error": params["error"]}
    return JSONResponse(body)
