"""The deployment in moto: the shipped machine, the real handlers, and what a job came to."""

import json
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import httpx
import pytest
import yaml

from darkroom.adapters.table import JobTable
from darkroom.bootstrap import clients, doors, steps
from darkroom.domain.job import Job
from tests.infra.template import DEFINITION, properties
from tests.workflow.doors import of_call, of_rule
from tests.workflow.lambdas import Lambdas
from tests.workflow.machine import Clock, Machine
from tests.workflow.provider import API, CDN, KEY, ROTATED_KEY, SIGNATURE, Provider

REGION, ACCOUNT = "us-east-1", "123456789012"
TABLE, BUS, BUCKET, SECRET, MACHINE = "records", "darkroom-events", "assets", "key", "image-job"
PROMPT = "A lighthouse at dawn, nobody else's business"
REQUEST: dict[str, Any] = {"operation": "text-to-image", "prompt": PROMPT}
PRIVATE = (PROMPT, "https:", SIGNATURE, KEY, ROTATED_KEY)
# The way through the machine if all goes well, and its last part if not.
SUBMIT, CHECK = ["Submit", "Submitted"], ["Wait", "Check", "Checked"]
FINALIZE, FAIL = ["Finalize", "Finalized"], ["Fail", "Failed"]
STRAIGHT = [*SUBMIT, *CHECK, *FINALIZE, "Done"]
_STATES = f"arn:aws:states:{REGION}:{ACCOUNT}"
_VARIABLES = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "POWERTOOLS_SERVICE_NAME": "darkroom",
    "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "TABLE_NAME": TABLE,
    "ASSETS_BUCKET": BUCKET,
    "EVENT_BUS_NAME": BUS,
    "STATE_MACHINE_ARN": f"{_STATES}:stateMachine:{MACHINE}",
    "PROVIDER_URL": f"https://{API}",
    "PROVIDER_SECRET_ID": SECRET,
    "ASSET_HOSTS": CDN,
    "DEFAULT_DEADLINE_SECONDS": "900",
    "MAX_DEADLINE_SECONDS": "3600",
    "MAX_QUEUE_SECONDS": "3600",
    "DURATION_SCALE": "1",
    "RECORD_RETENTION_DAYS": "90",
    "ALLOWED_ORIGIN": "",
}
_MADE_ONCE = [
    made
    for module in (clients, doors, steps)
    for made in vars(module).values()
    if hasattr(made, "cache_clear")
]


@dataclass(frozen=True)
class Run:
    """What one execution came to."""

    status: str
    error: str | None
    states: list[str]
    job: Job
    statuses: list[str]
    events: list[tuple[str, dict[str, Any]]]
    history: str

    @property
    def told(self) -> list[str]:
        """The events on the bus, by name."""
        return [name for name, _ in self.events]

    @property
    def end(self) -> tuple[str, str | None]:
        """The execution's end, in short."""
        return self.status, self.error


