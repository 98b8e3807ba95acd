"""A prediction: the submit makes its plan, and its status is computed from the clock."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.catalog import Model
from simulator.clock import DAY, SECOND, rfc3339
from simulator.fault_table import Params
from simulator.ledger import Account

RETENTION = 7 * DAY

Shape = Literal["strings", "empty", "null", "absent", "blank", "objects", "two"]


@dataclass
class Plan:
    """The future of a prediction. Times are in nanoseconds of the simulator's clock."""

    steps: list[tuple[int, str]]  # the start and the status word of submitted, waiting, running
    started_at: int
    finished_at: int | None  # None: the prediction never ends
    final: str = "completed"
    code: int = 0
    error: str = ""
    shape: Shape = "strings"
    late_shape: Shape | None = None  # the shape for `late` nanoseconds after the end
    late: int = 0
    words: str | None = None  # in place of the URLs
    inline_prefix: str | None = None  # of base64 in place of the URLs
    is_nsfw: bool = False
    execution_ms: int | None = None
    get_origin: str | None = None
    size: tuple[int, int] | None = None

    def fail(self, at: int, code: int, error: str) -> None:
        """Set the end to failed, at the given moment or at the start if that is later."""
        self.finished_at = max(self.started_at, at)
        self.final, self.code, self.error = "failed", code, error

    def end_by(self, at: int) -> None:
        """Move start and end to this moment, unless the prediction never ends."""
        if self.finished_at is not None:
            self.started_at = self.finished_at = at

    @property
    def succeeds(self) -> bool:
        """Whether the prediction ends with outputs."""
        return self.final in ("completed", "succeeded", "success")


@dataclass(frozen=True)
class Output:
    """One output file on the CDN."""

    path: str
    url: str
    form: str


@dataclass
class Prediction:
    """One prediction of the provider."""

    id: str
    account: Account
    model: Model
    inputs: dict[str, Any]
    created_at: int
    plan: Plan
    outputs: list[Output]
    price: int
    number: int = 0  # predictions of one simulator, counted from 0
    webhook: str | None = None
    faults: list[str] = field(default_factory=list)
    fault_params: dict[str, Params] = field(default_factory=dict)  # by the kind of the fault
    reference_task: asyncio.Task[None] | None = None
    delivery_task: asyncio.Task[None] | None = None
    references: list[str] = field(default_factory=list)
    is_deleted: bool = False
    is_refunded: bool = False

    @property
    def prompt(self) -> str:
        """The prompt, markers included."""
        return self.model.prompt(self.inputs)

    def is_finished(self, now: int) -> bool:
        """Whether the prediction has ended; pending reference downloads delay its end."""
        end = self.plan.finished_at
        is_fetching = self.reference_task is not None and not self.reference_task.done()
        return end is not None and now >= end and not is_fetching

    def is_removed(self, now: int) -> bool:
        """Whether the prediction was deleted or its retention has passed."""
        return self.is_deleted or now >= self.created_at + RETENTION

    def status(self, now: int) -> str:
        """Return the status word at a moment."""
        if self.is_finished(now):
            return self.plan.final
        first, *later = self.plan.steps
        return [first[1], *(word for moment, word in later if moment <= now)][-1]

    def view(self, now: int, origin: str) -> dict[str, Any]:
        """Return the prediction object of the API."""
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
            shape = self._shape(now)
            body |= (
                self._result(shape) if plan.succeeds else {"error": plan.error, "code": plan.code}
            )
            if shape == "absent":
                del body["outputs"]
        return body

    def accepted(self, origin: str) -> dict[str, Any]:
        """Return the prediction object of a submit response, even after the end."""
        return self.view(self.created_at - 1, origin)

    def unfinished(self, origin: str) -> dict[str, Any]:
        """Return the prediction object with the status of a running prediction."""
        return self.accepted(origin) | {"status": self.plan.steps[-1][1]}

    def _execution_ms(self) -> int:
        if self.plan.execution_ms is not None:
            return self.plan.execution_ms
        end = self.plan.finished_at or self.plan.started_at
        return (end - self.plan.started_at) * 1000 // SECOND

    def _shape(self, now: int) -> Shape:
        """Return the shape of the outputs at a moment after the end."""
        plan = self.plan
        is_late = plan.late_shape is not None and now < (plan.finished_at or 0) + plan.late
        return plan.late_shape if is_late and plan.late_shape else plan.shape

    def _result(self, shape: Shape) -> dict[str, Any]:
        urls = [output.url for output in self.outputs]
        outputs: list[Any] | None = urls if self.plan.words is None else [self.plan.words]
        match shape:
            case "null":
                outputs = None
            case "empty" | "absent":
                outputs = []
            case "blank":
                outputs = [""] * len(urls)
            case "objects":
                outputs = [{"url": url} for url in urls]
        return {"outputs": outputs, "has_nsfw_contents": [self.plan.is_nsfw] * len(urls)}
