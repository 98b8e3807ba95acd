"""Prediction claims and daily budget reservations: small items in the job table."""

from datetime import date
from typing import TYPE_CHECKING

from darkroom.adapters.dynamodb.items import budget_key, claim_key
from darkroom.adapters.dynamodb.writes import update
from darkroom.ports import Reserved

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ClaimTable:
    """Port `Claims` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def owner(self, prediction_id: str) -> str | None:
        """Return the id of the job that claimed the prediction, or None."""
        response = self._client.get_item(
            TableName=self._table, Key=claim_key(prediction_id), ConsistentRead=True
        )
        return response["Item"]["job_id"]["S"] if "Item" in response else None


class BudgetTable:
    """Port `Budgets` on DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def reserved(self, day: date, scope: str) -> Reserved:
        """Return the amount reserved of a budget on a day; a consistent read."""
        response = self._client.get_item(
            TableName=self._table, Key=budget_key(day, scope), ConsistentRead=True
        )
        item = response.get("Item", {})
        return Reserved(int(item.get("reserved", {"N": "0"})["N"]), "warned" in item)

    def warn(self, day: date, scope: str) -> None:
        """Record that the event for the budget threshold was published."""
        change = {
            "TableName": self._table,
            "Key": budget_key(day, scope),
            "UpdateExpression": "SET warned = :yes",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }
        update(self._client, change)
