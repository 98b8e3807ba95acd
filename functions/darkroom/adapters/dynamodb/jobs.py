"""Job records, and the items that change with them: prediction claims and budget reservations."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

from darkroom.adapters.dynamodb.items import (
    CAPS,
    JOB,
    Item,
    budget_key,
    cap_item,
    cap_key,
    claim_key,
    job_key,
    to_attribute,
    to_attributes,
    to_fields,
)
from darkroom.adapters.dynamodb.operations import MAX_ITEMS, Table, record_update
from darkroom.adapters.dynamodb.queue import provider_update, queue_update
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import CHAIN_STATE, Job, Reservation, Status
from darkroom.ports import (
    Claim,
    Conflict,
    Cursor,
    ProviderChange,
    QueueChange,
    Release,
    Reserved,
    SideWrite,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RETENTION = timedelta(days=91)  # of claims and budgets; the minimum retention of job records


class JobTable:
    """Port `Jobs` on the job table: one item per job; every change is conditional."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        """Store a new record with its reservations; return False if a record with this id exists.

        `caps`: the budget of each reservation, in micro-USD. Raises BudgetExceededError if a
        reservation does not fit into its budget.
        """
        put = {"Item": _write(job), "ConditionExpression": "attribute_not_exists(pk)"}
        reservations = [
            {"Update": _reserve(reservation, cap)}
            for reservation, cap in zip(job.first_reservations, caps, strict=True)
        ]
        failed = self._table.transact([{"Put": put}, *reservations])
        if 0 in failed:
            return False
        for index in failed:
            reservation, cap = job.first_reservations[index - 1], caps[index - 1]
            raise BudgetExceededError(reservation.scope, cap, None, reservation.micro_usd)
        return True

    def change_chain(
        self,
        root: Job,
        *,
        create: Job | None = None,
        release: Sequence[Reservation] = (),
        reserve: Sequence[tuple[Reservation, int]] = (),
        **changes: object,
    ) -> bool:
        """Change the chain of `root`; return False, without a change, if it is no longer `root`'s.

        Also False if the record `create` exists. Raises BudgetExceededError if one of `reserve`
        does not fit into its budget.
        """
        update = _chain_update(root, changes)
        if create is None and not release and not reserve:  # a transaction costs twice as much
            return self._table.update(update) is not None
        writes: list[dict[str, Any]] = [{"Update": update}]
        if create is not None:
            put = {"Item": _write(create), "ConditionExpression": "attribute_not_exists(pk)"}
            writes.append({"Put": put})
        records = len(writes)
        writes += [{"Update": _reserve(reservation, cap)} for reservation, cap in reserve]
        writes += [{"Update": _add_reserved(r, -r.micro_usd)} for r in release]
        failed = self._table.transact(writes)
        if any(index < records for index in failed):
            return False
        for index in failed:
            reservation, cap = reserve[index - records]
            raise BudgetExceededError(reservation.scope, cap, None, reservation.micro_usd)
        return True

    def get(self, job_id: str) -> Job | None:
        """Return the record, or None if it does not exist; a consistent read."""
        item = self._table.get(job_key(job_id))
        return None if item is None else read_job(item)

    def update(
        self,
        job_id: str,
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | None:
        """Change fields if the status is in `when`; return the new record, or None if it is not.

        `absent`: fields that must not be set, as a second condition.
        """
        update = record_update(job_key(job_id), when, changes, absent)
        item = self._table.update(update | {"ReturnValues": "ALL_NEW"})
        return None if item is None else read_job(item)

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | Conflict:
        """Update the record together with `side_writes` in one transaction.

        Return the new record, or the Conflict that rolled the transaction back.
        """
        if not side_writes:  # a transaction costs twice as much
            return self.update(job_id, when=when, absent=absent, **changes) or Conflict.JOB
        others = [_side_write(job_id, side_write) for side_write in side_writes]
        update = record_update(job_key(job_id), when, changes, absent)
        failed = self._table.transact([{"Update": update}, *(write for write, _ in others)])
        if failed:
            # A conflict on the record takes precedence over one of a side write.
            return Conflict.JOB if failed[0] == 0 else others[failed[0] - 1][1]
        job = self.get(job_id)
        return Conflict.JOB if job is None else job

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return at most 100 jobs, newest first, and the cursor of the next page; None at the end.

        `caller` None lists the jobs of all callers.
        """
        items, cursor = self._table.page(JOB, caller, limit=limit, after=after)
        return list(map(read_job, items)), cursor

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return at most 100 jobs whose `sweep_after` has passed, the earliest first."""
        return list(map(read_job, self._table.due(JOB, before, limit)))

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return the existing records of `job_ids`; consistent reads."""
        return [
            read_job(item)
            for keys in batched(map(job_key, job_ids), MAX_ITEMS, strict=False)
            for item in self._table.many(keys, consistent=True)
        ]


