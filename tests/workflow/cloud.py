"""The deployment in moto: the shipped state machine, the real handlers, and results of jobs."""

import json
import ssl
from collections import defaultdict
from functools import cache, partial
from typing import Any

import boto3
import httpx
import pytest
from moto.core.serialize import ResponseSerializer

from darkroom import aws
from darkroom.adapters.dynamodb.items import JOB
from darkroom.adapters.dynamodb.jobs import BudgetTable, JobTable, read_job
from darkroom.adapters.dynamodb.queue import QueueTable
from darkroom.app import app
from darkroom.aws import AwsPorts
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import QueueShard
from darkroom.handlers.api import api
from tests.infra.template import properties
from tests.workflow import deployment
from tests.workflow.clock import Clock
from tests.workflow.deployment import BUCKET, MACHINE, MACHINE_ARN, SECRET, STATES, TABLE, session
from tests.workflow.entry_points import api_request_event, rule_input, webhook_event
from tests.workflow.invariants import PROMPT, Run, check, check_counts
from tests.workflow.lambdas import Lambdas
from tests.workflow.machine import FunctionError, Machine
from tests.workflow.provider import Provider

# Seconds that REQUEST waits for its webhook: the first wait and the next ones.
WEBHOOK_WAIT, NEXT_WEBHOOK_WAIT = 76, 30
REQUEST: dict[str, Any] = {"operation": "text-to-image", "prompt": PROMPT}
# States of the path of a successful job, and of a failed one.
SUBMIT, CHECK = ["Submit", "SubmitResult"], ["WaitBeforeCheck", "Check", "CheckResult"]
FINALIZE, FAIL = ["Finalize", "FinalizeResult"], ["Fail", "Failed"]
AWAIT_WEBHOOK, DEFER = ["WaitForWebhook", *FINALIZE], [*SUBMIT, "WaitForSlot"]
SUCCESS_PATH = [*SUBMIT, *CHECK, *FINALIZE, "Done"]
WEBHOOK_PATH = [*SUBMIT, *AWAIT_WEBHOOK, "Done"]


