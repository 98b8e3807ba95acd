"""The deployment in moto: the shipped machine, the real handlers, and what a job came to."""

import json
import ssl
from collections import defaultdict
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import pytest
from aws_lambda_powertools.utilities.parameters import base as parameters
from moto.core.serialize import ResponseSerializer

from darkroom.adapters.claims import BudgetTable
from darkroom.adapters.items import SORT_KEY, read_job
from darkroom.adapters.queue_table import QueueTable
from darkroom.adapters.table import JobTable
from darkroom.adapters.webhook_secrets import WebhookSecrets
from darkroom.bootstrap import clients, entry_points, steps, sweeps
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import QueueShard
from tests.infra.template import properties
from tests.workflow import deployment
from tests.workflow.deployment import BUCKET, MACHINE, MACHINE_ARN, SECRET, STATES, TABLE, session
from tests.workflow.entry_points import of_call, of_rule, of_webhook
from tests.workflow.invariants import PROMPT, Run, check, check_counts
from tests.workflow.lambdas import Lambdas
from tests.workflow.machine import FunctionError, Machine
from tests.workflow.provider import Provider
from tests.workflow.timeline import Clock

# How long REQUEST listens for its webhook: first, and whenever it did not come.
LISTENS, LISTENS_AGAIN = 76, 30
REQUEST: dict[str, Any] = {"operation": "text-to-image", "prompt": PROMPT}
# The way through the machine if all goes well, and its last part if not.
SUBMIT, CHECK = ["Submit", "SubmitResult"], ["WaitBeforeCheck", "Check", "CheckResult"]
LISTEN, DEFER = (
    ["WaitForWebhook", "Check", "CheckResult"],
    ["Submit", "SubmitResult", "WaitForSlot"],
)
FINALIZE, FAIL = ["Finalize", "FinalizeResult"], ["Fail", "Failed"]
STRAIGHT = [*SUBMIT, *CHECK, *FINALIZE, "Done"]
_MADE_ONCE = [
    made
    for module in (clients, entry_points, steps, sweeps)
    for made in vars(module).values()
    if hasattr(made, "cache_clear")
]


