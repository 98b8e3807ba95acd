"""The provider's bills."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.bills import LedgerEntry


class Billing(Protocol):
    """What the provider says it took, and gave back."""

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        """Return every movement from `start` to before `end`, each once, in no order.

        None if they could not be read, or not all of them: half a bill proves nothing.
        """