class Cloud:
    """One AWS account with one deployment; faults and provider responses are scripted."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.provider = Provider(lambda: self.clock.now)
        self.lambdas = Lambdas()
        self.machine = Machine(patch, self.clock, self.lambdas.invoke)
        self.tokens: set[str] = set()  # task and submit tokens of all jobs
        self.may_pay_twice = False
        self._patch = patch
        self._statuses: dict[str, list[str]] = defaultdict(list)
        self._events: list[tuple[str, dict[str, Any]]] = []
        self.provider.on_post = self.lambdas.record_write
        self.provider.on_get = self.lambdas.report_read
        self.provider.current_job_id = lambda: self.lambdas.job_id
        self.lambdas.on_records = self._record_jobs
        self._install()
        self.configure()
        self.lambdas.watch(session())
        self._queue = deployment.deploy()
        self.budgets = BudgetTable(boto3.client("dynamodb"), TABLE)
        self._sfn, self._sqs = boto3.client("stepfunctions"), boto3.client("sqs")

    def configure(self, **variables: str) -> None:
        """Change environment variables and clear the cached app."""
        deployment.set_variables(self._patch, **variables)
        app.cache_clear()
        api.cache_clear()

    def set_submits(self, value: str) -> None:
        """Set the submits flag to `on` or `off`."""
        deployment.set_flag("SubmitsFlag", value)

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

    def deliver_webhook(self, number: int = -1, **fields: Any) -> int:
        """Deliver the webhook of a prediction; return the status code."""
        event = webhook_event(*self.provider.webhook(number, **fields))
        try:
            status: int = self.lambdas.invoke("OnWebhookFunction", event)["statusCode"]
        except FunctionError:
            return 502  # status that API Gateway returns
        return status

    def sweep(self) -> dict[str, list[str]] | None:
        """Invoke Sweep; return its report, or None if it crashed."""
        report: dict[str, list[str]] | None
        report = self.lambdas.deliver("SweepFunction", {"id": "sweep-1"})
        return report

    def run(self, detail: object = REQUEST) -> Run:
        """Request a job, run its execution and OnExecutionEnded, and check the invariants."""
        job_id = self.request(detail)
        self.machine.run_pending()
        self.deliver_end_event(job_id)
        return self.inspect(job_id)

    def deliver_end_event(self, job_id: str, execution: str | None = None) -> None:
        """Invoke OnExecutionEnded if its rule matches the status of the execution."""
        description = self.execution(execution or job_id)
        event = properties("OnExecutionEndedFunction")["Events"]["ExecutionEnded"]["Properties"]
        if description["status"] in event["Pattern"]["detail"]["status"]:
            detail = {name: description.get(name) for name in ("name", "status", "error")}
            self.lambdas.deliver("OnExecutionEndedFunction", {"id": "end-1", "detail": detail})

    def inspect(self, job_id: str, execution: str | None = None) -> Run:
        """Return the result of an execution after checking the invariants of its job."""
        description = self.execution(execution or job_id)
        history = self.history(description["executionArn"])
        entered = [
            e["stateEnteredEventDetails"] for e in history if "stateEnteredEventDetails" in e
        ]
        run = Run(
            status=description["status"],
            error=description.get("error"),
            states=[details["name"] for details in entered],
            job=self.job(job_id),
            statuses=list(self._statuses[job_id]),
            posts=[post for post in self.provider.posts if post.job_id == job_id],
            events=self.events(job_id),
            history=json.dumps([description, history], default=str),
        )
        check(run, allows_double_charge=self.may_pay_twice)
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
        """Check the queue, in-flight and budget counts against the records."""
        check_counts(
            self.jobs(),
            self.queue(),
            lambda day, scope: self.budgets.reserved(day, scope).micro_usd,
        )

    def queue(self) -> QueueShard:
        """Return the queue shard."""
        return QueueTable(boto3.client("dynamodb"), TABLE).read()

    def execution(self, name: str) -> Any:
        """Return the description of an execution."""
        return self._sfn.describe_execution(executionArn=f"{STATES}:execution:{MACHINE}:{name}")

    def history(self, arn: str) -> list[dict[str, Any]]:
        """Return the history events of an execution."""
        pages = self._sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [dict(event) for page in pages for event in page["events"]]

    def start(self, job_id: str, name: str, machine: str = MACHINE_ARN, **step: Any) -> str:
        """Start another execution of a job directly; return its ARN."""
        execution_input = json.dumps({"job_id": job_id, **step})
        response = self._sfn.start_execution(
            stateMachineArn=machine, name=name, input=execution_input
        )
        return str(response["executionArn"])

    def redrive(self, job_id: str) -> str:
        """Continue a job's execution at its last state, like RedriveExecution, which moto lacks.

        Return the ARN of the execution that replaces it.
        """
        history = self.history(self.execution(job_id)["executionArn"])
        last = [e["stateEnteredEventDetails"] for e in history if "stateEnteredEventDetails" in e]
        state, step = last[-1]["name"], json.loads(last[-1]["input"])
        name = f"redrive-{state}"
        arn = deployment.create_machine(name, {**deployment.definition(), "StartAt": state})
        return self.start(name=name, machine=arn, **step)

    def stop(self, job_id: str) -> None:
        """Stop the execution of a job."""
        self._sfn.stop_execution(executionArn=f"{STATES}:execution:{MACHINE}:{job_id}")

    def rotate_key(self, key: str) -> None:
        """Store another provider key in the secret."""
        boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=key)

    def asset(self, key: str) -> bytes:
        """Return an object of the assets bucket."""
        return boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def events(self, job_id: str | None) -> list[tuple[str, dict[str, Any]]]:
        """Return the published events of a job, or those without a job for None."""
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

    def _record_jobs(self, job_ids: set[str]) -> None:
        """Record the statuses and tokens of jobs that a handler has just written."""
        for job_id in job_ids:
            job = self.job(job_id)
            statuses = self._statuses[job_id]
            if statuses[-1:] != [str(job.status)]:
                statuses.append(str(job.status))
            self.tokens |= {token for token in (job.submit_token, job.wake_token) if token}

    def _install(self) -> None:
        """Replace time, the provider and AWS clients by their simulations."""
        handle = self.provider.handle
        ports = partial(
            AwsPorts,
            now=lambda: self.clock.now,
            sleep=self.clock.sleep,
            monotonic=lambda: self.clock.elapsed,
        )
        self._patch.setattr(aws, "AwsPorts", ports)
        self._patch.setattr(
            httpx.HTTPTransport, "handle_request", lambda _, request: handle(request)
        )
        self._patch.setattr(boto3, "DEFAULT_SESSION", session())
        # Speed: moto spends most of its time searching serialized names of attribute values.
        self._patch.setattr(ResponseSerializer, "get_value", _get_value)
        # Speed: reading the certificates takes longer than a job.
        self._patch.setattr(ssl, "create_default_context", lambda **_: _certificates())


_certificates = cache(ssl.create_default_context)
_get_value_original = ResponseSerializer.get_value


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    if type(value) is dict and getattr(shape, "parent", shape).name == "AttributeValue":
        return value.get(key)  # DynamoDB attribute values use their own names
    return _get_value_original(serializer, value, key, shape)
