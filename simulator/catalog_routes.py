"""The routes for the model list and for price quotes."""

from starlette.requests import Request
from starlette.responses import Response

from simulator import prices
from simulator.catalog import CATALOG, Model
from simulator.envelope import ApiError, success
from simulator.faults import Call
from simulator.ledger import MICRO
from simulator.request_handling import (
    apply_response_fault,
    authenticated,
    json_object,
    next_fault,
    respond,
    world_of,
)
from simulator.schema import describe


def known_model(model_id: str) -> Model:
    """Return the model with this id. Raises ApiError with 404."""
    if model_id not in CATALOG:
        raise ApiError(404, "model not found")
    return CATALOG[model_id]


async def quote(request: Request) -> Response:
    """`POST /model/price` and the older `/model/pricing`: the price of these inputs."""
    account = authenticated(request)
    options, body = world_of(request).options, await json_object(request)
    is_older = request.url.path.endswith("pricing")
    if options.price_paths == ("newer" if is_older else "older"):
        raise ApiError(404)
    model, inputs = known_model(str(body.get("model_id"))), body.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise ApiError(400, "property 'inputs' must be an object")
    prompt = model.prompt(inputs)
    fault = next_fault(request, Call("price", prompt, model.id, scope=f"{account.number}:{prompt}"))
    factor = fault.params["factor"] if fault and fault.name.kind == "off" else 1

    async def make_response() -> Response:
        micro = factor * prices.price(options.prices, model.id, model.base_price, inputs)
        data = {
            "model_id": model.id,
            "unit_price" if is_older else "price": micro / MICRO,
            "discounted_price": prices.discounted(micro, options.discount_rate) / MICRO,
            "discount_rate": options.discount_rate,
            "currency": "USD",
        }
        return success(data)

    if fault is None or fault.name.kind == "off":
        return await make_response()
    return await apply_response_fault(request, fault, make_response)


async def get_models(request: Request) -> Response:
    """`GET /models`: the models with their schemas and price formulas."""
    world = world_of(request)
    authenticated(request)

    async def make_response() -> Response:
        table, models = world.options.prices, enumerate(CATALOG.values())
        return success([describe(model, table, n, world.origin) for n, model in models])

    return await respond(request, "models", make_response)
