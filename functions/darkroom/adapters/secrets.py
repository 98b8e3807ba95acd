"""The provider's key, out of Secrets Manager."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from pydantic import SecretStr

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE = 300  # seconds: how long a rotated key can go unnoticed while it still works


class ProviderKey:
    """One secret, cached; a new value is read at once when the old one was refused."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str) -> None:
        self._secrets = SecretsProvider(boto3_client=client)
        self._secret_id = secret_id

    def read(self, *, fresh: bool = False) -> SecretStr:
        """Return the key; `fresh` reads it past the cache."""
        value = self._secrets.get(self._secret_id, max_age=_MAX_AGE, force_fetch=fresh)
        text = value.decode() if isinstance(value, bytes) else str(value)
        # A pasted key may end in a new line, with which no header can be sent.
        return SecretStr(text.strip())
