"""Accounts, one per API key, and the ledger of charges and refunds in integer micro-USD."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

MICRO = 1_000_000


@dataclass
class Account:
    """What stands behind one API key."""

    key: str
    number: int
    secret: str
    uuid: str
    credit: int = 0

    @property
    def name(self) -> str:
        """The key's name on bills."""
        return f"key-{self.number}"

    def rotate_secret(self, secret: str | None = None) -> None:
        """Replace the webhook secret by this one, or by a fresh one."""
        self.secret = secret or f"whsec_{uuid4().hex}"


@dataclass(frozen=True)
class Entry:
    """One movement of money."""

    kind: Literal["deduct", "refund"]
    account: str
    prediction: str
    model: str
    amount: int
    at: int
    uuid: str = field(default_factory=lambda: uuid4().hex)

    def refunded(self, at: int) -> "Entry":
        """The movement that takes this charge back."""
        return Entry("refund", self.account, self.prediction, self.model, self.amount, at)


class Ledger:
    """All movements since the start, and the accounts that they belong to."""

    def __init__(self, keys: tuple[str, ...], seed: int, opening: int) -> None:
        self.entries: list[Entry] = []
        self.accounts = {
            key: Account(
                key, number, _derived("whsec_", seed, key), _derived("", seed, key), opening
            )
            for number, key in enumerate(keys, start=1)
        }

    def account(self, key: str | None) -> Account | None:
        """The account of a key; without one, the first."""
        return self.accounts.get(key or next(iter(self.accounts)))

    def record(self, entry: Entry) -> None:
        """Add a movement; entries stay in the order of their times."""
        self.entries.append(entry)
        self.entries.sort(key=lambda each: each.at)

    def of(self, prediction: str) -> list[Entry]:
        """The movements of one prediction."""
        return [entry for entry in self.entries if entry.prediction == prediction]

    def balance(self, account: Account) -> int:
        """What is left of an account's credit."""
        mine = [entry for entry in self.entries if entry.account == account.uuid]
        return account.credit + sum(e.amount if e.kind == "refund" else -e.amount for e in mine)

    def set_balance(self, account: Account, micro: int) -> None:
        """Top an account up, or empty it, without a movement."""
        account.credit += micro - self.balance(account)


def _derived(prefix: str, seed: int, key: str) -> str:
    return prefix + hashlib.sha256(f"{prefix}{seed}:{key}".encode()).hexdigest()[:32]
