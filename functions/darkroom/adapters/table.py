"""The job records in DynamoDB: one table, one item a job, every change conditional."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel

from darkroom.domain.job import Job, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SERIALIZE = TypeSerializer().serialize
_DESERIALIZE = TypeDeserializer().deserialize
_SORT_KEY = "JOB"
# Kept as JSON text: a number of the provider's input must come back as it went in.
_AS_TEXT = frozenset({"input"})


class JobTable:
    """The port Jobs over one DynamoDB table (keys `pk`, `sk`; TTL attribute `expires_at`)."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, job: Job) -> bool:
        """Store a new record; False if there is one with this id already."""
        item = {"pk": _partition(job.job_id), "sk": _SORT_KEY} | {
            name: value for name, value in job if value is not None
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item={name: _SERIALIZE(_plain(name, value)) for name, value in item.items()},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            if _is_condition(error):
                return False
            raise
        return True

    def get(self, job_id: str) -> Job | None:
        """Return the record, read consistently."""
        answer = self._client.get_item(TableName=self._table, Key=_key(job_id), ConsistentRead=True)
        return _job(answer["Item"]) if "Item" in answer else None

    def update(self, job_id: str, *, when: Sequence[Status], **changes: object) -> Job | None:
        """Change fields if the status is one of `when`; None, and nothing changed, if it is not."""
        names = {f"#{index}": name for index, name in enumerate(changes)} | {"#status": "status"}
        values: dict[str, Any] = {f":when{n}": _SERIALIZE(str(s)) for n, s in enumerate(when)}
        sets, removes = [], []
        for index, (name, value) in enumerate(changes.items()):
            if value is None:
                removes.append(f"#{index}")
            else:
                sets.append(f"#{index} = :{index}")
                values[f":{index}"] = _SERIALIZE(_plain(name, value))
        expression = f"SET {', '.join(sets)} " if sets else ""
        expression += f"REMOVE {', '.join(removes)}" if removes else ""
        allowed = ", ".join(f":when{n}" for n in range(len(when)))
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(job_id),
                UpdateExpression=expression,
                ConditionExpression=f"#status IN ({allowed})",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if _is_condition(error):
                return None
            raise
        return _job(answer["Attributes"])


def _key(job_id: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(job_id)}, "sk": {"S": _SORT_KEY}}


def _partition(job_id: str) -> str:
    return f"JOB#{job_id}"


def _plain(name: str, value: object) -> object:
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
        case list() | tuple():
            return [_plain("", item) for item in value]
        case _:
            return value


def _job(item: Mapping[str, Any]) -> Job:
    values = {name: _DESERIALIZE(value) for name, value in item.items()}
    for name in _AS_TEXT:
        values[name] = json.loads(values[name])
    return Job.model_validate(values)


def _is_condition(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
