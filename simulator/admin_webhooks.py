"""The webhook routes of the admin API: the deliveries, replays and secrets."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.envelope import ApiError
from simulator.request_handling import json_object, world_of
from simulator.webhook_delivery import replay


async def deliveries(request: Request) -> Response:
    """`GET /webhooks`: all deliveries, posted or withheld, optionally of one `prediction`."""
    prediction = request.query_params.get("prediction")
    selected = [d for d in world_of(request).deliveries if prediction in (None, d.prediction)]
    return JSONResponse([delivery.to_json() for delivery in selected])


async def replay_delivery(request: Request) -> Response:
    """`POST /webhooks/replay`: post `{"number": 1}` or the last of `{"prediction": id}` again."""
    world, body = world_of(request), await json_object(request)
    prediction, number = body.get("prediction"), body.get("number")
    matches = [d for d in world.deliveries if d.prediction == prediction or d.number == number]
    if not matches:
        raise ApiError(404, "no such delivery")
    replayed = await replay(world, matches[-1])
    return JSONResponse(replayed.to_json())


async def webhook_secret(request: Request) -> Response:
    """`/webhook-secret` of a `key` (default: the first): GET it, or POST to replace it."""
    body = await json_object(request)
    key, secret = body.get("key") or request.query_params.get("key"), body.get("secret")
    account = world_of(request).ledger.account(key)
    if account is None or not isinstance(secret, str | None):
        raise ApiError(400, "key must be a known key or absent; secret must be text or absent")
    if request.method == "POST":
        account.rotate_secret(secret)
    return JSONResponse({"name": account.name, "secret": account.secret})


ROUTES = [
    Route("/webhooks", deliveries),
    Route("/webhooks/replay", replay_delivery, methods=["POST"]),
    Route("/webhook-secret", webhook_secret, methods=["GET", "POST"]),
]
