"""The settings as of their last audit entries: one item."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from darkroom.adapters.dynamodb.items import audit_key, to_attributes, to_fields
from darkroom.adapters.dynamodb.operations import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class AuditedSettingsTable:
    """Port `AuditedSettings` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def read(self) -> dict[str, str]:
        """Return the value of each setting by name; empty before the first write."""
        item = self._table.get(audit_key())
        return {} if item is None else to_fields(item)["settings"]

    def write(self, values: Mapping[str, str]) -> None:
        """Replace all values."""
        self._table.put(audit_key() | to_attributes([("settings", dict(values))]))

    def note(self, name: str, value: str) -> None:
        """Replace the value of one setting, if there are values."""
        self._table.update(
            {
                "Key": audit_key(),
                "UpdateExpression": "SET settings.#name = :value",
                "ConditionExpression": "attribute_exists(settings)",
                "ExpressionAttributeNames": {"#name": name},
                "ExpressionAttributeValues": {":value": {"S": value}},
            }
        )
