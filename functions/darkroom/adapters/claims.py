"""Whose a prediction is, and what is reserved of budgets: small items of the jobs' table."""

from datetime import date
from typing import TYPE_CHECKING

from darkroom.adapters.items import budget_key, claim_key
from darkroom.adapters.writes import update
from darkroom.ports import Reserved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ClaimTable:
    """The port Claims."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def owner(self, prediction_id: str) -> str | None:
        """Return the job's id."""
        answer = self._client.get_item(
            TableName=self._table, Key=claim_key(prediction_id), ConsistentRead=True
        )
        return answer["Item"]["job_id"]["S"] if "Item" in answer else None


class BudgetTable:
    """The port Budgets."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def reserved(self, day: date, scope: str) -> Reserved:
        """Return it, read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=budget_key(day, scope), ConsistentRead=True
        )
        item = answer.get("Item", {})
        return Reserved(int(item.get("reserved", {"N": "0"})["N"]), "warned" in item)

    def warn(self, day: date, scope: str) -> None:
        """Note that the owner was told."""
        change = {
            "TableName": self._table,
            "Key": budget_key(day, scope),
            "UpdateExpression": "SET warned = :yes",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }
        update(self._client, change)
