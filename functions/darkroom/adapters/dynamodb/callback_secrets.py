"""What callback secrets are derived from: a master secret, and a counter for each caller."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.adapters.cached_value import CachedValue
from darkroom.adapters.dynamodb.items import callback_secret_key, to_fields
from darkroom.adapters.dynamodb.operations import Table
from darkroom.domain.callbacks import SecretGeneration
from darkroom.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE = timedelta(minutes=5)


class CallbackSecretTable:
    """Port `CallbackSecretStore`. The table has no item of a caller before the first rotation."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        secrets: "SecretsManagerClient",
        secret_id: str,
        now: Clock,
        report: Callable[[Exception], None],
    ) -> None:
        self._table = Table(client, table)
        self._secrets = secrets
        self._secret_id = secret_id
        self._master = CachedValue(self._read_master, _MAX_AGE, now, report)

    def master(self) -> str:
        """Return the master secret of the deployment."""
        return self._master.get()

    def generation(self, caller: str) -> SecretGeneration:
        """Return the generation of a caller's secret with a consistent read."""
        item = self._table.get(callback_secret_key(caller))
        return SecretGeneration.model_validate({} if item is None else to_fields(item))

    def rotate(self, caller: str, now: datetime) -> None:
        """Begin the next generation of a caller's secret."""
        self._table.update(
            {
                "Key": callback_secret_key(caller),
                "UpdateExpression": "ADD #number :one SET rotated_at = :now",
                "ExpressionAttributeNames": {"#number": "number"},
                "ExpressionAttributeValues": {":one": {"N": "1"}, ":now": {"S": now.isoformat()}},
            }
        )

    def _read_master(self) -> str:
        return self._secrets.get_secret_value(SecretId=self._secret_id)["SecretString"]
