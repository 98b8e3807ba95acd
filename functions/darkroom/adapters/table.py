"""The job records in DynamoDB: one table, one item a job, every change conditional."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel

from darkroom.domain.job import Job, Status
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SERIALIZE = TypeSerializer().serialize
_DESERIALIZE = TypeDeserializer().deserialize
_SORT_KEY = "JOB"
_MAX_BATCH = 100  # DynamoDB reads no more items at once
_PAUSE = 0.1  # seconds more before each further try of what a throttled table left out
# Kept as JSON text: a number of the provider's input must come back as it went in.
_AS_TEXT = frozenset({"input"})


class JobTable:
    """The ports Jobs and JobLists over one DynamoDB table (`pk`, `sk`, two indexes of keys)."""

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

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
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
        condition = f"#status IN ({allowed})"
        if absent:
            names["#absent"] = absent
            condition += " AND attribute_not_exists(#absent)"
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(job_id),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if _is_condition(error):
                return None
            raise
        return _job(answer["Attributes"])

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return the next jobs, newest first, 100 at most, and where to go on; None at the end."""
        index, name, value = (
            ("by-time", "sk", _SORT_KEY) if caller is None else ("by-caller", "caller", caller)
        )
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": name},
            "ExpressionAttributeValues": {":owner": {"S": value}},
            "ScanIndexForward": False,
            "Limit": min(limit, _MAX_BATCH),
        }
        if after:
            start = {"accepted_at": {"S": after.accepted_at.isoformat()}, name: {"S": value}}
            query["ExclusiveStartKey"] = start | _key(after.job_id)
        answer = self._client.query(**query)
        jobs = self._records([{"pk": item["pk"], "sk": item["sk"]} for item in answer["Items"]])
        return jobs, _cursor(answer.get("LastEvaluatedKey"))

    def _records(self, keys: list[dict[str, Any]]) -> list[Job]:
        """Return the records at these keys, in their order; the index holds no more than keys."""
        items: dict[str, Any] = {}
        left, tries = keys, 0
        while left:
            time.sleep(min(1, tries * _PAUSE))
            tries += 1
            answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": left}})
            items |= {item["pk"]["S"]: item for item in answer["Responses"].get(self._table, [])}
            unread = answer.get("UnprocessedKeys", {})
            left = list(unread[self._table]["Keys"]) if self._table in unread else []
        # A record may have expired since the index was read.
        return [_job(items[key["pk"]["S"]]) for key in keys if key["pk"]["S"] in items]


def _key(job_id: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(job_id)}, "sk": {"S": _SORT_KEY}}


def _partition(job_id: str) -> str:
    return f"JOB#{job_id}"


def _cursor(last: Mapping[str, Any] | None) -> Cursor | None:
    if last is None:
        return None
    moment = datetime.fromisoformat(last["accepted_at"]["S"])
    return Cursor(moment, last["pk"]["S"].removeprefix(_partition("")))


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
