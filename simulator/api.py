"""The provider's API: submit, result, list, delete, balance, models, prices, webhook secret."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import submissions
from simulator.billing import search_billings, usage_stats
from simulator.catalog_routes import get_models, known_model, quote
from simulator.envelope import ApiError, success
from simulator.faults import Call
from simulator.ledger import MICRO
from simulator.listing import list_predictions
from simulator.predictions import Prediction
from simulator.request_handling import (
    apply_response_fault,
    authenticated,
    json_object,
    next_fault,
    respond,
    world_of,
)
from simulator.schema import is_web_url
from simulator.upload_routes import create_presigned_upload, receive_form

FETCH_SECONDS = 15  # maximum wait for references once the clock was advanced past the end


async def submit(request: Request) -> Response:
    """`POST /{model}`: create a prediction and charge for it."""
    await request.body()  # so that the request log has the body even when the key is refused
    world, account = world_of(request), authenticated(request)
    model = known_model(request.path_params["model"])
    inputs = await json_object(request)
    prompt = model.prompt(inputs)

    async def make_response() -> Response:
        submissions.validate(world, model, inputs)
        webhook = request.query_params.get("webhook")
        if webhook is not None and not is_web_url(webhook):
            raise ApiError(400, "webhook must be a URL")
        if webhook and inputs.get("enable_base64_output"):
            return JSONResponse({"error": "base64 output cannot be used with a webhook"}, 400)
        try:
            prediction = submissions.create(world, account, model, inputs, webhook)
        except submissions.NoCreditError as error:
            return error.response()
        await submissions.wait_for_early_webhook(prediction)
        if inputs.get("enable_sync_mode"):
            return success(await submissions.wait_for_result(world, prediction))
        return success(prediction.accepted(world.origin))

    call = Call("submit", prompt, model.id, scope=f"{account.number}:{prompt}")
    return await respond(request, call, make_response)


async def get_result(request: Request) -> Response:
    """`GET /predictions/{id}` and `GET /predictions/{id}/result`."""
    prediction = _prediction(request)
    world = world_of(request)

    async def make_response() -> Response:
        end, now = prediction.plan.finished_at, world.clock.now()
        if prediction.reference_task and end is not None and end <= now:
            # The clock may have been advanced past the end while references are still downloading.
            await asyncio.wait([prediction.reference_task], timeout=FETCH_SECONDS)
        return success(await submissions.result(world, prediction))

    call = Call("poll", prediction.prompt, prediction.model.id, scope=prediction.id)
    fault = next_fault(request, call)
    if fault is not None and fault.name.kind == "stale":
        return success(prediction.unfinished(world.origin))
    return (
        await make_response()
        if fault is None
        else await apply_response_fault(request, fault, make_response)
    )


async def delete_one(request: Request) -> Response:
    """`DELETE /predictions/{id}`: delete the prediction and its outputs; the charge stays."""
    prediction = _prediction(request)

    async def make_response() -> Response:
        prediction.is_deleted = True
        return success({"id": prediction.id, "status": "deleted"})

    return await respond(request, "delete", make_response)


async def delete_many(request: Request) -> Response:
    """`POST /predictions/delete`: delete several predictions; unknown ids are ignored."""
    account = authenticated(request)
    ids = (await json_object(request)).get("ids")
    if not isinstance(ids, list):
        raise ApiError(400, "property 'ids' is required")

    async def make_response() -> Response:
        predictions = [p for p in world_of(request).predictions_of(account) if p.id in ids]
        for prediction in predictions:
            prediction.is_deleted = True
        return success({"deleted_count": len(predictions)})

    return await respond(request, "delete", make_response)


async def get_balance(request: Request) -> Response:
    """`GET /balance`: the balance in USD."""
    world, account = world_of(request), authenticated(request)

    async def make_response() -> Response:
        world.book_refunds()
        return success({"balance": world.ledger.balance(account) / MICRO})

    return await respond(request, "balance", make_response)


async def get_webhook_secret(request: Request) -> Response:
    """`GET /webhook/secret`: the secret of the key's account."""
    account = authenticated(request)

    async def make_response() -> Response:
        return success({"secret": account.secret})

    fault = next_fault(request, Call("secret"))
    if fault is not None and fault.name.kind == "plain":
        return success(account.secret)
    return (
        await make_response()
        if fault is None
        else await apply_response_fault(request, fault, make_response)
    )


def _prediction(request: Request) -> Prediction:
    account, world = authenticated(request), world_of(request)
    prediction = world.predictions.get(request.path_params["id"])
    gone = prediction is None or prediction.is_removed(world.clock.now())
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
    Route("/media/uploads", create_presigned_upload, methods=["POST"]),
    Route("/media/upload/binary", receive_form, methods=["POST"]),
    Route("/{model:path}", submit, methods=["POST"]),
]
