"""The admin API: script faults, advance the clock, change options, and read the records."""

from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import admin_webhooks
from simulator.clock import rfc3339
from simulator.envelope import ApiError
from simulator.fault_names import FAULTS
from simulator.faults import Rule
from simulator.ledger import MICRO, Account, Entry
from simulator.predictions import Prediction
from simulator.request_handling import json_object, world_of
from simulator.world import World


async def faults(request: Request) -> Response:
    """`/faults`: GET all rules, POST one rule, DELETE all rules."""
    world = world_of(request)
    if request.method == "DELETE":
        world.faults.clear()
    if request.method == "POST":
        try:
            rule = world.faults.add(Rule.model_validate(await json_object(request)))
        except ValueError as error:
            raise ApiError(400, _error_message(error)) from error
        return JSONResponse(rule.model_dump(), 201)
    return JSONResponse([rule.model_dump() for rule in world.faults.rules])


async def fault(request: Request) -> Response:
    """`DELETE /faults/{id}`: delete one rule."""
    if not world_of(request).faults.remove(request.path_params["id"]):
        raise ApiError(404, "no such rule")
    return Response(status_code=204)


async def fault_names(_: Request) -> Response:
    """`GET /fault-names`: every fault with its parameters and its effect."""
    names = [{"name": f.name, "params": f.defaults, "does": f.effect} for f in FAULTS.values()]
    return JSONResponse(names)


async def requests(request: Request) -> Response:
    """`/requests`: GET the log, filtered by origin, method, path, status and text, or DELETE it."""
    entries = world_of(request).requests
    if request.method == "DELETE":
        entries.clear()
    filters = request.query_params
    selected = [entry.to_json() for entry in entries]
    for field in ("origin", "method", "status"):
        if field in filters:
            selected = [entry for entry in selected if str(entry[field]) == filters[field]]
    selected = [entry for entry in selected if filters.get("path", "") in entry["path"]]
    selected = [entry for entry in selected if filters.get("contains", "") in str(entry["body"])]
    return JSONResponse(selected)


async def served(request: Request) -> Response:
    """`GET /served`: the length and SHA-256 of every body that the CDN sent, by path."""
    by_path: dict[str, list[dict[str, Any]]] = {}
    for entry in world_of(request).requests:
        if entry.origin == "cdn" and entry.method == "GET" and entry.response_sha256:
            body = {
                "sha256": entry.response_sha256,
                "length": entry.response_length,
                "status": entry.status,
                "is_complete": entry.is_complete,
                "fault": entry.fault,
            }
            by_path.setdefault(entry.path, []).append(body)
    return JSONResponse(by_path)


async def ledger(request: Request) -> Response:
    """`GET /ledger`: the charges and refunds, optionally of one `prediction`, and the balances."""
    world = world_of(request)
    world.book_refunds()
    prediction = request.query_params.get("prediction")
    entries = [e for e in world.ledger.entries if prediction in (None, e.prediction)]
    accounts = [_account(world, account) for account in world.ledger.accounts.values()]
    return JSONResponse(
        {"entries": [_entry_json(entry) for entry in entries], "accounts": accounts}
    )


async def predictions(request: Request) -> Response:
    """`GET /predictions`: all, oldest first, deleted ones included; filters: `status`, `model`."""
    world, filters = world_of(request), request.query_params
    bodies = [_prediction(world, prediction) for prediction in world.predictions.values()]
    for field in ("status", "model"):
        bodies = [body for body in bodies if filters.get(field) in (None, body[field])]
    return JSONResponse(bodies)


async def clock(request: Request) -> Response:
    """`/clock`: GET the time, or POST `{"advance": seconds}` to move it forward."""
    world = world_of(request)
    if request.method == "POST":
        seconds = (await json_object(request)).get("advance")
        if not isinstance(seconds, int | float) or seconds < 0:
            raise ApiError(400, "advance must be a number of seconds and not negative")
        world.clock.advance(seconds)
    return JSONResponse({"now": rfc3339(world.clock.now())})


async def balance(request: Request) -> Response:
    """`PUT /balance`: `{"usd": 1.5, "key": …}`; the default key is the first account's."""
    world, body = world_of(request), await json_object(request)
    account = world.ledger.account(body.get("key"))
    usd = body.get("usd")
    if account is None or not isinstance(usd, int | float):
        raise ApiError(400, "usd must be a number; key must be a known key or absent")
    world.book_refunds()
    world.ledger.set_balance(account, round(usd * MICRO))
    return JSONResponse(_account(world, account))


async def options(request: Request) -> Response:
    """`/options`: GET all, or PATCH some; changes apply to later submits."""
    world = world_of(request)
    if request.method == "PATCH":
        try:
            world.options = world.options.changed(await json_object(request))
        except ValidationError as error:
            raise ApiError(400, _error_message(error)) from error
    return JSONResponse(world.options.model_dump())


async def reset(request: Request) -> Response:
    """`POST /reset`: restore the initial state; the ports and the clock stay."""
    world_of(request).reset()
    return Response(status_code=204)


def _error_message(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return str(error)


def _account(world: World, account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "uuid": account.uuid,
        "key": f"…{account.key[-4:]}",
        "balance_micro_usd": world.ledger.balance(account),
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    amount = {"amount_micro_usd": entry.amount, "at": rfc3339(entry.at)}
    return {key: value for key, value in asdict(entry).items() if key != "amount"} | amount


def _prediction(world: World, prediction: Prediction) -> dict[str, Any]:
    plan, now = prediction.plan, world.clock.now()
    end = plan.finished_at
    return prediction.view(now, world.origin) | {
        "inputs": prediction.inputs,
        "account": prediction.account.name,
        "price_micro_usd": prediction.price,
        "webhook": prediction.webhook,
        "faults": prediction.faults,
        "starts_at": rfc3339(plan.started_at),
        "ends_at": None if end is None else rfc3339(end),
        "ends_as": plan.final,
        "is_deleted": prediction.is_deleted,
        "output_urls": [output.url for output in prediction.outputs],
    }


ROUTES = [
    Route("/faults", faults, methods=["GET", "POST", "DELETE"]),
    Route("/faults/{id:int}", fault, methods=["DELETE"]),
    Route("/fault-names", fault_names),
    Route("/requests", requests, methods=["GET", "DELETE"]),
    Route("/served", served),
    Route("/ledger", ledger),
    Route("/predictions", predictions),
    Route("/clock", clock, methods=["GET", "POST"]),
    Route("/balance", balance, methods=["PUT"]),
    Route("/options", options, methods=["GET", "PATCH"]),
    Route("/reset", reset, methods=["POST"]),
    *admin_webhooks.ROUTES,
]
