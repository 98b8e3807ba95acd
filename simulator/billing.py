"""Billing: the charges and refunds of predictions, and totals by model and day."""

from collections import defaultdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator.catalog import CATALOG
from simulator.clock import DAY, rfc3339
from simulator.envelope import ApiError, success
from simulator.ledger import MICRO, Account, Entry
from simulator.listing import is_within, page_of, query_time
from simulator.request_handling import authenticated, json_object, respond, world_of
from simulator.world import World


async def search_billings(request: Request) -> Response:
    """`POST /billings/search`: the only API that links a charge to its prediction."""
    world, account = world_of(request), authenticated(request)
    query = await json_object(request)
    page, size = page_of(query)
    kind = query.get("billing_type")
    if kind not in (None, "", "deduct", "refund"):
        raise ApiError(400, "billing_type must be one of: deduct, refund")

    async def make_response() -> Response:
        entries = [
            entry
            for entry in _entries(world, account, query)
            if kind in (None, "", entry.kind)
            and query.get("access_key_uuid") in (None, "", account.uuid)
        ]
        entries.reverse()
        first = (page - 1) * size
        items = [_item(world, account, entry) for entry in entries[first : first + size]]
        return success({"page": page, "has_more": first + size < len(entries), "items": items})

    return await respond(request, "billing", make_response)


async def usage_stats(request: Request) -> Response:
    """`POST /user/usage_stats`: totals of at most 31 days."""
    world, account = world_of(request), authenticated(request)
    query = await json_object(request)
    start, end = query_time(query, "start_time"), query_time(query, "end_time")
    if start is None or end is None or not 0 <= end - start <= 31 * DAY:
        raise ApiError(400, "start_time and end_time must span at most 31 days")

    async def make_response() -> Response:
        entries = _entries(world, account, query)
        charges = [entry for entry in entries if entry.kind == "deduct"]
        now = world.clock.now()
        completed = [
            e for e in charges if world.predictions[e.prediction].status(now) == "completed"
        ]
        summary = {
            "total_cost": _usd(charges),
            "total_requests": len(charges),
            "success_requests": len(completed),
        }
        return success(
            {
                "per_model_usage": _by_model(charges),
                "daily_usage": _by_day(charges),
                "summary": summary,
            }
        )

    return await respond(request, "billing", make_response)


def _entries(world: World, account: Account, query: dict[str, Any]) -> list[Entry]:
    world.book_refunds()
    window = query_time(query, "start_time"), query_time(query, "end_time")
    model = query.get("model_uuid")
    return [
        entry
        for entry in world.ledger.entries
        if entry.account == account.uuid
        and is_within(entry.at, *window)
        and model in (None, "", entry.model)
    ]


def _item(world: World, account: Account, entry: Entry) -> dict[str, Any]:
    prediction = world.predictions[entry.prediction]
    return {
        "uuid": entry.uuid,
        "billing_type": entry.kind,
        "price": entry.amount / MICRO,
        "created_at": rfc3339(entry.at),
        "access_key_name": account.name,
        "access_key_uuid": account.uuid,
        "order": {},
        "prediction": {
            "uuid": entry.prediction,
            "model_uuid": entry.model,
            "status": prediction.status(world.clock.now()),
        },
        "consumption": None,
    }


def _usd(entries: list[Entry]) -> float:
    return sum(entry.amount for entry in entries) / MICRO


def _by_model(charges: list[Entry]) -> list[dict[str, Any]]:
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in charges:
        groups[entry.model].append(entry)
    return [
        {
            "model_uuid": model,
            "model_type": CATALOG[model].type,
            "unit_price": _usd(entries) / len(entries),
            "total_cost": _usd(entries),
            "total_count": len(entries),
            "last_used_date": rfc3339(entries[-1].at)[:10],
        }
        for model, entries in groups.items()
    ]


def _by_day(charges: list[Entry]) -> list[dict[str, Any]]:
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in charges:
        groups[rfc3339(entry.at)[:10]].append(entry)
    return [
        {"date": day, "amount": _usd(entries), "count": len(entries), "models": _by_model(entries)}
        for day, entries in groups.items()
    ]
