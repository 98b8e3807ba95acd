"""docs/examples/deploy-policy.json allows the calls of CloudFormation for the stack's resources."""

import json
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from local import paths
from local.built_template import load_template
from tests.infra.iam import Request, is_allowed
from tests.infra.policies import as_list
from tests.infra.test_sam_translation import expanded, resources_of

pytestmark = pytest.mark.linters

POLICY: dict[str, Any] = json.loads((paths.ROOT / "docs/examples/deploy-policy.json").read_text())
# Calls for properties that no resource of the stack has: VPCs, streams, groups, boundaries, and a
# key of the event bus; and for a table that changes from one key to another.
UNUSED = (
    "ec2:*", "elasticfilesystem:*", "firehose:*", "kinesis:*", "s3files:*", "s3tables:*",
    "iam:*GroupPolicy", "iam:*UserPolicy", "iam:*PermissionsBoundary",
    "iam:CreateServiceLinkedRole", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt",
    "kms:ListAliases", "kms:RevokeGrant",
)  # fmt: skip
LAMBDA = "arn:aws:lambda:eu-west-1:123456789012"


@cache
def resource_types() -> set[str]:
    nested = load_template(paths.ROOT / "infra/observability.yaml")["Resources"]
    return {r["Type"] for r in [*expanded()["Resources"].values(), *nested.values()]}


@cache
def calls() -> dict[str, set[str]]:
    """Return the calls of CloudFormation per type of resource: its registry, as of cfn-lint."""
    (folder,) = paths.SAM.parents[1].glob("lib/*/site-packages/cfnlint/data/schemas/resources")
    texts = [path.read_text() for path in folder.glob("*.json")]
    # A schema is long, so only those with the name of a type are parsed.
    named = [text for text in texts if any(f'"{kind}"' in text for kind in resource_types())]
    schemas = map(json.loads, named)
    return {
        schema["typeName"]: {
            action
            for name, handler in schema["handlers"].items()
            if name != "list"
            for action in handler["permissions"]
        }
        for schema in schemas
        if schema.get("typeName") in resource_types()
    }


def allows(action: str, resource: str, **context: str) -> bool:
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    return is_allowed(Request(action, resource, keys), POLICY["Statement"])


def test_every_call_of_cloudformation_is_in_the_policy() -> None:
    patterns = [a.lower() for s in POLICY["Statement"] for a in as_list(s["Action"])]
    patterns += [action.lower() for action in UNUSED]

    assert calls().keys() == resource_types()
    for kind, actions in calls().items():
        missing = {a for a in actions if not any(fnmatchcase(a.lower(), p) for p in patterns)}
        assert missing == set(), kind


@pytest.mark.parametrize("action", ["CreateSecret", "DeleteSecret", "UpdateSecret"])
def test_every_secret_is_in_the_policy(action: str) -> None:
    """CloudFormation begins the name of a secret with its logical id."""
    secrets = resources_of("AWS::SecretsManager::Secret")

    assert secrets
    for secret in secrets:
        arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{secret}-a1B2c3-D4e5F6"
        assert allows(f"secretsmanager:{action}", arn), secret


@pytest.mark.parametrize("call", ["Create", "Update", "Delete"])
def test_only_functions_of_the_stack_get_event_source_mappings(call: str) -> None:
    """The resource of these calls is no function, so only the condition limits them."""
    action, mapping = f"lambda:{call}EventSourceMapping", f"{LAMBDA}:event-source-mapping:a1"

    for function, is_ours in (("darkroom-SendCallback", True), ("another", False)):
        arn = f"{LAMBDA}:function:{function}"
        assert allows(action, mapping, lambda__FunctionArn=arn) is is_ours
    assert allows("lambda:GetEventSourceMapping", mapping)
    assert allows("lambda:TagResource", mapping)
