"""The whole state of one simulator. Everything in it belongs to the event loop's thread."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from local.provider.clock import SECOND, Clock
from local.provider.deliveries import Deliveries
from local.provider.faults import Faults
from local.provider.gallery import Gallery
from local.provider.ledger import MICRO, Account, Ledger
from local.provider.options import Options, Setup
from local.provider.predictions import Output, Prediction
from local.provider.request_log import Entry as Request
from local.provider.uploads import Upload

REFUNDED = ("failed", "timeout")
MODERATED = 1200
KEPT_REQUESTS = 50_000


class World:
    """Accounts, predictions, files, faults and records behind the two origins."""

    options: Options
    ledger: Ledger
    faults: Faults
    gallery: Gallery

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
        """Where files live until the simulator stops."""
        return Path(self._temporary.name)

    def reset(self) -> None:
        """Forget everything, as if just started; the clock keeps the time it was moved to."""
        for task in self._tasks:
            task.cancel()
        for kept in (self.requests, self.predictions, self.files, self.uploads, self.deliveries):
            kept.clear()
        for file in self.folder.iterdir():
            file.unlink()
        setup = self.setup
        self.options = setup.options
        opening = round(setup.options.opening_balance * MICRO)
        self.ledger = Ledger(setup.keys, setup.seed, opening)
        self.faults = Faults(setup.seed)
        self.gallery = Gallery(self.folder, self.pool, setup.seed)

    def spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something in the background until it is done or the simulator stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def pause(self, seconds: float) -> None:
        """Wait in real time, but not longer than the simulator lives."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def add(self, prediction: Prediction) -> None:
        """Take a prediction in."""
        self.predictions[prediction.id] = prediction
        self.files |= {output.path: (prediction, output) for output in prediction.outputs}

    def of(self, account: Account) -> list[Prediction]:
        """An account's predictions that still exist, in the order of their submission."""
        now = self.clock.now()
        return [p for p in self.predictions.values() if p.account is account and not p.is_gone(now)]

    def settle(self) -> None:
        """Book the refunds that have become due; called before anyone looks at the money."""
        now = self.clock.now()
        for prediction in self.predictions.values():
            due = self._refund_at(prediction)
            finished = prediction.is_finished(now) and not prediction.is_refunded
            if due is not None and due <= now and finished:
                prediction.is_refunded = True
                for charge in self.ledger.of(prediction.id):
                    self.ledger.record(charge.refunded(due))

    def _refund_at(self, prediction: Prediction) -> int | None:
        """When the charge is given back, if ever."""
        options, plan, webhook_faults = self.options, prediction.plan, prediction.webhook_faults
        if plan.finished_at is None or plan.succeeds or "refund_never" in webhook_faults:
            return None
        if "refund_now" in webhook_faults:
            return plan.finished_at
        if "refund_after" in webhook_faults:
            wait: float = webhook_faults["refund_after"]["seconds"]
            return plan.finished_at + round(wait * SECOND)
        spared = plan.code == MODERATED and not options.refund_moderated
        if options.refunds == "never" or spared or plan.final not in REFUNDED:
            return None
        return plan.finished_at + round(options.refund_delay_seconds * options.time_scale * SECOND)

    async def close(self) -> None:
        """Stop what runs and remove the files."""
        self.stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.aclose()
        await asyncio.to_thread(self.pool.shutdown, cancel_futures=True)
        self._temporary.cleanup()
