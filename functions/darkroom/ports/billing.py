"""The provider's billing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.bills import LedgerEntry


class Billing(Protocol):
    """The provider's ledger of charges and refunds."""

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        """Return every ledger entry from `start` to before `end`, without duplicates, in any order.

        Returns None if not all entries could be read: a partial ledger proves nothing.
        """
