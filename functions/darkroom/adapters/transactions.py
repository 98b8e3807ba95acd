"""Changes of several items at once: all of them or none."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.adapters.items import (
    budget_key,
    change,
    claim_key,
    job_key,
    write_job,
)
from darkroom.adapters.line_item import line_update
from darkroom.domain.job import Hold, Job, Status
from darkroom.ports import Also, Claim, Hitch, LineChange, Release

_KEPT = timedelta(days=91)  # how long claims and budgets are: as long as records, at the least


def job_update(
    table: str, job_id: str, when: Sequence[Status], absent: str | None, changes: dict[str, object]
) -> dict[str, Any]:
    """Return the change of a record whose status is one of `when`, and that has no `absent`."""
    expression, names, values = change(changes)
    allowed = {f":when{n}": {"S": str(status)} for n, status in enumerate(when)}
    condition = f"#status IN ({', '.join(allowed)})"
    if absent:
        names["#absent"] = absent
        condition += " AND attribute_not_exists(#absent)"
    return {
        "TableName": table,
        "Key": job_key(job_id),
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names | {"#status": "status"},
        "ExpressionAttributeValues": values | allowed,
    }


def other(table: str, job_id: str, also: Also) -> tuple[dict[str, Any], Hitch]:
    """Return what else changes, and what it means if that is refused."""
    match also:
        case LineChange():
            return {"Update": line_update(table, also)}, Hitch.LINE
        case Claim():
            put = {
                "TableName": table,
                "Item": claim_key(also.prediction_id)
                | {"job_id": {"S": job_id}, "expires_at": _expiry()},
                "ConditionExpression": "attribute_not_exists(pk) OR job_id = :me",
                "ExpressionAttributeValues": {":me": {"S": job_id}},
            }
            return {"Put": put}, Hitch.CLAIM
        case Release():
            return {"Update": _hold(table, also.hold, -also.hold.micro_usd)}, Hitch.JOB


def creation(table: str, job: Job, caps: Sequence[int]) -> list[dict[str, Any]]:
    """Return what creates a record and holds its share of budgets."""
    put = {
        "TableName": table,
        "Item": write_job(job),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    items: list[dict[str, Any]] = [{"Put": put}]
    for hold, cap in zip(job.holds, caps, strict=True):
        update, room = _hold(table, hold, hold.micro_usd), cap - hold.micro_usd
        # Where nothing is held yet there is room, unless the price alone is above the cap.
        first = "attribute_not_exists(held) OR " if room >= 0 else ""
        update["ConditionExpression"] = f"{first}held <= :room"
        update["ExpressionAttributeValues"][":room"] = {"N": str(room)}
        items.append({"Update": update})
    return items


def _hold(table: str, hold: Hold, amount: int) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": budget_key(hold.day, hold.scope),
        "UpdateExpression": "ADD held :amount SET expires_at = :expiry",
        "ExpressionAttributeValues": {":amount": {"N": str(amount)}, ":expiry": _expiry()},
    }


def _expiry() -> dict[str, Any]:
    return {"N": str(int((datetime.now(UTC) + _KEPT).timestamp()))}
