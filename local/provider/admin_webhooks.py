"""The admin API's part about webhooks: what was posted, once more, and the secrets."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.provider.envelope import ApiError
from local.provider.request_handling import json_object, world_of
from local.provider.webhook_delivery import replay


async def deliveries(request: Request) -> Response:
    """`GET /webhooks`: all that were posted or kept back, or those of one `prediction`."""
    only = request.query_params.get("prediction")
    found = [d for d in world_of(request).deliveries if only in (None, d.prediction)]
    return JSONResponse([delivery.to_json() for delivery in found])


async def replay_one(request: Request) -> Response:
    """`POST /webhooks/replay`: `{"prediction": id}`, its last delivery, or `{"number": 1}`."""
    world, body = world_of(request), await json_object(request)
    wanted = body.get("prediction"), body.get("number")
    found = [d for d in world.deliveries if d.prediction == wanted[0] or d.number == wanted[1]]
    if not found:
        raise ApiError(404, "no such delivery")
    again = await replay(world, found[-1])
    return JSONResponse(again.to_json())


async def secret(request: Request) -> Response:
    """`/webhook-secret` of a `key`, or of the first: GET it, or POST to have another one."""
    body = await json_object(request)
    key, wanted = body.get("key") or request.query_params.get("key"), body.get("secret")
    account = world_of(request).ledger.account(key)
    if account is None or not isinstance(wanted, str | None):
        raise ApiError(400, "needs a known key or none, and a secret as text or none")
    if request.method == "POST":
        account.rotate_secret(wanted)
    return JSONResponse({"name": account.name, "secret": account.secret})


ROUTES = [
    Route("/webhooks", deliveries),
    Route("/webhooks/replay", replay_one, methods=["POST"]),
    Route("/webhook-secret", secret, methods=["GET", "POST"]),
]
