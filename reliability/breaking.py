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
from reliability.guillotine import Guillotine, Moment, Step, guillotine
from reliability.lab import Lab
from reliability.replay import Recorder, deliver, disorder
from reliability.skew import skewed

_WELL = Case("")
_FAILS = Case("run.failed code=1403", ("provider_failed",))
_LOST = Case("submit.accept_then_close")
# Kills at once, each of another worker.
_AT_ONCE = 6


def services(lab: Lab, jobs: int, probability: float = 0.2) -> list[Row]:
    """Let each service of AWS fail now and then, in every way, while jobs run."""
    rows: list[Row] = []
    with aws_faults(lab.running, seed=lab.seed) as aws:
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
                asked = lab.asker.ask_all([(name, _WELL)] * jobs)
                _wait_under_faults(lab, [each.job_id for each in asked])
                aws.set()
                lab.operator.settle([each.job_id for each in asked], seconds=240)
                rows += lab.rows(asked)
    return rows


def _wait_under_faults(lab: Lab, job_ids: Sequence[str], seconds: float = 20) -> None:
    """Leave the faults on until the jobs have ended, or have met enough of them."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at and not all(map(lab.operator.terminal_events, job_ids)):
        lab.bus.receive()


def kills(lab: Lab, most: int | None = None) -> list[Row]:
    """Kill each function's worker before and after everything that it does to the world.

    `most`: rounds of some kills at once, for each kind of job.
    """
    rows: list[Row] = []
    with guillotine(lab.stack) as blade:
        for name, case in {"": _WELL, ", failing": _FAILS, ", unanswered": _LOST}.items():
            blade.forget()
            lab.run([(f"killed nobody{name}", case)])
            rows += _kill_at_each(lab, blade, name, case, most)
    return rows


def _kill_at_each(
    lab: Lab, blade: Guillotine, name: str, case: Case, most: int | None
) -> list[Row]:
    # The POST and its recording above all.
    steps = sorted(dict.fromkeys(blade.steps()), key=_rank)
    moments: tuple[Moment, Moment] = ("before", "after")
    # One moment at a time: of two orders for one request, only the first would be carried out.
    rounds = [
        (some, moment) for some in batched(steps, _AT_ONCE, strict=False) for moment in moments
    ]
    asked: list[Asked] = []
    workers: Counter[str] = Counter()
    for some, moment in rounds[:most]:
        blade.forget()
        orders = [
            blade.kill_at(step.function, step.operation, nth=step.nth, moment=moment)
            for step in some
        ]
        row = f"killed {moment}: {', '.join(sorted({step.function for step in some}))}{name}"
        new = lab.asker.ask_all([(row, case)] * len(some))
        lab.operator.settle([each.job_id for each in new], seconds=300)
        asked += new
        workers[row] += sum(order.victim is not None for order in orders)
    rows = lab.rows(asked)
    for found in rows:
        found.unexpected.clear()  # a job killed in its POST may end as unknown
        found.name += f" ({workers[found.name]} workers)"
    return rows


def _rank(step: Step) -> tuple[int, str]:
    is_post = step.operation.startswith("POST")
    return (0 if is_post else 1 if step.function == "Submit" else 2, step.function)


def told_again(lab: Lab, jobs: int) -> list[Row]:
    """Tell of events and webhooks again, late and out of order; forge some, and send stale ones."""
    rows: list[Row] = []
    with Recorder.of_requests(lab.stack) as requests:
        asked = lab.asker.ask_by_event("events told three times, shuffled", _WELL, jobs)
        events = requests.receive(jobs)
        deliver(lab.functions, "OnRequest", disorder(_as_told(events), copies=2, seed=lab.seed))
        lab.operator.settle([each.job_id for each in asked], seconds=120)
        rows += lab.rows(asked)
    name = "webhooks replayed, forged, stale"
    asked = lab.asker.ask_all([(name, _WELL)] * jobs)
    _forge(lab, [each.job_id for each in asked])
    lab.operator.settle([each.job_id for each in asked], seconds=120)
    for delivery in lab.admin("GET", "/webhooks"):
        lab.admin("POST", "/webhooks/replay", json={"number": delivery["number"]})
    rows += lab.rows(asked)
    return rows


def _as_told(events: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    return [
        {"caller": "events", "sees_all": True, "id": event["id"], "detail": event["detail"]}
        for event in events
    ]


def _forge(lab: Lab, job_ids: Sequence[str]) -> None:
    """Post webhooks that nobody at the provider sent: each has to be refused."""
    secret = lab.admin("GET", "/webhook-secret")["secret"]
    body = json.dumps({"id": "forged", "status": "completed", "outputs": []}).encode()
    now = int(time.time())
    for job_id in job_ids:
        url = f"{lab.stack.api_url}/webhooks/wavespeed/{job_id}?token=guess"
        for headers in (
            {},
            signed_headers("whsec_guess", "forged", now, body),
            signed_headers(secret, "forged", now - 900, body),
            signed_headers(secret, "forged", now, body + b" "),
        ):
            answer = httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                raise AssertionError(f"a forged webhook was answered {answer.status_code}")


def wrong_clock(lab: Lab, jobs: int, minutes: Sequence[int] = (-4, 4)) -> list[Row]:
    """Let the clocks of all functions be wrong, by less than AWS itself bears: five minutes."""
    rows: list[Row] = []
    for each in minutes:
        with skewed(lab.stack, each * 60):
            name = f"clock: {each:+d} minutes"
            rows += lab.rows(lab.run([(name, _WELL), (name, _LOST)] * (jobs // 2)))
    return rows
