"""The phase for chains: kills and an outage while a step starts, repeated events, cancellations."""

import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import Any

import httpx

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.job import Job, Status
from darkroom_cli.operator.keys import TableKeys
from reliability import faults
from reliability.audit import AuditRow, RequestedJob
from reliability.harness import ChaosHarness
from reliability.injector import injector

_STEPS = 3
_FUNCTION = "ContinueChain"
_SETTLE_SECONDS = 240
_KILLS_PER_ROUND = 4
_OUTAGE_SECONDS = 20


@dataclass
class _Chain:
    """A requested chain: its table row, its label, and how many steps it may have."""

    row: str
    label: str
    chain_id: str
    steps: int = _STEPS

    def label_of(self, step: int) -> str:
        """Return the label in the prompt of a step."""
        return f"{self.label} step {step}"


class _Chains:
    """Requests chains of three steps, and audits them."""

    def __init__(self, harness: ChaosHarness, client: httpx.Client) -> None:
        self.client = client
        self._harness = harness
        self._jobs = JobTable(harness.stack.client("dynamodb"), harness.stack.table)

    def request(self, row: str) -> _Chain:
        """Request a chain of three steps."""
        label = f"{row} {secrets.token_hex(6)}"
        chain = _Chain(row, label, "")
        steps = [
            {"prompt": f"Case <{chain.label_of(step)}>", "quality": "low"} for step in range(_STEPS)
        ]
        body = {**steps[0], "operation": "text-to-image", "then": steps[1:]}
        response = self.client.post("/v1/jobs", json=body).raise_for_status()
        chain.chain_id = response.json()["job_id"]
        return chain

    def root(self, chain: _Chain) -> Job:
        """Return the record of the first job."""
        root = self._jobs.get(chain.chain_id)
        if root is None:
            raise LookupError(f"the chain {chain.chain_id} has no record")
        return root

    def settle(self, chains: Sequence[_Chain]) -> None:
        """Wait until all chains and their jobs have ended. The sweep repairs lost events."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            while self._harness.bus.receive(0):
                continue
            waiting = [root for root in map(self.root, chains) if self._is_waiting(root)]
            if not waiting:
                break
            self._harness.bus.receive(2)
            for root in waiting:
                if root.has_open_chain and not root.is_open:  # as if ten minutes had passed
                    self._jobs.update(root.job_id, when=list(Status), sweep_after=datetime.now(UTC))
            self._harness.operator.sweep()
        jobs = [job_id for chain in chains for job_id in self.root(chain).chain_jobs]
        self._harness.operator.settle(jobs, seconds=60)

    def _is_waiting(self, root: Job) -> bool:
        jobs = self._jobs.many(root.chain_jobs)
        return root.has_unpublished_chain or any(job.is_open for job in jobs)

    def events(self, chain: _Chain) -> list[dict[str, Any]]:
        """Return the distinct terminal events of a chain."""
        return [
            event
            for event in self._harness.bus.events
            if event["detail-type"] in ("ChainCompleted", "ChainFailed")
            and event["detail"]["chain_id"] == chain.chain_id
        ]

    def audit(self, chains: Sequence[_Chain]) -> list[AuditRow]:
        """Return the audit of all steps, one row per row name. A step without a job is lost."""
        requested: list[RequestedJob] = []
        unexpected: dict[str, list[str]] = {}
        prompts = [
            str(prediction["inputs"].get("prompt"))
            for prediction in self._harness.admin("GET", "/predictions")
        ]
        for chain in chains:
            root = self.root(chain)
            problems = unexpected.setdefault(chain.row, [])
            for step in range(max(chain.steps, len(root.chain_jobs))):
                started = step < len(root.chain_jobs)
                job_id = root.chain_jobs[step] if started else f"step {step} of {chain.chain_id}"
                requested.append(RequestedJob(chain.row, chain.label_of(step), job_id))
            if len(root.chain_jobs) > chain.steps:
                problems.append(f"{chain.chain_id}: {len(root.chain_jobs)} steps")
            if root.has_open_chain or root.chain_reservations:
                problems.append(f"{chain.chain_id}: has not ended")
            if len(self.events(chain)) != 1:
                problems.append(f"{chain.chain_id}: {len(self.events(chain))} terminal events")
            problems += [
                f"{chain.chain_id}: a prediction of a step without a job"
                for step in range(len(root.chain_jobs), _STEPS)
                if any(f"<{chain.label_of(step)}>" in prompt for prompt in prompts)
            ]
        rows = self._harness.audit(requested)
        for row in rows:
            row.unexpected += unexpected[row.name]
        return rows


def chains(harness: ChaosHarness, count: int, max_rounds: int | None = None) -> list[AuditRow]:
    """Run chains under kills, an outage, repeated events and cancellations; audit every step."""
    with _client(harness) as client:
        driver = _Chains(harness, client)
        rows = _kills(harness, driver, max_rounds)
        rows += _outage(harness, driver, count)
        rows += _repeated_events(harness, driver, count)
        rows += _cancellations(harness, driver, count)
    return rows


def _client(harness: ChaosHarness) -> httpx.Client:
    stack = harness.stack
    keys = TableKeys(stack.client, stack.table, stack.audit_log)
    token = keys.create({"name": f"chains-{secrets.token_hex(3)}", "unlimited": True})["key"]
    return httpx.Client(
        base_url=stack.api_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,
        trust_env=False,
    )


def _kills(harness: ChaosHarness, driver: _Chains, max_rounds: int | None) -> list[AuditRow]:
    """Kill the worker that starts the next step, before and after each of its requests."""
    with injector(harness.stack, [_FUNCTION]) as killer:
        first = driver.request("chains: no kill")
        driver.settle([first])
        points = sorted(dict.fromkeys(killer.calls))
        moments: tuple[faults.Moment, ...] = ("before", "after")
        rounds = [
            (group, moment)
            for group in batched(points, _KILLS_PER_ROUND, strict=False)
            for moment in moments
        ]
        requested, workers = [first], 0
        for group, moment in rounds[:max_rounds]:
            killer.set(
                *(faults.kill(p.function, p.operation, nth=p.nth, moment=moment) for p in group)
            )
            row = f"chains: killed {moment} its requests"
            started = [driver.request(row) for _ in group]
            driver.settle(started)
            requested += started
            workers += len(killer.fired)
    rows = driver.audit(requested)
    rows[-1].name += f" ({workers} workers in all)"
    return rows


def _outage(harness: ChaosHarness, driver: _Chains, count: int) -> list[AuditRow]:
    """Let every invocation fail, so that only the sweep continues the chains."""
    with injector(harness.stack, [_FUNCTION]) as aws:
        aws.set(faults.outage("dynamodb"))
        started = [driver.request("chains: events lost in an outage") for _ in range(count)]
        deadline = time.monotonic() + _OUTAGE_SECONDS
        while time.monotonic() < deadline:
            harness.bus.receive()
        aws.set()
        driver.settle(started)
    return driver.audit(started)


def _repeated_events(harness: ChaosHarness, driver: _Chains, count: int) -> list[AuditRow]:
    """Deliver every event of the jobs three more times, shuffled, also after the chain's end."""
    rng = random.Random(harness.seed)  # noqa: S311 - repeatable
    started = [driver.request("chains: events repeated, shuffled") for _ in range(count)]
    ids = {chain.chain_id for chain in started}
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline and not all(map(driver.events, started)):
        harness.bus.receive()
        ends = [
            event
            for event in harness.bus.events
            if event["detail"].get("chain_id") in ids and event["detail-type"].startswith("Job")
        ]
        for event in rng.sample(ends * 3, min(6, 3 * len(ends))):
            harness.functions.invoke(_FUNCTION, event, kind="Event")
    driver.settle(started)
    return driver.audit(started)


def _cancellations(harness: ChaosHarness, driver: _Chains, count: int) -> list[AuditRow]:
    """Cancel each chain at a random moment. No step starts after the response."""
    rng = random.Random(harness.seed)  # noqa: S311 - repeatable
    started = [driver.request("chains: canceled at random") for _ in range(count)]
    moments = sorted((rng.uniform(0, 4 * count), chain.chain_id) for chain in started)
    by_id = {chain.chain_id: chain for chain in started}
    begin = time.monotonic()
    for moment, chain_id in moments:
        while (left := begin + moment - time.monotonic()) > 0:
            harness.bus.receive(min(2, round(left)))
            if left < 1:
                time.sleep(left)
        response = driver.client.delete(f"/v1/jobs/{chain_id}")
        if response.status_code != httpx.codes.CONFLICT:  # it had ended
            steps = response.raise_for_status().json()["chain"]["steps"]
            by_id[chain_id].steps = sum(step["job_id"] is not None for step in steps)
    driver.settle(started)
    return driver.audit(started)
