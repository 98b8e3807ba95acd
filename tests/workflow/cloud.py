"""The deployment in moto: the shipped state machine, the real handlers, and results of jobs."""

import json
import ssl
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import boto3
import httpx
import pytest

from darkroom import aws
from darkroom.adapters.dynamodb.items import JOB
from darkroom.adapters.dynamodb.jobs import BudgetTable, JobTable, read_job
from darkroom.adapters.dynamodb.queue import QueueTable
from darkroom.app import app
from darkroom.aws import AwsPorts
from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.handlers._http import api
from tests.infra.template import properties
from tests.workflow import deployment
from tests.workflow.clock import Clock
from tests.workflow.deployment import BUCKET, MACHINE, STATES, TABLE, VARIABLES, session
from tests.workflow.entry_points import api_request_event, rule_input, webhook_event
from tests.workflow.lambdas import Lambdas
from tests.workflow.machine import FunctionError, Machine
from tests.workflow.provider import KEY, SIGNATURE, WEBHOOK_SECRET, Post, Provider

PROMPT = "A lighthouse at dawn, private to its caller"
PRIVATE = (PROMPT, "https:", SIGNATURE, KEY, WEBHOOK_SECRET)
REQUEST: dict[str, Any] = {"operation": "text-to-image", "prompt": PROMPT}
WEBHOOK_WAIT, NEXT_WEBHOOK_WAIT = 76, 30  # seconds that REQUEST waits for its webhook
# States of the path of a successful job, and of a failed one.
SUBMIT, CHECK = ["Submit", "SubmitResult"], ["WaitBeforeCheck", "Check", "CheckResult"]
FINALIZE, FAIL = ["Finalize", "FinalizeResult"], ["Fail", "Failed"]
AWAIT_WEBHOOK, DEFER = ["WaitForWebhook", *FINALIZE], [*SUBMIT, "WaitForSlot"]
SUCCESS_PATH = [*SUBMIT, *CHECK, *FINALIZE, "Done"]
WEBHOOK_PATH = [*SUBMIT, *AWAIT_WEBHOOK, "Done"]


@dataclass(frozen=True)
class Run:
    """The result of one execution."""

    status: str
    error: str | None
    states: list[str]
    job: Job
    posts: list[Post]
    events: list[tuple[str, dict[str, Any]]]
    history: str

    @property
    def event_names(self) -> list[str]:
        """The names of the published events, in order."""
        return [name for name, _ in self.events]

    @property
    def outcome(self) -> tuple[str, str | None]:
        """The status and error of the execution."""
        return self.status, self.error

    def check(self) -> None:
        """Check the invariants of every job, independent of its course."""
        assert len([post for post in self.posts if post.prediction]) <= 1, "paid for once"
        # At least one terminal event, all with the same id.
        ids = {event["id"] for name, event in self.events if name in ("JobCompleted", "JobFailed")}
        assert ids == {f"{self.job.job_id}.{self.job.status}"}
        assert self.job.published_at is not None
        # The history contains no private data, but it must contain the task token.
        assert not [text for text in (*PRIVATE, *tokens(self.posts)) if text in self.history]


def tokens(posts: list[Post]) -> set[str]:
    """Return the tokens in the webhook URLs of submits."""
    urls = [dict(post.request.url.params).get("webhook", "") for post in posts]
    return {url.partition("?token=")[2] for url in urls if url}