class ClaimTable:
    """Port `Claims` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def owner(self, prediction_id: str) -> str | None:
        """Return the id of the job that claimed the prediction, or None."""
        item = self._table.get(claim_key(prediction_id))
        return None if item is None else item["job_id"]["S"]


class BudgetTable:
    """Port `Budgets` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def reserved(self, day: date, scope: str) -> Reserved:
        """Return the amount reserved of a budget on a day; a consistent read."""
        item = self._table.get(budget_key(day, scope)) or {}
        return Reserved(int(item.get("reserved", {"N": "0"})["N"]), "warned" in item)

    def warn(self, day: date, scope: str) -> None:
        """Record that the event for the budget threshold was published."""
        self._table.update(
            {
                "Key": budget_key(day, scope),
                "UpdateExpression": "SET warned = :yes",
                "ExpressionAttributeValues": {":yes": {"BOOL": True}},
            }
        )

    def cap(self, caller: str) -> int | None:
        """Return the daily budget of a caller in micro-USD, or None; a consistent read."""
        item = self._table.get(cap_key(caller))
        return None if item is None else int(item["micro_usd"]["N"])

    def caps(self) -> dict[str, int]:
        """Return the daily budgets of all callers that have one."""
        items = self._table.query("pk = :pk", {":pk": CAPS})
        return {item["sk"]["S"]: int(item["micro_usd"]["N"]) for item in items}

    def set_cap(self, caller: str, micro_usd: int | None) -> None:
        """Set the daily budget of a caller; None lifts it."""
        if micro_usd is None:
            self._table.transact([{"Delete": {"Key": cap_key(caller)}}])
        else:
            self._table.put(cap_item(caller, micro_usd))


def read_job(item: Item) -> Job:
    """Return the record in an item."""
    return Job.model_validate(to_fields(item))


def _chain_update(root: Job, changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the update of a chain that is still in the state of `root`."""
    update = record_update(job_key(root.job_id), list(Status), changes)
    conditions = [update["ConditionExpression"]]
    for number, name in enumerate(CHAIN_STATE):
        value = getattr(root, name)
        update["ExpressionAttributeNames"][f"#chain{number}"] = name
        condition = f"#chain{number} = :chain{number}"
        if value is None:
            condition = f"attribute_not_exists(#chain{number})"
        else:
            update["ExpressionAttributeValues"][f":chain{number}"] = to_attribute(name, value)
            if value == Job.model_fields[name].default:  # a new record lacks it
                condition = f"({condition} OR attribute_not_exists(#chain{number}))"
        conditions.append(condition)
    return update | {"ConditionExpression": " AND ".join(conditions)}


def _write(job: Job) -> dict[str, Any]:
    """Return a record as an item, without fields that have their default value.

    Write units are counted per kilobyte. Conditions read the status, so the item always has it.
    """
    defaults = Job.model_fields
    kept = (
        (name, value) for name, value in job if name == "status" or value != defaults[name].default
    )
    return job_key(job.job_id) | to_attributes(kept)


def _side_write(job_id: str, side_write: SideWrite) -> tuple[dict[str, Any], Conflict]:
    """Return the write of a side write, and the Conflict of its failed condition."""
    match side_write:
        case QueueChange():
            return {"Update": queue_update(side_write)}, Conflict.QUEUE
        case ProviderChange():
            return {"Update": provider_update(side_write)}, Conflict.QUEUE
        case Claim():
            put = {
                "Item": claim_key(side_write.prediction_id)
                | {"job_id": {"S": job_id}, "expires_at": _expiry()},
                "ConditionExpression": "attribute_not_exists(pk) OR job_id = :job_id",
                "ExpressionAttributeValues": {":job_id": {"S": job_id}},
            }
            return {"Put": put}, Conflict.CLAIM
        case Release():
            reservation = side_write.reservation
            return {"Update": _add_reserved(reservation, -reservation.micro_usd)}, Conflict.JOB


def _reserve(reservation: Reservation, cap: int) -> dict[str, Any]:
    """Return the update that adds a reservation if it fits into its budget `cap`."""
    update = _add_reserved(reservation, reservation.micro_usd)
    max_reserved = cap - reservation.micro_usd
    # The first reservation of a day fits unless the price alone exceeds the cap.
    first = "attribute_not_exists(reserved) OR " if max_reserved >= 0 else ""
    update["ConditionExpression"] = f"{first}reserved <= :max_reserved"
    update["ExpressionAttributeValues"][":max_reserved"] = {"N": str(max_reserved)}
    return update


def _add_reserved(reservation: Reservation, amount: int) -> dict[str, Any]:
    return {
        "Key": budget_key(reservation.day, reservation.scope),
        "UpdateExpression": "ADD reserved :amount SET expires_at = :expiry",
        "ExpressionAttributeValues": {":amount": {"N": str(amount)}, ":expiry": _expiry()},
    }


def _expiry() -> dict[str, Any]:
    return {"N": str(int((datetime.now(UTC) + _RETENTION).timestamp()))}
