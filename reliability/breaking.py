"""AWS misbehaves: faulty services, killed workers, things told twice, a clock that is wrong."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from itertools import batched

import httpx

from local.provider.webhooks import signed_headers
from reliability import faults
from reliability.audit import Asked, Row
from reliability.aws_faults import aws_faults
from reliability.cases import Case
from reliability.harness import ChaosHarness
from reliability.replay import Recorder, deliver, disorder
from reliability.skew import skewed
from reliability.worker_killer import KillPoint, Moment, WorkerKiller, worker_killer

_WELL = Case("")
_FAILS = Case("run.failed code=1403", ("provider_failed",))
_LOST = Case("submit.accept_then_close")
# Kills at once, each of another worker.
_AT_ONCE = 6


def services(harness: ChaosHarness, jobs: int, probability: float = 0.2) -> list[Row]:
    """Let each service of AWS fail now and then, in every way, while jobs run."""
    rows: list[Row] = []
    with aws_faults(harness.running, seed=harness.seed) as aws:
        for service in faults.SERVICES:
            kinds = {
                "throttled": faults.throttle(service, probability=probability),
                "internal errors": faults.outage(service, probability=probability),
                "slow": faults.slow(service, milliseconds=(200, 5000), probability=probability),
                "cut before": faults.reset(service, probability=probability),
                "cut after": faults.lost(service, probability=probability),
            }
            if service == "events":
                kinds["partial PutEvents"] = faults.partial_put_events(probability=probability)
            for kind, fault in kinds.items():
                aws.set(fault)
                name = f"aws: {service} {kind}"
                asked = harness.asker.ask_all([(name, _WELL)] * jobs)
                _wait_under_faults(harness, [each.job_id for each in asked])
                aws.set()
                harness.operator.settle([each.job_id for each in asked], seconds=240)
                rows += harness.rows(asked)
    return rows


def _wait_under_faults(harness: ChaosHarness, job_ids: Sequence[str], seconds: float = 20) -> None:
    """Leave the faults on until the jobs have ended, or have met enough of them."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at and not all(map(harness.operator.terminal_events, job_ids)):
        harness.bus.receive()


def kills(harness: ChaosHarness, most: int | None = None) -> list[Row]:
    """Kill each function's worker before and after everything that it does to the world.

    `most`: rounds of some kills at once, for each kind of job.
    """
    rows: list[Row] = []
    with worker_killer(harness.stack) as killer:
        for name, case in {"": _WELL, ", failing": _FAILS, ", unanswered": _LOST}.items():
            killer.forget()
            harness.run([(f"killed nobody{name}", case)])
            rows += _kill_at_each(harness, killer, name, case, most)
    return rows


def _kill_at_each(
    harness: ChaosHarness, killer: WorkerKiller, name: str, case: Case, most: int | None
) -> list[Row]:
    # The POST and its recording above all.
    steps = sorted(dict.fromkeys(killer.steps()), key=_rank)
    moments: tuple[Moment, Moment] = ("before", "after")
    # One moment at a time: of two orders for one request, only the first would be carried out.
    rounds = [
        (some, moment) for some in batched(steps, _AT_ONCE, strict=False) for moment in moments
    ]
    asked: list[Asked] = []
    workers: Counter[str] = Counter()
    for some, moment in rounds[:most]:
        killer.forget()
        orders = [
            killer.kill_at(step.function, step.operation, nth=step.nth, moment=moment)
            for step in some
        ]
        row = f"killed {moment}: {', '.join(sorted({step.function for step in some}))}{name}"
        new = harness.asker.ask_all([(row, case)] * len(some))
        harness.operator.settle([each.job_id for each in new], seconds=300)
        asked += new
        workers[row] += sum(order.target is not None for order in orders)
    rows = harness.rows(asked)
    for found in rows:
        found.unexpected.clear()  # a job killed in its POST may end as unknown
        found.name += f" ({workers[found.name]} workers)"
    return rows


def _rank(step: KillPoint) -> tuple[int, str]:
    is_post = step.operation.startswith("POST")
    return (0 if is_post else 1 if step.function == "Submit" else 2, step.function)


def told_again(harness: ChaosHarness, jobs: int) -> list[Row]:
    """Tell of events and webhooks again, late and out of order; forge some, and send stale ones."""
    rows: list[Row] = []
    with Recorder.of_requests(harness.stack) as requests:
        asked = harness.asker.ask_by_event("events told three times, shuffled", _WELL, jobs)
        events = requests.receive(jobs)
        deliver(
            harness.functions, "OnRequest", disorder(_as_told(events), copies=2, seed=harness.seed)
        )
        harness.operator.settle([each.job_id for each in asked], seconds=120)
        rows += harness.rows(asked)
    name = "webhooks replayed, forged, stale"
    asked = harness.asker.ask_all([(name, _WELL)] * jobs)
    _forge(harness, [each.job_id for each in asked])
    harness.operator.settle([each.job_id for each in asked], seconds=120)
    for delivery in harness.admin("GET", "/webhooks"):
        harness.admin("POST", "/webhooks/replay", json={"number": delivery["number"]})
    rows += harness.rows(asked)
    return rows


def _as_told(events: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    return [
        {"caller": "events", "can_read_all": True, "id": event["id"], "detail": event["detail"]}
        for event in events
    ]


def _forge(harness: ChaosHarness, job_ids: Sequence[str]) -> None:
    """Post webhooks that nobody at the provider sent: each has to be refused."""
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
            answer = httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                raise AssertionError(f"a forged webhook was answered {answer.status_code}")


def wrong_clock(harness: ChaosHarness, jobs: int, minutes: Sequence[int] = (-4, 4)) -> list[Row]:
    """Let the clocks of all functions be wrong, by less than AWS itself bears: five minutes."""
    rows: list[Row] = []
    for each in minutes:
        with skewed(harness.stack, each * 60):
            name = f"clock: {each:+d} minutes"
            rows += harness.rows(harness.run([(name, _WELL), (name, _LOST)] * (jobs // 2)))
    return rows
