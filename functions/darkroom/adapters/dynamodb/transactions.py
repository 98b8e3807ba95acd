"""DynamoDB requests of transactions: job updates, side writes and job creation."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.adapters.dynamodb.items import (
    budget_key,
    change,
    claim_key,
    job_key,
    write_job,
)
from darkroom.adapters.dynamodb.queue import queue_update
from darkroom.domain.job import Job, Reservation, Status
from darkroom.ports import Claim, Conflict, QueueChange, Release, SideWrite

_RETENTION = timedelta(days=91)  # of claims and budgets; the minimum retention of job records


def job_update(
    table: str, job_id: str, when: Sequence[Status], absent: str | None, changes: dict[str, object]
) -> dict[str, Any]:
    """Return the update of a record if its status is in `when` and `absent` is not set."""
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


def side_write_item(
    table: str, job_id: str, side_write: SideWrite
) -> tuple[dict[str, Any], Conflict]:
    """Return the transaction item of a side write, and the Conflict of its failed condition."""
    match side_write:
        case QueueChange():
            return {"Update": queue_update(table, side_write)}, Conflict.QUEUE
        case Claim():
            put = {
                "TableName": table,
                "Item": claim_key(side_write.prediction_id)
                | {"job_id": {"S": job_id}, "expires_at": _expiry()},
                "ConditionExpression": "attribute_not_exists(pk) OR job_id = :job_id",
                "ExpressionAttributeValues": {":job_id": {"S": job_id}},
            }
            return {"Put": put}, Conflict.CLAIM
        case Release():
            return {
                "Update": _reserve(table, side_write.reservation, -side_write.reservation.micro_usd)
            }, Conflict.JOB


def creation(table: str, job: Job, caps: Sequence[int]) -> list[dict[str, Any]]:
    """Return the transaction items that create a record and reserve its budgets."""
    put = {
        "TableName": table,
        "Item": write_job(job),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    items: list[dict[str, Any]] = [{"Put": put}]
    for reservation, cap in zip(job.reservations, caps, strict=True):
        update = _reserve(table, reservation, reservation.micro_usd)
        max_reserved = cap - reservation.micro_usd
        # The first reservation of a day fits unless the price alone exceeds the cap.
        first = "attribute_not_exists(reserved) OR " if max_reserved >= 0 else ""
        update["ConditionExpression"] = f"{first}reserved <= :max_reserved"
        update["ExpressionAttributeValues"][":max_reserved"] = {"N": str(max_reserved)}
        items.append({"Update": update})
    return items


def _reserve(table: str, reservation: Reservation, amount: int) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": budget_key(reservation.day, reservation.scope),
        "UpdateExpression": "ADD reserved :amount SET expires_at = :expiry",
        "ExpressionAttributeValues": {":amount": {"N": str(amount)}, ":expiry": _expiry()},
    }


def _expiry() -> dict[str, Any]:
    return {"N": str(int((datetime.now(UTC) + _RETENTION).timestamp()))}
