"""The stack resources that jobs need, created in moto from the template."""

import json
from functools import cache
from typing import Any

import boto3
import yaml

from tests.infra.iam import ACCOUNT, REGION, STACK, arn, reference
from tests.infra.template import DEFINITION, properties
from tests.workflow.provider import API, CDN, KEY

# The names that the roles of the functions permit.
TABLE, BUS, AUDIT_LOG = map(reference, ("Table", "EventBus", "AuditLog"))
BUCKET, INBOX = reference("AssetsBucket").lower(), reference("InboxBucket").lower()
SECRET, MACHINE = arn("ProviderKey"), f"{STACK}-image-job"
PUBLIC_URL = "https://api.example.com/live"
STATES = f"arn:aws:states:{REGION}:{ACCOUNT}"
MACHINE_ARN = f"{STATES}:stateMachine:{MACHINE}"
# Environment variables of the functions.
VARIABLES = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "POWERTOOLS_SERVICE_NAME": "darkroom",
    "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
    "TABLE_NAME": TABLE,
    "ASSETS_BUCKET": BUCKET,
    "INBOX_BUCKET": INBOX,
    "EVENT_BUS_NAME": BUS,
    "STATE_MACHINE_ARN": MACHINE_ARN,
    "BATCH_STATE_MACHINE_ARN": f"{STATES}:stateMachine:{STACK}-batch",
    "QUOTE_FUNCTION": f"{STACK}-quote",
    "ZIP_FUNCTION": f"{STACK}-zip",
    "PROVIDER_URL": f"https://{API}",
    "PROVIDER_SECRET_ID": SECRET,
    "ASSET_HOSTS": CDN,
    "MAX_QUEUE_SECONDS": "3600",
    "IMAGES_PER_MINUTE": "600",
    "JOBS_IN_FLIGHT": "3000",
    "AMBIGUOUS_SUBMIT": "fail",
    "UNKNOWN_PRICES": "admin",
    "DAILY_BUDGET_USD": "1000",
    "DURATION_SCALE": "1",
    "CHECK_POLL_SECONDS": "0",  # one poll per round
    "RECORD_RETENTION_DAYS": "91",
    "ALLOWED_ORIGIN": "",
    "CALLBACK_QUEUE": "callbacks",
    "CALLBACK_SECRET_ID": "callback-master",
    "EMULATOR": "none",
    "AUDIT_LOG": AUDIT_LOG,
    "AUDIT_BUCKET": "",
    "REQUESTS_PER_MINUTE": "3000",
    "RUNTIME_FLAGS": f"/{STACK}/switches",
}


class _Session(boto3.Session):
    """A session that caches clients, because creating a client takes longer than most tests."""

    def __init__(self) -> None:
        super().__init__(region_name=REGION)
        self._clients: dict[str, Any] = {}

    def client(self, service_name: str, *args: Any, **options: Any) -> Any:
        key_parts = {
            name: vars(option) if name == "config" else option for name, option in options.items()
        }
        cache_key = str((service_name, args, sorted(key_parts.items())))
        if cache_key not in self._clients:
            self._clients[cache_key] = super().client(service_name, *args, **options)  # type: ignore[call-overload]
        return self._clients[cache_key]


@cache
def session() -> boto3.Session:
    """Return one session for all tests, so that service models are read once."""
    return _Session()


def deploy() -> str:
    """Create the resources; return the URL of a queue that receives all events of the bus."""
    table = properties("Table")
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode=table["BillingMode"],
        AttributeDefinitions=table["AttributeDefinitions"],
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
    )
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    boto3.client("logs").create_log_group(logGroupName=AUDIT_LOG)
    boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=KEY)
    set_flag("SubmitsFlag", "on")
    set_flag("WebhooksFlag", "off")
    queue: str = boto3.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    events.put_rule(Name="all", EventBusName=BUS, EventPattern='{"source": ["darkroom"]}')
    listener = f"arn:aws:sqs:{REGION}:{ACCOUNT}:listener"
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "all", "Arn": listener}])
    boto3.client("stepfunctions").create_state_machine(
        name=MACHINE, definition=definition(), roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine"
    )
    return queue


def set_flag(resource: str, value: str) -> None:
    """Set the parameter of a runtime flag."""
    parameter = properties(resource)
    name = parameter["Name"]["Fn::Sub"].replace("${AWS::StackName}", STACK)
    pattern = parameter.get("AllowedPattern", "")
    boto3.client("ssm").put_parameter(
        Name=name, Type=parameter["Type"], Value=value, AllowedPattern=pattern, Overwrite=True
    )


@cache
def definition() -> str:
    """Return the shipped definition with its substitutions: function ARNs and the table name."""
    text = DEFINITION.read_text()
    for name, value in properties("ImageJobStateMachine")["DefinitionSubstitutions"].items():
        match value:
            case {"Fn::GetAtt": [function, "Arn"]}:
                substitute = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
            case {"Ref": "Table"}:
                substitute = TABLE
            case _:
                raise ValueError(f"no substitution for {value}")
        text = text.replace(f"${{{name}}}", substitute)
    return json.dumps(yaml.safe_load(text))
