"""`POST /predictions`: an account's predictions of the last seven days, newest first."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator.clock import SECOND, parse_time
from simulator.envelope import ApiError, success
from simulator.faults import Call
from simulator.predictions import Prediction
from simulator.request_handling import (
    apply_response_fault,
    authenticated,
    json_object,
    next_fault,
    world_of,
)
from simulator.world import World


async def list_predictions(request: Request) -> Response:
    """Return one page; `list.lag`, `list.no_inputs` and `list.shift` change its content."""
    world, account = world_of(request), authenticated(request)
    query = await json_object(request)
    page_of(query)
    fault = next_fault(request, Call("list", model=str(query.get("model") or "")))
    kind, params = (fault.name.kind, fault.params) if fault else ("", {})

    async def make_response() -> Response:
        lag = world.options.list_lag_seconds + (params["seconds"] if kind == "lag" else 0)
        newest = world.clock.now() - round(lag * SECOND)
        listed = [p for p in world.predictions_of(account) if _listed_at(p) <= newest]
        selected = [p for p in reversed(listed) if _matches(world, p, query)]
        page, size = page_of(query)
        first = (page - 1) * size + (params["by"] if kind == "shift" else 0)
        with_inputs = query.get("include_inputs") is True and kind != "no_inputs"
        items = [_item(world, p, with_inputs=with_inputs) for p in selected[first : first + size]]
        return success({"page": page, "page_size": size, "total": len(selected), "items": items})

    if fault is None or kind in ("lag", "no_inputs", "shift"):
        return await make_response()
    return await apply_response_fault(request, fault, make_response)


def page_of(query: dict[str, Any]) -> tuple[int, int]:
    """Return the page and the page size. Raises ApiError with 400 for a value out of range."""
    page, size = query.get("page", 1), query.get("page_size", 20)
    if not isinstance(page, int) or page < 1:
        raise ApiError(400, "page must be at least 1")
    if not isinstance(size, int) or not 1 <= size <= 100:
        raise ApiError(400, "page_size must be between 1 and 100")
    return page, size


def query_time(query: dict[str, Any], name: str) -> int | None:
    """Return a time of the query in nanoseconds. Raises ApiError with 400 unless ISO 8601."""
    text = query.get(name)
    if text is None:
        return None
    try:
        return parse_time(str(text))
    except ValueError:
        raise ApiError(400, f"{name} must be an ISO 8601 time") from None


def is_within(at: int, after: int | None, before: int | None) -> bool:
    """Return whether a moment is in a window; a bound of None is open."""
    return (after is None or at >= after) and (before is None or at <= before)


def _listed_at(prediction: Prediction) -> int:
    delay: float = prediction.fault_params.get("unlisted", {"seconds": 0})["seconds"]
    return prediction.created_at + round(delay * SECOND)


def _matches(world: World, prediction: Prediction, query: dict[str, Any]) -> bool:
    window = query_time(query, "created_after"), query_time(query, "created_before")
    model, status = query.get("model"), query.get("status")
    return (
        is_within(prediction.created_at, *window)
        and model in (None, "", prediction.model.id)
        and status in (None, "", prediction.status(world.clock.now()))
    )


def _item(world: World, prediction: Prediction, *, with_inputs: bool) -> dict[str, Any]:
    item = prediction.view(world.clock.now(), world.origin)
    if with_inputs and "unlisted_inputs" not in prediction.fault_params:
        item["inputs"] = prediction.inputs
    return item
