"""Items of the table: their keys, and the conversion between values and DynamoDB attributes."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BaseModel

type Item = Mapping[str, Any]

# Sort keys of the records, which are also the partitions of the indexes `by-time` and `by-sweep`.
JOB, BATCH = "JOB", "BATCH"
REFUSALS = "ROW#"
KEYS = "KEYS"
REVOKED = "REVOKED#"
KEY_USE = "KEY_USE"
CAPS = "CAPS"
CALLBACKS = "CALLBACKS"
STATS, DURATIONS = "STATS", "DURATIONS"
_SERIALIZE = TypeSerializer().serialize
_DESERIALIZE = TypeDeserializer().deserialize
# Stored as JSON text, so that numbers of the provider's input are read back unchanged.
_AS_TEXT = frozenset({"input", "chain_request"})


def record_key(kind: str, record_id: str) -> dict[str, Any]:
    """Return the key of a record of the kind JOB or BATCH."""
    return _key(f"{kind}#{record_id}", kind)


def job_key(job_id: str) -> dict[str, Any]:
    """Return the key of a job's record."""
    return record_key(JOB, job_id)


def batch_key(batch_id: str) -> dict[str, Any]:
    """Return the key of a batch's record."""
    return record_key(BATCH, batch_id)


def refusal_key(batch_id: str, row: int) -> dict[str, Any]:
    """Return the key of a row's refusal; it sorts after the batch's record."""
    return _key(f"{BATCH}#{batch_id}", f"{REFUSALS}{row:08}")


def queue_key(index: int = 0) -> dict[str, Any]:
    """Return the key of a queue shard."""
    return _key("QUEUE", f"QUEUE#{index}" if index else "QUEUE")


def provider_key() -> dict[str, Any]:
    """Return the key of the provider's state, which is read together with the queue shards."""
    return _key("QUEUE", "PROVIDER")


def callback_secret_key(caller: str) -> dict[str, Any]:
    """Return the key of the generation of a caller's callback secret."""
    return _key(CALLBACKS, caller)


def revocation_key(key_id: str) -> dict[str, Any]:
    """Return the key of a revoked API key's item, which is read together with the queue shards."""
    return _key("QUEUE", f"{REVOKED}{key_id}")


def shard_number(item: Item) -> int:
    """Return the index of the queue shard in an item."""
    return int(item["sk"]["S"].partition("#")[2] or 0)


def claim_key(prediction_id: str) -> dict[str, Any]:
    """Return the key of a prediction's claim."""
    return _key(f"CLAIM#{prediction_id}", "CLAIM")


def content_key(content_key: str) -> dict[str, Any]:
    """Return the key of the newest job for a content."""
    return _key(f"CONTENT#{content_key}", "CONTENT")


def budget_key(day: date, scope: str) -> dict[str, Any]:
    """Return the key of a budget's reservations on a day."""
    return _key(f"BUDGET#{day.isoformat()}", scope)


def api_key(digest: str) -> dict[str, Any]:
    """Return the key of an API key's item."""
    return _key(KEYS, digest)


def audit_key() -> dict[str, Any]:
    """Return the key of the settings as of their last audit entries."""
    return _key("AUDIT", "SETTINGS")


def key_use_key(digest: str) -> dict[str, Any]:
    """Return the key of the last use of an API key. The authorizer cannot write to KEYS."""
    return _key(KEY_USE, digest)


def cap_key(caller: str) -> dict[str, Any]:
    """Return the key of a caller's daily budget."""
    return _key(CAPS, caller)


def cap_item(caller: str, micro_usd: int) -> dict[str, Any]:
    """Return the item of a caller's daily budget."""
    return cap_key(caller) | {"micro_usd": {"N": str(micro_usd)}}


def request_count_key(key_id: str, minute: int) -> dict[str, Any]:
    """Return the key of the requests of an API key in a minute since 1970."""
    return _key(f"RATE#{key_id}", str(minute))


def stats_key(day: date, caller: str) -> dict[str, Any]:
    """Return the key of a caller's statistics of a day."""
    return _key(STATS, f"{day.isoformat()}#{caller}")


def durations_key(day: date, kind: Iterable[str]) -> dict[str, Any]:
    """Return the key of the duration histogram of a day and kind of image."""
    return _key(DURATIONS, "#".join((day.isoformat(), *kind)))


def _key(partition: str, sort: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def to_attribute(name: str, value: object) -> Any:
    """Return the value of the field `name` as a DynamoDB attribute."""
    return _SERIALIZE(_plain(name, value))


def to_attributes(fields: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """Return fields as DynamoDB attributes."""
    return {name: to_attribute(name, value) for name, value in fields}


def to_fields(item: Item) -> dict[str, Any]:
    """Return the attributes of an item as fields."""
    values = {name: _DESERIALIZE(value) for name, value in item.items()}
    return values | {name: json.loads(values[name]) for name in _AS_TEXT & values.keys()}


def _plain(name: str, value: object) -> object:
    """Return `value` converted to types that DynamoDB supports."""
    if name in _AS_TEXT:
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        return json.dumps(plain, ensure_ascii=False)
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
            return [_plain("", item) for item in value]
        case _:
            return value
