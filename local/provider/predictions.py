"""A prediction: its plan is made when it is submitted, its state is read off the clock."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from local.provider.catalog import Model
from local.provider.clock import DAY, SECOND, rfc3339
from local.provider.fault_table import Params
from local.provider.ledger import Account

RETENTION = 7 * DAY

Shape = Literal["strings", "empty", "null", "absent", "objects", "two"]


@dataclass
class Plan:
    """What will happen to a prediction, and when, in nanoseconds of the simulator's clock."""

    steps: list[tuple[int, str]]  # submitted, waiting, running: the word from each moment on
    started_at: int
    finished_at: int | None  # never, when it is stuck
    final: str = "completed"
    code: int = 0
    error: str = ""
    shape: Shape = "strings"
    is_nsfw: bool = False
    execution_ms: int | None = None
    get_origin: str | None = None
    size: tuple[int, int] | None = None

    def fail(self, at: int, code: int, error: str) -> None:
        """End it as failed, not before the given moment."""
        self.finished_at = max(self.started_at, at)
        self.final, self.code, self.error = "failed", code, error

    def hurry(self, at: int) -> None:
        """Let it have ended by this moment, if it ends at all."""
        if self.finished_at is not None:
            self.started_at = self.finished_at = at

    @property
    def succeeds(self) -> bool:
        """Whether it ends with outputs."""
        return self.final in ("completed", "succeeded", "success")


@dataclass(frozen=True)
class Output:
    """One file of a prediction on the CDN."""

    path: str
    url: str
    form: str


@dataclass
class Prediction:
    """One paid task of the provider."""

    id: str
    account: Account
    model: Model
    inputs: dict[str, Any]
    created_at: int
    plan: Plan
    outputs: list[Output]
    price: int
    webhook: str | None = None
    faults: list[str] = field(default_factory=list)
    webhook_faults: dict[str, Params] = field(default_factory=dict)  # what its faults say, by kind
    fetching: asyncio.Task[None] | None = None
    announcing: asyncio.Task[None] | None = None
    references: list[str] = field(default_factory=list)
    is_deleted: bool = False
    is_refunded: bool = False

    @property
    def prompt(self) -> str:
        """The words that it was asked for with, markers included."""
        return self.model.prompt(self.inputs)

    def is_finished(self, now: int) -> bool:
        """Whether it has reached its end; one that still reads its references has not."""
        end = self.plan.finished_at
        waits = self.fetching is not None and not self.fetching.done()
        return end is not None and now >= end and not waits

    def is_gone(self, now: int) -> bool:
        """Whether it was deleted or has passed its retention."""
        return self.is_deleted or now >= self.created_at + RETENTION

    def status(self, now: int) -> str:
        """The provider's word for the state at a moment."""
        if self.is_finished(now):
            return self.plan.final
        first, *later = self.plan.steps
        return [first[1], *(word for moment, word in later if moment <= now)][-1]

    def view(self, now: int, origin: str) -> dict[str, Any]:
        """The prediction object as the provider prints it."""
        finished = self.is_finished(now)
        plan = self.plan
        body: dict[str, Any] = {
            "id": self.id,
            "model": self.model.id,
            "outputs": [],
            "urls": {"get": f"{plan.get_origin or origin}/api/v3/predictions/{self.id}/result"},
            "has_nsfw_contents": [],
            "status": self.status(now),
            "created_at": rfc3339(self.created_at),
            "error": "",
            "executionTime": 0,
            "timings": {"inference": 0},
        }
        if finished:
            milliseconds = self._execution_ms()
            body |= {"executionTime": milliseconds, "timings": {"inference": milliseconds}}
            body |= self._result() if plan.succeeds else {"error": plan.error, "code": plan.code}
        if finished and plan.shape == "absent":
            del body["outputs"]
        return body

    def accepted(self, origin: str) -> dict[str, Any]:
        """The prediction as a submit answers it, even when it has ended in the meantime."""
        return self.view(self.created_at - 1, origin)

    def unfinished(self, origin: str) -> dict[str, Any]:
        """The prediction as if it still ran."""
        return self.accepted(origin) | {"status": self.plan.steps[-1][1]}

    def _execution_ms(self) -> int:
        if self.plan.execution_ms is not None:
            return self.plan.execution_ms
        end = self.plan.finished_at or self.plan.started_at
        return (end - self.plan.started_at) * 1000 // SECOND

    def _result(self) -> dict[str, Any]:
        urls = [output.url for output in self.outputs]
        outputs: list[Any] | None = urls
        match self.plan.shape:
            case "null":
                outputs = None
            case "empty" | "absent":
                outputs = []
            case "objects":
                outputs = [{"url": url} for url in urls]
        return {"outputs": outputs, "has_nsfw_contents": [self.plan.is_nsfw] * len(urls)}