class Cloud:
    """One account with one deployment; faults and the provider's answers are scripted."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.provider = Provider(lambda: self.clock.now)
        self.lambdas = Lambdas()
        self.machine = Machine(patch, self.clock, self.lambdas.invoke)
        self.secrets: set[str] = set()  # tokens that were given out
        self.may_pay_twice = False
        self._patch = patch
        self._statuses: dict[str, list[str]] = defaultdict(list)
        self._events: list[tuple[str, dict[str, Any]]] = []
        self.provider.on_post = self.lambdas.effect
        self.provider.on_get = self.lambdas.moment
        self.provider.whose = lambda: self.lambdas.job_id
        self.lambdas.on_records = self._note
        self._put_in()
        self.configure()
        self.lambdas.watch(session())
        self._queue = deployment.deploy()
        self.budgets = BudgetTable(boto3.client("dynamodb"), TABLE)
        self._sfn, self._sqs = boto3.client("stepfunctions"), boto3.client("sqs")

    def configure(self, **variables: str) -> None:
        """Deploy the functions with other variables."""
        deployment.set_variables(self._patch, **variables)
        for make in _MADE_ONCE:
            make.cache_clear()

    def submits(self, value: str) -> None:
        """Let the owner stop submits, or let them go on."""
        deployment.switch("SubmitsFlag", value)

    def listen(self) -> None:
        """Let the owner switch webhooks on."""
        deployment.switch("WebhooksFlag", deployment.PUBLIC_URL)

    def request(self, detail: object = REQUEST, event_id: str = "event-1") -> str:
        """Put a JobRequested through its door; return the job's id."""
        event = {"id": event_id, "detail-type": "JobRequested", "detail": detail}
        told = of_rule("OnRequestFunction", "JobRequested", event)
        job_id: str = self.lambdas.deliver("OnRequestFunction", told)["job_id"]
        return job_id

    def call(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """Call the HTTP API."""
        answer: dict[str, Any] = self.lambdas.invoke(
            "ApiFunction", of_call(method, path, role="admin", **given)
        )
        return answer

    def cancel(self, job_id: str) -> int:
        """Cancel a job by its HTTP route; return the status of the answer."""
        status: int = self.call("DELETE", f"/v1/jobs/{job_id}")["statusCode"]
        return status

    def call_back(self, number: int = -1, **said: Any) -> int:
        """Deliver the provider's webhook about a prediction; return the status of the answer."""
        event = of_webhook(*self.provider.webhook(number, **said))
        try:
            status: int = self.lambdas.invoke("OnWebhookFunction", event)["statusCode"]
        except FunctionError:
            return 502  # that is what API Gateway makes of it
        return status

    def sweep(self) -> dict[str, list[str]] | None:
        """Let the schedule call Sweep; return what it did, None if it died."""
        done: dict[str, list[str]] | None
        done = self.lambdas.deliver("SweepFunction", {"id": "sweep-1"})
        return done

    def run(self, detail: object = REQUEST) -> Run:
        """Request a job, run its execution and the rule on its end; see that promises are kept."""
        job_id = self.request(detail)
        self.machine.run_pending()
        self.end(job_id)
        return self.look(job_id)

    def end(self, job_id: str, execution: str | None = None) -> None:
        """Do what the rule on ended executions does, if it matches."""
        told = self.execution(execution or job_id)
        event = properties("OnExecutionEndedFunction")["Events"]["ExecutionEnded"]["Properties"]
        if told["status"] in event["Pattern"]["detail"]["status"]:
            detail = {name: told.get(name) for name in ("name", "status", "error")}
            self.lambdas.deliver("OnExecutionEndedFunction", {"id": "end-1", "detail": detail})

    def look(self, job_id: str, execution: str | None = None) -> Run:
        """Return what an execution came to, having checked what holds for every job."""
        told = self.execution(execution or job_id)
        history = self.history(told["executionArn"])
        entered = [
            e["stateEnteredEventDetails"] for e in history if "stateEnteredEventDetails" in e
        ]
        run = Run(
            status=told["status"],
            error=told.get("error"),
            states=[details["name"] for details in entered],
            job=self.job(job_id),
            statuses=list(self._statuses[job_id]),
            posts=[post for post in self.provider.posts if post.job_id == job_id],
            events=self.events(job_id),
            history=json.dumps([told, history], default=str),
        )
        check(run, may_pay_twice=self.may_pay_twice)
        return run

    def job(self, job_id: str) -> Job:
        """Return the record."""
        job = JobTable(boto3.client("dynamodb"), TABLE).get(job_id)
        assert job is not None
        return job

    def jobs(self) -> list[Job]:
        """Return every record."""
        items = boto3.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return [read_job(item) for item in items if item["sk"]["S"] == SORT_KEY]

    def check_counts(self) -> None:
        """See that what is counted is what there is."""
        check_counts(
            self.jobs(),
            self.queue(),
            lambda day, scope: self.budgets.reserved(day, scope).micro_usd,
        )

    def queue(self) -> QueueShard:
        """Return the line."""
        return QueueTable(boto3.client("dynamodb"), TABLE).read()

    def execution(self, name: str) -> Any:
        """Return what Step Functions says of an execution."""
        return self._sfn.describe_execution(executionArn=f"{STATES}:execution:{MACHINE}:{name}")

    def history(self, arn: str) -> list[dict[str, Any]]:
        """Return an execution's history."""
        pages = self._sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [dict(event) for page in pages for event in page["events"]]

    def start(self, job_id: str, name: str, machine: str = MACHINE_ARN, **step: Any) -> str:
        """Start another execution for a job, past its door; return its ARN."""
        given = json.dumps({"job_id": job_id, **step})
        answer = self._sfn.start_execution(stateMachineArn=machine, name=name, input=given)
        return str(answer["executionArn"])

    def redrive(self, job_id: str) -> str:
        """Go on where the job's execution ended, like RedriveExecution, which moto lacks.

        Returns the ARN of the execution that stands for it.
        """
        history = self.history(self.execution(job_id)["executionArn"])
        last = [e["stateEnteredEventDetails"] for e in history if "stateEnteredEventDetails" in e]
        state, step = last[-1]["name"], json.loads(last[-1]["input"])
        name = f"redrive-{state}"
        arn = deployment.create_machine(name, {**deployment.definition(), "StartAt": state})
        return self.start(name=name, machine=arn, **step)

    def stop(self, job_id: str) -> None:
        """Stop the job's execution by hand."""
        self._sfn.stop_execution(executionArn=f"{STATES}:execution:{MACHINE}:{job_id}")

    def rotate(self, key: str) -> None:
        """Put another key into the secret."""
        boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=key)

    def asset(self, key: str) -> bytes:
        """Return an object of the assets bucket."""
        return boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def events(self, job_id: str | None) -> list[tuple[str, dict[str, Any]]]:
        """Return the events on the bus that tell of a job, or of none."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                told = json.loads(message["Body"])
                self._events.append((told["detail-type"], told["detail"]))
                self._sqs.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return [(name, detail) for name, detail in self._events if detail["job_id"] == job_id]

    def _note(self, job_ids: set[str]) -> None:
        """Note the status and the tokens of records that a handler has just changed."""
        for job_id in job_ids:
            job = self.job(job_id)
            statuses = self._statuses[job_id]
            if statuses[-1:] != [str(job.status)]:
                statuses.append(str(job.status))
            self.secrets |= {token for token in (job.submit_token, job.wake_token) if token}

    def _put_in(self) -> None:
        """Put the clock, the provider and cheap clients in the place of the world's."""
        handle = self.provider.handle
        self._patch.setattr(clients, "now", lambda: self.clock.now)
        self._patch.setattr(steps, "time", SimpleNamespace(sleep=self.clock.sleep))
        # What is remembered for a while: switches and keys, webhooks' secrets.
        self._patch.setattr(parameters, "datetime", SimpleNamespace(now=lambda: self.clock.now))
        self._patch.setattr(WebhookSecrets.__init__, "__defaults__", (lambda: self.clock.passed,))
        self._patch.setattr(httpx.HTTPTransport, "handle_request", lambda _, asked: handle(asked))
        self._patch.setattr(boto3, "DEFAULT_SESSION", session())
        # What moto spends most of its time with: under which of many names a value's part may be.
        self._patch.setattr(ResponseSerializer, "get_value", _get_value)
        # Reading the certificates takes longer than a job.
        self._patch.setattr(ssl, "create_default_context", lambda **_: _certificates())


_certificates = cache(ssl.create_default_context)
_search = ResponseSerializer.get_value


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    if type(value) is dict and getattr(shape, "parent", shape).name == "AttributeValue":
        return value.get(key)  # of DynamoDB: as it is called
    return _search(serializer, value, key, shape)
