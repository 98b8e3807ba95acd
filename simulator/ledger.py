"""Accounts, one per API key, and the ledger of charges and refunds in integer micro-USD."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

MICRO = 1_000_000


@dataclass
class Account:
    """The account of one API key."""

    key: str
    number: int
    secret: str
    uuid: str
    credit: int = 0

    @property
    def name(self) -> str:
        """The name of the key in billing records."""
        return f"key-{self.number}"

    def rotate_secret(self, secret: str | None = None) -> None:
        """Replace the webhook secret; without an argument, by a random one."""
        self.secret = secret or f"whsec_{uuid4().hex}"


@dataclass(frozen=True)
class Entry:
    """One charge or refund, in micro-USD."""

    kind: Literal["deduct", "refund"]
    account: str
    prediction: str
    model: str
    amount: int
    at: int
    uuid: str = field(default_factory=lambda: uuid4().hex)

    def refunded(self, at: int) -> "Entry":
        """Return the refund of this charge."""
        return Entry("refund", self.account, self.prediction, self.model, self.amount, at)


class Ledger:
    """All charges and refunds since the start, and the accounts."""

    def __init__(self, keys: tuple[str, ...], seed: int, opening: int) -> None:
        self.entries: list[Entry] = []
        self.accounts = {
            key: Account(
                key, number, _derived("whsec_", seed, key), _derived("", seed, key), opening
            )
            for number, key in enumerate(keys, start=1)
        }

    def account(self, key: str | None) -> Account | None:
        """Return the account of a key, or None. The default is the first account."""
        return self.accounts.get(key or next(iter(self.accounts)))

    def record(self, entry: Entry) -> None:
        """Add an entry; entries stay sorted by time."""
        self.entries.append(entry)
        self.entries.sort(key=lambda entry: entry.at)

    def entries_of(self, prediction: str) -> list[Entry]:
        """Return the entries of one prediction."""
        return [entry for entry in self.entries if entry.prediction == prediction]

    def balance(self, account: Account) -> int:
        """Return the balance of an account in micro-USD."""
        entries = [entry for entry in self.entries if entry.account == account.uuid]
        return account.credit + sum(e.amount if e.kind == "refund" else -e.amount for e in entries)

    def set_balance(self, account: Account, micro: int) -> None:
        """Set the balance without a ledger entry."""
        account.credit += micro - self.balance(account)


def _derived(prefix: str, seed: int, key: str) -> str:
    return prefix + hashlib.sha256(f"{prefix}{seed}:{key}".encode()).hexdigest()[:32]
