"""The table's items: the keys of each kind, and the way between records and DynamoDB's types."""

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
# Kept as JSON text: a number of the provider's input must come back as it went in.
_AS_TEXT = frozenset({"input"})


def job_key(job_id: str) -> dict[str, Any]:
    """Return the key of a job's record."""
    return {"pk": {"S": partition(job_id)}, "sk": {"S": SORT_KEY}}


def partition(job_id: str) -> str:
    """Return the partition of a job's record."""
    return f"JOB#{job_id}"


def queue_key(index: int = 0) -> dict[str, Any]:
    """Return the key of a line."""
    return {"pk": {"S": "QUEUE"}, "sk": {"S": f"QUEUE#{index}" if index else "QUEUE"}}


def shard_number(item: Mapping[str, Any]) -> int:
    """Return which line an item is."""
    return int(item["sk"]["S"].partition("#")[2] or 0)


def claim_key(prediction_id: str) -> dict[str, Any]:
    """Return the key of a prediction's claim."""
    return {"pk": {"S": f"CLAIM#{prediction_id}"}, "sk": {"S": "CLAIM"}}


def budget_key(day: date, scope: str) -> dict[str, Any]:
    """Return the key of what is held of a budget on a day."""
    return {"pk": {"S": f"BUDGET#{day.isoformat()}"}, "sk": {"S": scope}}


def batch_key(batch_id: str) -> dict[str, Any]:
    """Return the key of a batch's record."""
    return {"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": BATCH_SORT_KEY}}


def refusal_key(batch_id: str, row: int) -> dict[str, Any]:
    """Return the key of the note on a row that became no job; it sorts before the batch's own."""
    return {"pk": {"S": f"BATCH#{batch_id}"}, "sk": {"S": f"{REFUSALS}{row:08}"}}


def write_job(job: Job) -> dict[str, Any]:
    """Return a record as an item."""
    return job_key(job.job_id) | {
        name: serialize(plain(name, value)) for name, value in job if value not in (None, ())
    }


def read_job(item: Mapping[str, Any]) -> Job:
    """Return the record in an item."""
    values = {name: deserialize(value) for name, value in item.items()}
    for name in _AS_TEXT:
        values[name] = json.loads(values[name])
    return Job.model_validate(values)


def plain(name: str, value: object) -> object:
    """Return `value` in the types that DynamoDB knows."""
    if name in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False)
    match value:
        case BaseModel():
            return {k: v for k, v in value.model_dump(mode="json").items() if v is not None}
        case datetime():
            return value.isoformat()
        case str():
            return str(value)  # also the closed sets
        case float():
            return Decimal(str(value))
        case list() | tuple():
            return [plain("", item) for item in value]
        case _:
            return value


def change(changes: Mapping[str, object]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return an update expression with its names and values; a change to None removes."""
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
