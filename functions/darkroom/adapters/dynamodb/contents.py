"""The newest job for each content: one item per content."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.adapters.dynamodb.items import Item, to_attributes
from darkroom.adapters.dynamodb.items import content_key as item_key
from darkroom.adapters.dynamodb.operations import Table
from darkroom.domain.requests import MAX_REUSE_SECONDS
from darkroom.ports import ContentClaim

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ContentTable:
    """Port `Contents` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def find(self, content_key: str) -> ContentClaim | None:
        """Return the claim of a content with a consistent read; None without one."""
        item = self._table.get(item_key(content_key))
        return None if item is None else _read(item)

    def claim(
        self, content_key: str, claim: ContentClaim, previous: ContentClaim | None
    ) -> ContentClaim | None:
        """Replace `previous` by `claim`; return the winner's claim if another one came first."""
        expiry = claim.claimed_at + timedelta(seconds=MAX_REUSE_SECONDS)
        values = to_attributes([
            (":job_id", claim.job_id),
            (":claimed_at", claim.claimed_at),
            (":expires_at", int(expiry.timestamp())),
            *([(":previous", previous.job_id)] if previous else []),
        ])  # fmt: skip
        claimed = self._table.update(
            {
                "Key": item_key(content_key),
                "UpdateExpression": "SET job_id = :job_id, claimed_at = :claimed_at, "
                "expires_at = :expires_at",
                "ConditionExpression": "job_id = :previous"
                if previous
                else "attribute_not_exists(pk)",
                "ExpressionAttributeValues": values,
            }
        )
        return self.find(content_key) if claimed is None else None


def _read(item: Item) -> ContentClaim:
    return ContentClaim(item["job_id"]["S"], datetime.fromisoformat(item["claimed_at"]["S"]))
