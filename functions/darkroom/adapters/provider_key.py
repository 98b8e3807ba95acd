"""The provider's API key, from Secrets Manager."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from pydantic import SecretStr

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE = 300  # seconds: a rotated key is used after this time, or when the old one is refused


class ProviderKey:
    """The cached API key of the provider."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str) -> None:
        self._secrets = SecretsProvider(boto3_client=client)
        self._secret_id = secret_id

    def read(self, *, fresh: bool = False) -> SecretStr:
        """Return the key; `fresh` bypasses the cache."""
        value = self._secrets.get(self._secret_id, max_age=_MAX_AGE, force_fetch=fresh)
        text = value.decode() if isinstance(value, bytes) else str(value)
        # A pasted key may end in a newline, which is not valid in a header.
        return SecretStr(text.strip())
