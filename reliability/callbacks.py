"""Faults of callback receivers, repeated messages, and killed senders. No callback may be lost."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from darkroom.domain.callbacks import SecretGeneration, secrets_of
from reliability import faults
from reliability.audit import AuditRow, RequestedJob
from reliability.fault_cases import FaultCase
from reliability.harness import ChaosHarness
from reliability.injector import Call, Injector, injector

# The answers of a receiver to the first attempts; then it answers 204.
RECEIVER_FAULTS: dict[str, tuple[int | str, ...]] = {
    "no fault": (),
    "503 twice": (503, 503),
    "connection closed": ("close",),
    "no answer": ("silent",),
    "answer lost": ("lost",),
    "redirect": (302,),
    "404": (404,),
}
_SENDER = "SendCallback"
_SECONDS = 180  # until every callback must have arrived; the first three attempts take 30
# Of a message whose sender was killed. The deployed queue has three minutes.
_VISIBILITY_SECONDS = 3


class Receiver:
    """An HTTP server that records what it has accepted. The path of a URL names its faults."""

    def __init__(self) -> None:
        receiver, self.stopped = self, Event()
        self.accepted: list[tuple[dict[str, str], bytes]] = []
        self._attempts: Counter[str] = Counter()
        self._lock = Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver.answer(self.path, headers, body)
                if answer == "silent":
                    receiver.stopped.wait(_SECONDS)
                if isinstance(answer, int):
                    self.send_response(answer)
                    self.send_header("Location", "/elsewhere")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, fault: str, number: int) -> str:
        """Return a new URL whose receiver has a fault."""
        return f"http://127.0.0.1:{self._server.server_port}/{fault.replace(' ', '-')}/{number}"

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> int | str:
        """Record a callback if the receiver accepts it; return how to answer."""
        fault = path.split("/")[1].replace("-", " ")
        answers = RECEIVER_FAULTS[fault]
        with self._lock:
            self._attempts[path] += 1
            attempt = self._attempts[path]
            answer = answers[attempt - 1] if attempt <= len(answers) else 204
            if answer in (204, "lost"):
                self.accepted.append((headers, body))
        return answer

    def stop(self) -> None:
        """Stop the server."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Phase:
    """Requests jobs with a callback, and audits what the receiver has accepted."""

    def __init__(self, harness: ChaosHarness, receiver: Receiver) -> None:
        self.harness = harness
        self.receiver = receiver
        resources = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in harness.stack.client("cloudformation").describe_stack_resources(
                StackName=harness.stack.stack_name
            )["StackResources"]
        }
        self.queue = resources["Callbacks"]
        secret = harness.stack.client("secretsmanager").get_secret_value(
            SecretId=resources["CallbackMaster"]
        )
        self._master: str = secret["SecretString"]
        self._urls = 0

    def request(self, rows: Sequence[tuple[str, str]]) -> list[RequestedJob]:
        """Request a job for each row name and fault of its receiver; wait until all have ended."""
        cases = []
        for row, fault in rows:
            self._urls += 1
            url = self.receiver.url(fault, self._urls)
            cases.append((row, FaultCase("", request={"callback_url": url})))
        return self.harness.run(cases)

    def audit(self, requested: Sequence[RequestedJob]) -> list[AuditRow]:
        """Return the audit of these jobs. A lost or forged callback is unexpected."""
        expected = {self._terminal_event(job.job_id)["detail"]["id"]: job for job in requested}
        deadline = time.monotonic() + _SECONDS
        while expected.keys() - self._accepted() and time.monotonic() < deadline:
            time.sleep(0.2)
        rows = {row.name: row for row in self.harness.audit(requested)}
        for event_id in expected.keys() - self._accepted():
            rows[expected[event_id].row].unexpected.append(f"{event_id}: callback lost")
        for row in rows.values():
            row.unexpected += self._forged()
        return list(rows.values())

    def deliver_again(self, requested: Sequence[RequestedJob], seed: int) -> None:
        """Queue the message of each job twice more, in random order; wait for the deliveries."""
        before = len(self.receiver.accepted)
        messages = [self._terminal_event(job.job_id) for job in requested] * 2
        random.Random(seed).shuffle(messages)  # noqa: S311 - repeatable
        sqs = self.harness.stack.client("sqs")
        for message in messages:
            sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(message))
        deadline = time.monotonic() + _SECONDS
        while len(self.receiver.accepted) < before + len(messages) and time.monotonic() < deadline:
            time.sleep(0.2)

    @contextmanager
    def short_visibility(self) -> Iterator[None]:
        """Deliver the message of a killed sender again after a few seconds."""
        sqs: Any = self.harness.stack.client("sqs")
        name = "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={name: str(_VISIBILITY_SECONDS)})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=self.queue, Attributes=before)

    def _accepted(self) -> set[str]:
        return {headers["webhook-id"] for headers, _ in list(self.receiver.accepted)}

    def _forged(self) -> list[str]:
        """Return the callbacks whose signature or id is wrong."""
        wrong = []
        for headers, body in list(self.receiver.accepted):
            content = json.loads(body)
            secret = secrets_of(
                self._master, content["data"]["caller"], SecretGeneration(), datetime.now(UTC)
            ).secret
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError as error:
                wrong.append(f"{headers['webhook-id']}: {error}")
            if content["data"]["id"] != headers["webhook-id"]:
                wrong.append(f"{headers['webhook-id']}: another event")
        return wrong

    def _terminal_event(self, job_id: str) -> dict[str, Any]:
        return self.harness.bus.wait_for(
            lambda event: (
                event["detail"].get("job_id") == job_id
                and event["detail-type"] in ("JobCompleted", "JobFailed")
            ),
            seconds=_SECONDS,
            what=f"the end of {job_id}",
        )


def callbacks(harness: ChaosHarness, jobs: int) -> list[AuditRow]:
    """Run jobs whose receivers are faulty, repeat messages, and kill senders at each request."""
    receiver = Receiver()
    try:
        phase = _Phase(harness, receiver)
        rows = [(f"receiver: {fault}", fault) for fault in RECEIVER_FAULTS for _ in range(jobs)]
        audited = phase.audit(phase.request(rows))
        requested = phase.request([("messages repeated, shuffled", "no fault")] * jobs)
        phase.deliver_again(requested, harness.seed)
        audited += phase.audit(requested)
        with phase.short_visibility(), injector(harness.stack, [_SENDER]) as killer:
            audited += _kill_senders(phase, killer)
        return audited
    finally:
        receiver.stop()


def _kill_senders(phase: _Phase, killer: Injector) -> list[AuditRow]:
    # A new worker also reads the master secret. A failed attempt also defers its message.
    phase.harness.functions.restart([_SENDER])
    fault = "503 twice"
    audited = phase.audit(phase.request([("sender not killed", fault)]))
    points: list[Call] = list(dict.fromkeys(call._replace(nth=1) for call in killer.calls))
    requested: list[RequestedJob] = []
    killed: Counter[str] = Counter()
    moments: tuple[faults.Moment, ...] = ("before", "after")
    for point in points:
        for moment in moments:
            killer.set(faults.kill(_SENDER, point.operation, nth=1, moment=moment))
            name = f"sender killed {moment} {point.operation}"
            requested += phase.request([(name, fault)])
            _wait_for_kill(killer)
            killed[name] += len(killer.fired)
    rows = phase.audit(requested)
    for row in rows:
        if not killed[row.name]:
            row.unexpected.append("no sender was killed")
    return audited + rows


def _wait_for_kill(killer: Injector, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not killer.fired and time.monotonic() < deadline:
        time.sleep(0.2)
