"""The provider's API key, from Secrets Manager."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import SecretStr

from darkroom.adapters.cached_value import CachedValue
from darkroom.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A rotated key is used after this time, or when the provider refuses the old one.
_MAX_AGE = timedelta(minutes=5)


class ProviderKey:
    """The cached API key of the provider."""

    def __init__(
        self,
        client: "SecretsManagerClient",
        secret_id: str,
        now: Clock,
        report: Callable[[Exception], None],
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._key = CachedValue(self._read, _MAX_AGE, now, report)

    def read(self, *, fresh: bool = False) -> SecretStr:
        """Return the key; `fresh` bypasses the cache."""
        return self._key.get(fresh=fresh)

    def _read(self) -> SecretStr:
        secret = self._client.get_secret_value(SecretId=self._secret_id)
        text = secret.get("SecretString") or secret["SecretBinary"].decode()
        # A pasted key may end in a newline, which is not valid in a header.
        return SecretStr(text.strip())
