"""The state of one simulator. Only the thread of the event loop may access it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from simulator.clock import SECOND, Clock
from simulator.deliveries import Deliveries
from simulator.faults import Faults
from simulator.ledger import MICRO, Account, Ledger
from simulator.options import Options, Setup
from simulator.output_files import OutputFiles
from simulator.predictions import Output, Prediction
from simulator.request_log import Entry as Request
from simulator.uploads import Upload

REFUNDED = ("failed", "timeout")
MODERATED = 1200
KEPT_REQUESTS = 50_000


class World:
    """The accounts, predictions, files, faults and records of both origins."""

    options: Options
    ledger: Ledger
    faults: Faults
    output_files: OutputFiles

    def __init__(self, setup: Setup, clock: Clock | None = None) -> None:
        self.setup = setup
        self.clock = clock or Clock()
        self.origin = self.cdn_origin = ""
        self.stopping = asyncio.Event()
        self.pool = ThreadPoolExecutor(2, thread_name_prefix="painter")
        self.client = httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=20)
        self.requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self.predictions: dict[str, Prediction] = {}
        self.files: dict[str, tuple[Prediction, Output]] = {}
        self.uploads: dict[str, Upload] = {}
        self.deliveries = Deliveries()
        self._temporary = TemporaryDirectory(prefix="darkroom-provider-")
        self._tasks: set[asyncio.Task[Any]] = set()
        self.reset()

    @property
    def folder(self) -> Path:
        """The folder of all files; it is removed when the simulator stops."""
        return Path(self._temporary.name)

    def reset(self) -> None:
        """Restore the initial state; advances of the clock stay."""
        for task in self._tasks:
            task.cancel()
        for records in (self.requests, self.predictions, self.files, self.uploads, self.deliveries):
            records.clear()
        for file in self.folder.iterdir():
            file.unlink()
        setup = self.setup
        self.options = setup.options
        opening = round(setup.options.opening_balance * MICRO)
        self.ledger = Ledger(setup.keys, setup.seed, opening)
        self.faults = Faults(setup.seed, self.clock)
        self.output_files = OutputFiles(self.folder, self.pool, setup.seed)

    def spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine in the background until it ends or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def pause(self, seconds: float) -> None:
        """Wait for real seconds, or until the simulator stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def add(self, prediction: Prediction) -> None:
        """Register a prediction and its outputs."""
        self.predictions[prediction.id] = prediction
        self.files |= {output.path: (prediction, output) for output in prediction.outputs}

    def predictions_of(self, account: Account) -> list[Prediction]:
        """Return an account's existing predictions in the order of their submission."""
        now = self.clock.now()
        return [
            p for p in self.predictions.values() if p.account is account and not p.is_removed(now)
        ]

    def book_refunds(self) -> None:
        """Record the refunds that are due. Every read of the ledger calls this first."""
        now = self.clock.now()
        for prediction in self.predictions.values():
            due = self._refund_at(prediction)
            is_open = prediction.is_finished(now) and not prediction.is_refunded
            if due is not None and due <= now and is_open:
                prediction.is_refunded = True
                for charge in self.ledger.entries_of(prediction.id):
                    self.ledger.record(charge.refunded(due))

    def _refund_at(self, prediction: Prediction) -> int | None:
        """Return the moment of the refund, or None."""
        options, plan, fault_params = self.options, prediction.plan, prediction.fault_params
        if plan.finished_at is None or plan.succeeds or "refund_never" in fault_params:
            return None
        if "refund_now" in fault_params:
            return plan.finished_at
        if "refund_after" in fault_params:
            wait: float = fault_params["refund_after"]["seconds"]
            return plan.finished_at + round(wait * SECOND)
        is_moderated = plan.code == MODERATED and not options.refund_moderated
        if options.refunds == "never" or is_moderated or plan.final not in REFUNDED:
            return None
        return plan.finished_at + round(options.refund_delay_seconds * options.time_scale * SECOND)

    async def close(self) -> None:
        """Stop all tasks and remove the files."""
        self.stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.aclose()
        await asyncio.to_thread(self.pool.shutdown, cancel_futures=True)
        self._temporary.cleanup()
