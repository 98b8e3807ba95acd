"""Items of the table: their keys, and the conversion between records and DynamoDB types."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel

from darkroom.domain.job import Job

SORT_KEY = "JOB"
BATCH_SORT_KEY = "BATCH"
REFUSALS = "ROW#"
serialize = TypeSerializer().serialize
deserialize = TypeDeserializer().deserialize
# Stored as JSON text, so that numbers of the provider's input are read back unchanged.
_AS_TEXT = frozenset({"input"})


def job_key(job_id: str) -> dict[str, Any]:
    """Return the key of a job's record."""
    return {"pk": {"S": partition(job_id)}, "sk": {"S": SORT_KEY}}


def partition(job_id: str) -> str:
    """Return the partition key of a job's record."""
    return f"JOB#{job_id}"


def queue_key(index: int = 0) -> dict[str, Any]:
    """Return the key of a queue shard."""
    return {"pk": {"S": "QUEUE"}, "sk": {"S": f"QUEUE#{index}" if index else "QUEUE"}}


def shard_number(item: Mapping[str, Any]) -> int:
    """Return the index of the queue shard in an item."""
    return int(item["sk"]["S"].partition("#")[2] or 0)


def claim_key(prediction_id: str) -> dict[str, Any]:
    """Return the key of a prediction's claim."""
    return {"pk": {"S": f"CLAIM#{prediction_id}"}, "sk": {"S": "CLAIM"}}


def budget_key(day: date, scope: str) -> dict[str, Any]:
    """Return the key of a budget's reservations on a day."""
    return {"pk": {"S": f"BUDGET#{day.isoformat()}"}, "sk": {"S": scope}}


def batch_key(batch_id: str) -> dict[str, Any]:
    """Return the key of a batch's record."""
    return {"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": BATCH_SORT_KEY}}


def refusal_key(batch_id: str, row: int) -> dict[str, Any]:
    """Return the key of a row's refusal; it sorts after the batch's record."""
    return {"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": f"{REFUSALS}{row:08}"}}


def write_job(job: Job) -> dict[str, Any]:
    """Return a record as an item, without fields that have their default value.

    Write units are counted per kilobyte. Conditions read the status, so the item always has it.
    """
    fields = Job.model_fields
    return job_key(job.job_id) | {
        name: serialize(plain(name, value))
        for name, value in job
        if name == "status" or value != fields[name].default
    }


def read_job(item: Mapping[str, Any]) -> Job:
    """Return the record in an item."""
    values = {name: deserialize(value) for name, value in item.items()}
    for name in _AS_TEXT:
        values[name] = json.loads(values[name])
    return Job.model_validate(values)


def plain(name: str, value: object) -> object:
    """Return `value` converted to types that DynamoDB supports."""
    if name in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False)
    match value:
        case BaseModel():
            return {k: v for k, v in value.model_dump(mode="json").items() if v is not None}
        case datetime():
            return value.isoformat()
        case str():
            return str(value)  # also string enums
        case float():
            return Decimal(str(value))
        case list() | tuple():
            return [plain("", item) for item in value]
        case _:
            return value


def change(changes: Mapping[str, object]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return an update expression with its names and values; None removes the attribute."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    sets, removes = [], []
    for index, (name, value) in enumerate(changes.items()):
        names[f"#{index}"] = name
        if value is None:
            removes.append(f"#{index}")
        else:
            sets.append(f"#{index} = :{index}")
            values[f":{index}"] = serialize(plain(name, value))
    expression = f"SET {', '.join(sets)} " if sets else ""
    return expression + (f"REMOVE {', '.join(removes)}" if removes else ""), names, values
