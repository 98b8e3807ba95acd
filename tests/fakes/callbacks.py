"""The ports of callbacks in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from darkroom.domain.callbacks import SecretGeneration
from darkroom.ports import Answered, NoAnswer


class ReceivedCallback(NamedTuple):
    """One request of a receiver."""

    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedReceivers:
    """The port CallbackReceivers: gives the answers of `answers` in turn, then 204."""

    answers: list[Answered | NoAnswer] = field(default_factory=list)
    received: list[ReceivedCallback] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered | NoAnswer:
        self.received.append(ReceivedCallback(url, body, dict(headers)))
        return self.answers.pop(0) if self.answers else Answered(204)


@dataclass
class InMemoryCallbackQueue:
    """The port CallbackQueue."""

    deferred: list[tuple[str, int]] = field(default_factory=list)

    def defer(self, receipt: str, seconds: int) -> None:
        self.deferred.append((receipt, seconds))


@dataclass
class InMemoryCallbackSecrets:
    """The port CallbackSecretStore."""

    secret: str = "master"
    generations: dict[str, SecretGeneration] = field(default_factory=dict)

    def master(self) -> str:
        return self.secret

    def generation(self, caller: str) -> SecretGeneration:
        return self.generations.get(caller, SecretGeneration())

    def rotate(self, caller: str, now: datetime) -> None:
        number = self.generation(caller).number + 1
        self.generations[caller] = SecretGeneration(number=number, rotated_at=now)
