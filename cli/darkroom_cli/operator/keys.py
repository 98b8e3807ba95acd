"""API keys in the table of a stack, with AWS credentials: by the same use cases as the HTTP API."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from darkroom.adapters.audit_log import AuditLog
from darkroom.adapters.dynamodb.jobs import BudgetTable
from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain.callers import AWS
from darkroom.domain.errors import DarkroomError
from darkroom.domain.key_requests import NO_KEY, KeyList, RevokedKey
from darkroom.usecases.keys.change_budget import ChangeBudget
from darkroom.usecases.keys.create_key import CreateKey
from darkroom.usecases.keys.list_keys import ListKeys
from darkroom.usecases.keys.revoke_key import RevokeKey
from darkroom_cli.errors import CliError, Exit

type Json = dict[str, Any]


class TableKeys:
    """The API keys of a table. Each method returns the document of the HTTP API."""

    def __init__(
        self,
        client: Callable[[str], Any],
        table: str,
        audit_log: str,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`client` returns the boto3 client of a service. `warn` gets what was not audited."""
        dynamodb = client("dynamodb")
        self._keys = KeyTable(dynamodb, table)
        self._budgets = BudgetTable(dynamodb, table)
        self._audit = AuditLog(
            client("logs"),
            audit_log,
            lambda entry, error: warn(f"{entry['act']} is missing in the audit log: {error}"),
        )

    def create(self, body: Mapping[str, Any]) -> Json:
        """Create a key. Raises CliError if the body is not valid."""
        create = CreateKey(self._keys, self._budgets, self._audit, _now)
        try:
            return create.run(body, AWS).model_dump(mode="json")
        except DarkroomError as error:
            raise CliError(Exit.BAD_REQUEST, str(error)) from None

    def list(self) -> Json:
        """Return all keys."""
        keys = ListKeys(self._keys, self._budgets, _now).run()
        return KeyList(keys=keys).model_dump(mode="json")

    def change_budget(self, key_id: str, body: Mapping[str, Any]) -> Json:
        """Change the budget of a key's caller. Raises CliError."""
        change = ChangeBudget(self._keys, self._budgets, self._audit, _now)
        try:
            return change.run(key_id, body, AWS).model_dump(mode="json")
        except DarkroomError as error:
            raise CliError(Exit.BAD_REQUEST, str(error)) from None

    def revoke(self, key_id: str) -> Json:
        """Revoke a key. Raises CliError if there is none."""
        revoked = RevokeKey(self._keys, self._audit, _now).run(key_id, AWS)
        if not revoked:
            raise CliError(Exit.BAD_REQUEST, NO_KEY)
        return RevokedKey(id=key_id, name=revoked[0].name).model_dump(mode="json")


def _now() -> datetime:
    return datetime.now(UTC)