class Cloud:
    """One account with one deployment; faults and the provider's answers are scripted."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.provider = Provider()
        self.lambdas = Lambdas()
        self.machine = Machine(patch, self.clock, self.lambdas.invoke)
        self.provider.on_post = self.lambdas.effect
        for name, value in _VARIABLES.items():
            patch.setenv(name, value)
        patch.setattr(clients, "now", lambda: self.clock.now)
        patch.setattr(
            httpx.HTTPTransport, "handle_request", lambda _, request: self.provider.handle(request)
        )
        patch.setattr(boto3, "DEFAULT_SESSION", _session())
        # Reading the certificates takes longer than a job.
        patch.setattr(ssl, "create_default_context", lambda **_: _certificates())
        for make in _MADE_ONCE:
            make.cache_clear()
        self._deploy()

    def request(self, detail: object = REQUEST, event_id: str = "event-1") -> str:
        """Put a JobRequested through its door; return the job's id."""
        event = {"id": event_id, "detail-type": "JobRequested", "detail": detail}
        told = of_rule("OnRequestFunction", "JobRequested", event)
        job_id: str = self.lambdas.invoke("OnRequestFunction", told)["job_id"]
        return job_id

    def cancel(self, job_id: str) -> int:
        """Cancel a job by its HTTP route; return the status of the answer."""
        call = of_call("DELETE", f"/v1/jobs/{job_id}", role="admin")
        status: int = self.lambdas.invoke("ApiFunction", call)["statusCode"]
        return status

    def run(self, detail: object = REQUEST) -> Run:
        """Request a job, run its execution and the rule on its end; see that promises are kept."""
        job_id = self.request(detail)
        self.machine.run_pending()
        self.end(job_id)
        return self.look(job_id)

    def end(self, job_id: str, execution: str | None = None) -> None:
        """Do what the rule on ended executions does, if it matches."""
        told = self._execution(execution or job_id)
        event = properties("OnExecutionEndedFunction")["Events"]["ExecutionEnded"]["Properties"]
        if told["status"] in event["Pattern"]["detail"]["status"]:
            detail = {name: told.get(name) for name in ("name", "status", "error")}
            self.lambdas.deliver("OnExecutionEndedFunction", {"id": "end-1", "detail": detail})

    def look(self, job_id: str, execution: str | None = None) -> Run:
        """Return what an execution came to, having checked what holds for every job."""
        told = self._execution(execution or job_id)
        history = self._sfn.get_execution_history(
            executionArn=told["executionArn"], maxResults=1000
        )["events"]
        entered = [
            e["stateEnteredEventDetails"] for e in history if "stateEnteredEventDetails" in e
        ]
        run = Run(
            status=told["status"],
            error=told.get("error"),
            states=[details["name"] for details in entered],
            job=self.job(job_id),
            statuses=list(self.lambdas.statuses),
            events=self._events(job_id),
            history=json.dumps([told, history], default=str),
        )
        self._check_promises(run)
        return run

    def job(self, job_id: str) -> Job:
        """Return the record."""
        job = JobTable(boto3.client("dynamodb"), TABLE).get(job_id)
        assert job is not None
        return job

    def start(self, job_id: str, name: str) -> None:
        """Start another execution for a job, past its door."""
        machine = _VARIABLES["STATE_MACHINE_ARN"]
        step = json.dumps({"job_id": job_id})
        self._sfn.start_execution(stateMachineArn=machine, name=name, input=step)

    def stop(self, job_id: str) -> None:
        """Stop the job's execution by hand."""
        self._sfn.stop_execution(executionArn=f"{_STATES}:execution:{MACHINE}:{job_id}")

    def forget(self) -> None:
        """Forget what was seen of the jobs so far: the next one is judged by itself."""
        self.lambdas.statuses.clear()
        self.provider.posts.clear()
        self.provider.not_taken.clear()

    def rotate(self, key: str) -> None:
        """Put another key into the secret."""
        boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=key)

    def asset(self, key: str) -> bytes:
        """Return an object of the assets bucket."""
        return boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def _check_promises(self, run: Run) -> None:
        """Check what holds however a job went."""
        # Paid for once: every POST but the last is proven not to have been taken.
        assert all(self.provider.not_taken[:-1])
        # One terminal status, and it is the last.
        assert run.job.status in ("completed", "failed")
        assert [s for s in run.statuses if s in ("completed", "failed")] == [run.job.status]
        # One terminal event or more, all with one id.
        ids = {detail["id"] for name, detail in run.events if name in ("JobCompleted", "JobFailed")}
        assert ids == {f"{run.job.job_id}.{run.job.status}"}
        assert run.job.announced_at is not None
        # Nothing private in the execution's history.
        for private in PRIVATE:
            assert private not in run.history

    def _execution(self, name: str) -> Any:
        arn = f"{_STATES}:execution:{MACHINE}:{name}"
        return self._sfn.describe_execution(executionArn=arn)

    def _events(self, job_id: str) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = []
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            events = [json.loads(message["Body"]) for message in messages]
            found += [(e["detail-type"], e["detail"]) for e in events]
        return [(name, detail) for name, detail in found if detail["job_id"] == job_id]

    def _deploy(self) -> None:
        self.lambdas.watch(_session())
        table = properties("Table")
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode=table["BillingMode"],
            AttributeDefinitions=table["AttributeDefinitions"],
            KeySchema=table["KeySchema"],
            GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
        )
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=KEY)
        self._sqs = boto3.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="listener")["QueueUrl"]
        events = boto3.client("events")
        events.create_event_bus(Name=BUS)
        events.put_rule(Name="all", EventBusName=BUS, EventPattern='{"source": ["darkroom"]}')
        listener = f"arn:aws:sqs:{REGION}:{ACCOUNT}:listener"
        events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "all", "Arn": listener}])
        self._sfn = boto3.client("stepfunctions")
        role = f"arn:aws:iam::{ACCOUNT}:role/machine"
        self._sfn.create_state_machine(name=MACHINE, definition=_definition(), roleArn=role)


@cache
def _session() -> boto3.Session:
    """Return a session for all tests: the models of the services are read once."""
    return boto3.Session(region_name=REGION)


_certificates = cache(ssl.create_default_context)


@cache
def _definition() -> str:
    """Return the shipped definition with the template's substitutions, as functions' ARNs."""
    text = DEFINITION.read_text()
    for name, value in properties("ImageJobStateMachine")["DefinitionSubstitutions"].items():
        function, _ = value["Fn::GetAtt"]
        text = text.replace(
            f"${{{name}}}", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
        )
    return json.dumps(yaml.safe_load(text))
