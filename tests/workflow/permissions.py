"""Check the calls of handlers against the roles of the template, as IAM would decide on AWS."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.infra import iam
from tests.infra.iam import ACCOUNT, REGION, Request

_WRITES = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_LOCATION = f"{REGION}:{ACCOUNT}"


def denied_calls(function: str, service: str, operation: str, params: Any) -> list[str]:
    """Return the requests of an API call that the function's role does not allow on AWS."""
    return [
        f"{function}: {request.action} {request.resource} {dict(request.context)}"
        for request in _SERVICES[service](operation, params)
        if not iam.is_allowed(request, iam.role(function))
    ]


def _dynamodb(operation: str, params: Any) -> Iterator[Request]:
    """Yield the requests of a call. AWS may check all items of a transaction with each action."""
    actions, index = {operation}, ""
    match operation:
        case "Query":
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            names = params.get("ExpressionAttributeNames", {})
            name, value = re.findall(r"(#?\w+) = (:\w+)", params["KeyConditionExpression"])[0]
            assert index or names.get(name, name) == "pk", "the partition is the first condition"
            keys = {params["ExpressionAttributeValues"][value]["S"]}
        case "TransactWriteItems":
            writes = [next(iter(item.items())) for item in params["TransactItems"]]
            actions = {_WRITES[kind] for kind, _ in writes}
            params = writes[0][1]
            keys = {_partition(item) for _, item in writes}
        case "BatchGetItem":
            ((table, items),) = params["RequestItems"].items()
            params = {"TableName": table}
            keys = {key["pk"]["S"] for key in items["Keys"]}
        case _:
            keys = {_partition(params)}
    table = f"arn:aws:dynamodb:{_LOCATION}:table/{params['TableName']}{index}"
    for action in actions:
        yield Request(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": sorted(keys)})


def _partition(item: dict[str, Any]) -> str:
    return str((item.get("Key") or item["Item"])["pk"]["S"])


def _s3(operation: str, params: Any) -> Iterator[Request]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    match operation:
        case "ListObjectsV2" | "ListObjectVersions":
            action = "ListBucket" if operation == "ListObjectsV2" else "ListBucketVersions"
            yield Request(f"s3:{action}", bucket)
            return
        case "HeadObject" | "GetObject":
            action = "GetObject"
        case "PutObject" | "DeleteObject" | "GetObjectTagging" | "PutObjectTagging":
            action = operation
        case _:
            raise ValueError(f"no action is known for {operation}")
    if "VersionId" in params:
        action = re.sub("Object", "ObjectVersion", action)
    yield Request(f"s3:{action}", f"{bucket}/{params['Key']}")


def _events(operation: str, params: Any) -> Iterator[Request]:
    for entry in params["Entries"]:
        bus = f"arn:aws:events:{_LOCATION}:event-bus/{entry['EventBusName']}"
        yield Request(f"events:{operation}", bus, {"events:source": entry["Source"]})


def _states(operation: str, params: Any) -> Iterator[Request]:
    resource = params.get("stateMachineArn") or params.get("executionArn") or "*"
    yield Request(f"states:{operation}", resource)


def _ssm(operation: str, params: Any) -> Iterator[Request]:
    for name in params["Names"]:
        yield Request(f"ssm:{operation}", f"arn:aws:ssm:{_LOCATION}:parameter{name}")


def _secrets(operation: str, params: Any) -> Iterator[Request]:
    yield Request(f"secretsmanager:{operation}", params["SecretId"])


def _lambda(operation: str, params: Any) -> Iterator[Request]:
    function = f"arn:aws:lambda:{_LOCATION}:function:{params['FunctionName']}"
    yield Request(f"lambda:{operation}Function", function)


def _logs(operation: str, params: Any) -> Iterator[Request]:
    stream = f"log-group:{params['logGroupName']}:log-stream:{params['logStreamName']}"
    yield Request(f"logs:{operation}", f"arn:aws:logs:{_LOCATION}:{stream}")


_SERVICES: dict[str, Callable[[str, Any], Iterator[Request]]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "eventbridge": _events,
    "sfn": _states,
    "ssm": _ssm,
    "secrets-manager": _secrets,
    "lambda": _lambda,
    "cloudwatch-logs": _logs,
}