class Cloud:
    """One AWS account with one deployment; faults and provider responses are scripted."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.provider = Provider(lambda: self.clock.now)
        self.lambdas = Lambdas(session())
        self.machine = Machine(patch, self.clock, self.lambdas.invoke)
        self._events: list[tuple[str, dict[str, Any]]] = []
        self.provider.report = self.lambdas.report
        self.provider.current_job_id = lambda: self.lambdas.job_id
        self._install(patch)
        self._queue = deployment.deploy()
        self._sfn, self._sqs = boto3.client("stepfunctions"), boto3.client("sqs")

    def enable_webhooks(self) -> None:
        """Set the webhooks flag to the public URL."""
        deployment.set_flag("WebhooksFlag", deployment.PUBLIC_URL)

    def request(self, detail: object = REQUEST, event_id: str = "event-1") -> str:
        """Deliver a JobRequested event; return the job id."""
        event = {"id": event_id, "detail-type": "JobRequested", "detail": detail}
        payload = rule_input("OnRequestFunction", "JobRequested", event)
        job_id: str = self.lambdas.deliver("OnRequestFunction", payload)["job_id"]
        return job_id

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Call the HTTP API as admin; return the response of the function."""
        response: dict[str, Any] = self.lambdas.invoke(
            "ApiFunction", api_request_event(method, path, role="admin", **options)
        )
        return response

    def cancel(self, job_id: str) -> int:
        """Cancel a job by its HTTP route; return the status code."""
        status: int = self.call("DELETE", f"/v1/jobs/{job_id}")["statusCode"]
        return status

    def deliver_webhook(self) -> int:
        """Deliver the webhook of the newest prediction; return the status code."""
        event = webhook_event(*self.provider.webhook())
        try:
            status: int = self.lambdas.invoke("OnWebhookFunction", event)["statusCode"]
        except FunctionError:
            return 502  # status that API Gateway returns
        return status

    def sweep(self) -> dict[str, list[str]]:
        """Invoke Sweep; return the job ids by action, none if it crashed."""
        swept: dict[str, list[str]] | None
        swept = self.lambdas.deliver("SweepFunction", {"id": "sweep-1"})
        return swept or {}

    def sweep_for(self, minutes: int) -> dict[str, set[str]]:
        """Run Sweep each minute for so many minutes; return the job ids by action."""
        report: dict[str, set[str]] = {}

        def sweep() -> None:
            for action, job_ids in self.sweep().items():
                report.setdefault(action, set()).update(job_ids)

        for minute in range(1, minutes + 1):
            self.clock.schedule(60 * minute, sweep)
        self.machine.run_pending()
        return report

    def run(self, detail: object = REQUEST) -> Run:
        """Request a job, and run it to its end."""
        return self.finish(self.request(detail))

    def finish(self, job_id: str) -> Run:
        """Run the job's execution and OnExecutionEnded; return the result."""
        self.machine.run_pending()
        self.deliver_end_event(job_id)
        return self.inspect(job_id)

    def deliver_end_event(self, job_id: str) -> None:
        """Invoke OnExecutionEnded if its rule matches the status of the execution."""
        description = self.execution(job_id)
        event = properties("OnExecutionEndedFunction")["Events"]["ExecutionEnded"]["Properties"]
        if description["status"] in event["Pattern"]["detail"]["status"]:
            detail = {name: description.get(name) for name in ("name", "status", "error")}
            self.lambdas.deliver("OnExecutionEndedFunction", {"id": "end-1", "detail": detail})

    def inspect(self, job_id: str) -> Run:
        """Return the result of the job's execution after checking the invariants."""
        description = self.execution(job_id)
        pages = self._sfn.get_paginator("get_execution_history").paginate(
            executionArn=description["executionArn"]
        )
        history: list[Any] = [event for page in pages for event in page["events"]]
        run = Run(
            status=description["status"],
            error=description.get("error"),
            states=[
                event["stateEnteredEventDetails"]["name"]
                for event in history
                if "stateEnteredEventDetails" in event
            ],
            job=self.job(job_id),
            posts=[post for post in self.provider.posts if post.job_id == job_id],
            events=self.events(job_id),
            history=json.dumps([description, history], default=str),
        )
        run.check()
        return run

    def job(self, job_id: str) -> Job:
        """Return the record of a job."""
        job = JobTable(boto3.client("dynamodb"), TABLE).get(job_id)
        assert job is not None
        return job

    def jobs(self) -> list[Job]:
        """Return the records of all jobs."""
        items = boto3.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return [read_job(item) for item in items if item["sk"]["S"] == JOB]

    def check_counts(self) -> None:
        """Check the counts of the queue, in flight and of budgets against the job records."""
        table, jobs = boto3.client("dynamodb"), self.jobs()
        shard, budgets = QueueTable(table, TABLE).read(), BudgetTable(table, TABLE)
        assert shard.in_flight == len([job for job in jobs if job.is_in_flight])
        assert len(shard.normal) + len(shard.low) == len([job for job in jobs if job.is_in_queue])
        for day, scope in {(r.day, r.scope) for job in jobs for r in job.reservations}:
            reserved = sum(
                reservation.micro_usd
                for job in jobs
                for reservation in job.reservations
                if (reservation.day, reservation.scope) == (day, scope)
                and (job.is_open or job.charge is not Charged.NO)
            )
            assert budgets.reserved(day, scope).micro_usd == reserved

    def execution(self, name: str) -> Any:
        """Return the description of an execution."""
        return self._sfn.describe_execution(executionArn=f"{STATES}:execution:{MACHINE}:{name}")

    def start(self, job_id: str, name: str) -> None:
        """Start another execution of a job directly, and run it."""
        self._sfn.start_execution(
            stateMachineArn=deployment.MACHINE_ARN,
            name=name,
            input=json.dumps({"job_id": job_id}),
        )
        self.machine.run_pending()

    def stop(self, job_id: str) -> None:
        """Stop the execution of a job."""
        self._sfn.stop_execution(executionArn=f"{STATES}:execution:{MACHINE}:{job_id}")

    def asset(self, key: str) -> bytes:
        """Return an object of the assets bucket."""
        return boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def events(self, job_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the published events of a job."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                published = json.loads(message["Body"])
                self._events.append((published["detail-type"], published["detail"]))
                self._sqs.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return [(name, detail) for name, detail in self._events if detail["job_id"] == job_id]

    def _install(self, patch: pytest.MonkeyPatch) -> None:
        """Set the environment; replace time, the provider and AWS clients by their simulations."""
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        app.cache_clear()
        api.cache_clear()
        ports = partial(
            AwsPorts,
            now=lambda: self.clock.now,
            sleep=self.clock.sleep,
            monotonic=lambda: self.clock.now.timestamp(),
        )
        patch.setattr(aws, "AwsPorts", ports)
        handle = self.provider.handle
        patch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: handle(request))
        patch.setattr(boto3, "DEFAULT_SESSION", session())
        # Speed: reading the certificates takes longer than a job.
        patch.setattr(ssl, "create_default_context", lambda **_: _certificates())


_certificates = cache(ssl.create_default_context)
