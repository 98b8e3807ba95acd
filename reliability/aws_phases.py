"""Phases with faults on the AWS side: services, killed workers, repeated deliveries, clock skew."""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from itertools import batched

import httpx

from reliability import faults
from reliability.audit import AuditRow, RequestedJob
from reliability.fault_cases import FaultCase
from reliability.harness import ChaosHarness
from reliability.injector import Call, Injector, injector
from reliability.skew import skewed
from simulator.webhooks import signed_headers

_NO_FAULT = FaultCase("")
_FAILED_RUN = FaultCase("run.failed code=1403", ("provider_failed",))
_LOST_RESPONSE = FaultCase("submit.accept_then_close")
# Kinds of jobs whose workers are killed, by the end of their row's name.
_KILL_CASES = {"": _NO_FAULT, ", run fails": _FAILED_RUN, ", submit unanswered": _LOST_RESPONSE}
# Concurrent kills, each in another job's worker. With twelve unanswered submits at once, the
# circuit breaker stays open for longer than a round waits.
_KILLS_PER_ROUND = 6


def services(harness: ChaosHarness, jobs: int, probability: float = 0.2) -> list[AuditRow]:
    """Inject every kind of fault into each AWS service, at random, while jobs run."""
    rows: list[AuditRow] = []
    with injector(harness.stack, seed=harness.seed) as aws:
        for service in faults.SERVICES:
            kinds = {
                "throttled": faults.throttle(service, probability=probability),
                "internal errors": faults.outage(service, probability=probability),
                "slow": faults.slow(service, milliseconds=(200, 5000), probability=probability),
                "reset before the call": faults.reset(service, probability=probability),
                "response lost": faults.lost(service, probability=probability),
            }
            if service == "events":
                kinds["partial PutEvents"] = faults.partial_put_events(probability=probability)
            for kind, fault in kinds.items():
                aws.set(fault)
                name = f"aws: {service} {kind}"
                requested = harness.requester.request_all([(name, _NO_FAULT)] * jobs)
                job_ids = [job.job_id for job in requested]
                _wait_under_faults(harness, job_ids)
                aws.set()
                harness.operator.settle(job_ids, seconds=240)
                rows += harness.audit(requested)
    return rows


def _wait_under_faults(harness: ChaosHarness, job_ids: Sequence[str], seconds: float = 20) -> None:
    """Wait until the jobs have ended, for at most `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(map(harness.operator.terminal_events, job_ids)):
        harness.bus.receive()


def kills(
    harness: ChaosHarness,
    max_rounds: int | None = None,
    functions: Sequence[str] | None = None,
    cases: Sequence[str] = tuple(_KILL_CASES),
) -> list[AuditRow]:
    """Kill the worker of each of these functions (None: all) before and after each of its requests.

    `max_rounds` limits the rounds of concurrent kills, for each kind of job in `cases`.
    """
    rows: list[AuditRow] = []
    with injector(harness.stack, functions) as killer:
        for suffix in cases:
            case = _KILL_CASES[suffix]
            killer.set()
            harness.run([(f"no kill{suffix}", case)])
            rows += _kill_at_each_point(harness, killer, suffix, case, max_rounds)
    return rows


def _kill_at_each_point(
    harness: ChaosHarness,
    killer: Injector,
    suffix: str,
    case: FaultCase,
    max_rounds: int | None,
) -> list[AuditRow]:
    # The POST and its recording first: a crash there can cost money.
    points = sorted(dict.fromkeys(killer.calls), key=_priority)
    moments: tuple[faults.Moment, ...] = ("before", "after")
    # One moment per round: of two kills at one request, only the first would happen.
    rounds = [
        (group, moment)
        for group in batched(points, _KILLS_PER_ROUND, strict=False)
        for moment in moments
    ]
    requested: list[RequestedJob] = []
    workers: Counter[str] = Counter()
    for group, moment in rounds[:max_rounds]:
        killer.set(*(
            faults.kill(point.function, point.operation, nth=point.nth, moment=moment)
            for point in group
        ))  # fmt: skip
        row = f"killed {moment}: {', '.join(sorted({point.function for point in group}))}{suffix}"
        jobs = harness.requester.request_all([(row, case)] * len(group))
        harness.operator.settle([job.job_id for job in jobs], seconds=300)
        requested += jobs
        workers[row] += len(killer.fired)
    rows = harness.audit(requested)
    for audited in rows:
        audited.unexpected.clear()  # a job killed in its POST may end as submission_unknown
        audited.name += f" ({workers[audited.name]} workers)"
    return rows


def _priority(point: Call) -> tuple[int, str]:
    is_post = point.operation.startswith("POST")
    return (0 if is_post else 1 if point.function == "Submit" else 2, point.function)


def repeated_deliveries(harness: ChaosHarness, jobs: int) -> list[AuditRow]:
    """Deliver events and webhooks repeatedly and out of order; send forged and stale webhooks."""
    rows: list[AuditRow] = []
    requested, inputs = harness.requester.request_by_event(
        "events delivered three times, shuffled", _NO_FAULT, jobs
    )
    again = random.Random(harness.seed).sample(inputs * 2, 2 * jobs)  # noqa: S311 - repeatable
    for event in again:
        harness.functions.invoke("OnRequest", event, kind="Event")
    harness.operator.settle([job.job_id for job in requested], seconds=120)
    rows += harness.audit(requested)
    name = "webhooks replayed, forged, stale"
    requested = harness.requester.request_all([(name, _NO_FAULT)] * jobs)
    _post_forged_webhooks(harness, [job.job_id for job in requested])
    harness.operator.settle([job.job_id for job in requested], seconds=120)
    for delivery in harness.admin("GET", "/webhooks"):
        harness.admin("POST", "/webhooks/replay", json={"number": delivery["number"]})
    rows += harness.audit(requested)
    return rows


def _post_forged_webhooks(harness: ChaosHarness, job_ids: Sequence[str]) -> None:
    """Post webhooks with invalid signatures. Raise AssertionError unless each gets a 401."""
    secret = harness.admin("GET", "/webhook-secret")["secret"]
    body = json.dumps({"id": "forged", "status": "completed", "outputs": []}).encode()
    now = int(time.time())
    for job_id in job_ids:
        url = f"{harness.stack.api_url}/webhooks/wavespeed/{job_id}?token=guess"
        for headers in (
            {},
            signed_headers("whsec_guess", "forged", now, body),
            signed_headers(secret, "forged", now - 900, body),
            signed_headers(secret, "forged", now, body + b" "),
        ):
            response = httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                raise AssertionError(f"a forged webhook got status {response.status_code}")


def clock_skew(
    harness: ChaosHarness, jobs: int, minutes: Sequence[int] = (-4, 4)
) -> list[AuditRow]:
    """Run jobs while the clocks of all functions are wrong. AWS itself tolerates five minutes."""
    rows: list[AuditRow] = []
    for skew in minutes:
        with skewed(harness.stack, skew * 60):
            name = f"clock: {skew:+d} minutes"
            requests = [(name, _NO_FAULT), (name, _LOST_RESPONSE)] * (jobs // 2)
            rows += harness.audit(harness.run(requests))
    return rows
