"""The provider's API: submit, result, list, delete, balance, models, prices, webhook secret."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.provider import submissions
from local.provider.billing import search_billings, usage_stats
from local.provider.catalog_routes import get_models, known_model, quote
from local.provider.envelope import ApiError, success
from local.provider.faults import Call
from local.provider.ledger import MICRO
from local.provider.listing import list_predictions
from local.provider.predictions import Prediction
from local.provider.request_handling import (
    answer_with,
    authenticated,
    json_object,
    spoil,
    strike,
    world_of,
)
from local.provider.schema import is_web_url
from local.provider.upload_routes import create_ticket, receive_form

FETCH_PATIENCE = 5


async def submit(request: Request) -> Response:
    """`POST /{model}`: a prediction, charged at once."""
    await request.body()  # so that the request log has it even when the key is refused
    world, account = world_of(request), authenticated(request)
    model = known_model(request.path_params["model"])
    inputs = await json_object(request)
    prompt = model.prompt(inputs)

    async def accept() -> Response:
        submissions.check(world, model, inputs)
        webhook = request.query_params.get("webhook")
        if webhook is not None and not is_web_url(webhook):
            raise ApiError(400, "webhook must be a URL")
        if webhook and inputs.get("enable_base64_output"):
            return JSONResponse({"error": "base64 output cannot be used with a webhook"}, 400)
        try:
            prediction = submissions.create(world, account, model, inputs, webhook)
        except submissions.NoCreditError as error:
            return error.response()
        await submissions.announce_early(prediction)
        if inputs.get("enable_sync_mode"):
            return success(await submissions.hold(world, prediction))
        return success(prediction.accepted(world.origin))

    call = Call("submit", prompt, model.id, scope=f"{account.number}:{prompt}")
    return await answer_with(request, call, accept)


async def get_result(request: Request) -> Response:
    """`GET /predictions/{id}` with and without `/result`."""
    prediction = _prediction(request)
    world = world_of(request)

    async def answer() -> Response:
        end, now = prediction.plan.finished_at, world.clock.now()
        if prediction.fetching and end is not None and end <= now:
            # The clock may have been moved past an end that the real network has yet to allow.
            await asyncio.wait([prediction.fetching], timeout=FETCH_PATIENCE)
        return success(await submissions.result(world, prediction))

    call = Call("poll", prediction.prompt, prediction.model.id, scope=prediction.id)
    fault = strike(request, call)
    if fault is not None and fault.name.kind == "stale":
        return success(prediction.unfinished(world.origin))
    return await answer() if fault is None else await spoil(request, fault, answer)


async def delete_one(request: Request) -> Response:
    """`DELETE /predictions/{id}`: the prediction and its outputs go; the charge stays."""
    prediction = _prediction(request)

    async def answer() -> Response:
        prediction.is_deleted = True
        return success({"id": prediction.id, "status": "deleted"})

    return await answer_with(request, "delete", answer)


async def delete_many(request: Request) -> Response:
    """`POST /predictions/delete`: unknown ids are ignored."""
    account = authenticated(request)
    ids = (await json_object(request)).get("ids")
    if not isinstance(ids, list):
        raise ApiError(400, "property 'ids' is required")

    async def answer() -> Response:
        found = [each for each in world_of(request).of(account) if each.id in ids]
        for prediction in found:
            prediction.is_deleted = True
        return success({"deleted_count": len(found)})

    return await answer_with(request, "delete", answer)


async def get_balance(request: Request) -> Response:
    """`GET /balance`, in USD."""
    world, account = world_of(request), authenticated(request)

    async def answer() -> Response:
        world.settle()
        return success({"balance": world.ledger.balance(account) / MICRO})

    return await answer_with(request, "balance", answer)


async def get_webhook_secret(request: Request) -> Response:
    """`GET /webhook/secret`: one for each key."""
    account = authenticated(request)

    async def answer() -> Response:
        return success({"secret": account.secret})

    fault = strike(request, Call("secret"))
    if fault is not None and fault.name.kind == "plain":
        return success(account.secret)
    return await answer() if fault is None else await spoil(request, fault, answer)


def _prediction(request: Request) -> Prediction:
    account, world = authenticated(request), world_of(request)
    prediction = world.predictions.get(request.path_params["id"])
    gone = prediction is None or prediction.is_gone(world.clock.now())
    if prediction is None or gone or prediction.account is not account:
        raise ApiError(404, "prediction not found")
    return prediction


ROUTES = [
    Route("/predictions", list_predictions, methods=["POST"]),
    Route("/predictions/delete", delete_many, methods=["POST"]),
    Route("/predictions/{id}/result", get_result),
    Route("/predictions/{id}", get_result),
    Route("/predictions/{id}", delete_one, methods=["DELETE"]),
    Route("/balance", get_balance),
    Route("/models", get_models),
    Route("/model/price", quote, methods=["POST"]),
    Route("/model/pricing", quote, methods=["POST"]),
    Route("/billings/search", search_billings, methods=["POST"]),
    Route("/user/usage_stats", usage_stats, methods=["POST"]),
    Route("/webhook/secret", get_webhook_secret),
    Route("/media/uploads", create_ticket, methods=["POST"]),
    Route("/media/upload/binary", receive_form, methods=["POST"]),
    Route("/{model:path}", submit, methods=["POST"]),
]
