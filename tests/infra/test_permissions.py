"""Permissions of the roles, resource policies and invoke permissions of the template.

The emulator enforces only the roles of the functions; these tests cover all other policies.
"""

from datetime import date
from fnmatch import fnmatchcase

import pytest

from darkroom.adapters.dynamodb import items
from darkroom.domain.stats import ImageKind
from tests.infra import iam, policies
from tests.infra.policies import as_list, granted_actions, is_allowed, name, statements
from tests.infra.template import functions, properties, resources, template

MACHINES = ("ImageJobStateMachine", "BatchStateMachine")
# Item types, with an example key.
PARTITIONS = {
    "JOB#*": items.job_key("cmjb2hb7562g6nkk3rro3j6g5c"),
    "BATCH#*": items.batch_key("cmjb2hb7562g6nkk3rro3j6g5c"),
    "CLAIM#*": items.claim_key("e6832d4abffb4d79bfbca19783fca133"),
    "BUDGET#*": items.budget_key(date(2026, 11, 22), "key:shop"),
    "QUEUE": items.queue_key(),
    "STATS": items.stats_key(date(2026, 11, 22), "key:shop"),
    "DURATIONS": items.durations_key(date(2026, 11, 22), ImageKind("edit", "low", "1k")),
    "KEYS": items.api_key("digest"),
    "AUDIT": items.audit_key(),
}
# The item types that a function may access if it processes input of callers or of the provider.
REACHABLE = {
    "ApiFunction": {"JOB#*", "BATCH#*", "BUDGET#*", "QUEUE", "STATS", "DURATIONS"},
    "AuthorizerFunction": {"KEYS"},
    "OnWebhookFunction": {"JOB#*", "CLAIM#*"},
    "OnUploadFunction": {"JOB#*", "BUDGET#*"},
    "OnRequestFunction": {"JOB#*", "BUDGET#*"},
    "CreateRowsFunction": {"JOB#*", "BUDGET#*", "BATCH#*", "QUEUE"},
}
WITHOUT_TABLE = {"ThumbnailFunction", "ArchiveAuditFunction", "QuoteFunction"}
INNER = [name for name in functions() if name not in REACHABLE and name not in WITHOUT_TABLE]
CREATE_JOBS = ("ApiFunction", "OnUploadFunction", "OnRequestFunction", "CreateRowsFunction")
# These actions have no resource-level permissions (AWS service authorization reference).
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
WITHOUT_RESOURCE = LOG_DELIVERY | {"states:SendTaskSuccess"}


@pytest.mark.parametrize("function", REACHABLE)
def test_function_that_outsiders_reach_accesses_only_its_items(function: str) -> None:
    patterns = {pattern for _, patterns in policies.items(function) for pattern in patterns}

    assert patterns == REACHABLE[function]


@pytest.mark.parametrize("function", functions())
def test_only_the_authorizer_accesses_api_keys(function: str) -> None:
    """So code that callers can reach cannot create a key.

    AWS sends LeadingKeys with each of these actions; ForAllValues is true if the key is absent, so
    the condition holds for these actions on AWS only. The indexes contain no API keys.
    """
    for actions, patterns in policies.items(function):
        assert actions <= {"GetItem", "BatchGetItem", "PutItem", "Query", "UpdateItem"}
        assert ("KEYS" in patterns) == (function == "AuthorizerFunction")
    others = {action for action in granted_actions(function) if action.startswith("dynamodb:")}
    assert others <= {f"dynamodb:{a}" for actions, _ in policies.items(function) for a in actions}


@pytest.mark.parametrize("function", INNER)
def test_inner_function_can_write_all_records_in_one_transaction(function: str) -> None:
    """Holds whether AWS checks each item separately or all items with each action."""
    partitions = {key["pk"]["S"] for pattern, key in PARTITIONS.items() if pattern != "KEYS"}

    for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query"):
        assert is_allowed(function, action, partitions)


@pytest.mark.parametrize("function", CREATE_JOBS)
def test_job_and_its_reservations_are_created_in_one_transaction(function: str) -> None:
    partitions = {PARTITIONS[pattern]["pk"]["S"] for pattern in ("JOB#*", "BUDGET#*")}

    assert is_allowed(function, "PutItem", partitions)
    assert is_allowed(function, "UpdateItem", partitions)


def test_every_partition_matches_exactly_one_pattern() -> None:
    for pattern, key in PARTITIONS.items():
        matching = {other for other in PARTITIONS if fnmatchcase(key["pk"]["S"], other)}
        assert matching == {pattern}


def test_job_machine_can_invoke_its_functions_store_a_token_and_log() -> None:
    remaining = granted_actions("ImageJobStateMachine")

    steps = ("Submit", "Check", "Finalize", "Fail")
    assert remaining.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert remaining.pop("dynamodb:UpdateItem") == {"Table.Arn"}
    assert policies.items("ImageJobStateMachine") == [({"UpdateItem"}, {"JOB#*"})]
    assert remaining == {action: {"*"} for action in LOG_DELIVERY}


def test_batch_machine_can_run_its_map_read_chunks_and_update_its_batch() -> None:
    """The emulator does not enforce state machine roles, so only this test covers the map."""
    remaining = granted_actions("BatchStateMachine")
    machine_name = name(properties("BatchStateMachine")["Name"])

    steps = ("CreateRows", "CollectBatch")
    assert remaining.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert remaining.pop("dynamodb:UpdateItem") == {"Table.Arn"}
    assert policies.items("BatchStateMachine") == [({"UpdateItem"}, {"BATCH#*"})]
    assert remaining.pop("s3:GetObject") == {"${AssetsBucket.Arn}/batches/*"}
    # Child executions of a map belong to `<machine>/<label>`.
    (machine,) = remaining.pop("states:StartExecution")
    (executions,) = remaining.pop("states:DescribeExecution")
    assert remaining.pop("states:StopExecution") == {executions}
    assert machine.endswith(f":stateMachine:{machine_name}")
    assert executions.endswith(f":execution:{machine_name}*")
    assert remaining == {action: {"*"} for action in LOG_DELIVERY}


def test_sweep_can_describe_executions_of_both_machines() -> None:
    machines = {name(properties(machine)["Name"]) for machine in MACHINES}
    targets = granted_actions("SweepFunction")["states:DescribeExecution"]

    assert {target.partition(":execution:")[2].removesuffix(":*") for target in targets} == machines


def test_only_actions_without_resources_are_allowed_on_all_resources() -> None:
    for role_owner in [*functions(), *MACHINES]:
        for statement in statements(properties(role_owner)["Policies"]):
            actions = as_list(statement["Action"])
            assert not [a for a in actions if "*" in a], role_owner
            assert statement["Resource"] != "*" or set(actions) <= WITHOUT_RESOURCE, role_owner


def test_entry_points_cannot_write_outputs() -> None:
    """No request can replace an image, a manifest or the presets."""
    for function in CREATE_JOBS:
        folders = {target.split("/")[1] for target in granted_actions(function)["s3:PutObject"]}
        assert folders <= {"references", "uploads", "errors", "waiting", "batches"}


@pytest.mark.parametrize("function", [*CREATE_JOBS, "SubmitFunction"])
@pytest.mark.parametrize("objects", ["ReferenceObjectArns", "${AssetsBucket.Arn}/*"])
def test_references_are_readable_at_a_version(function: str, objects: str) -> None:
    """S3 requires GetObjectVersion for a request with a version id, and GetObject otherwise."""
    granted = granted_actions(function)

    assert objects in granted["s3:GetObject"]
    assert objects in granted["s3:GetObjectVersion"]


def test_only_notes_and_waiting_uploads_are_deleted() -> None:
    for function in functions():
        deletable = granted_actions(function).get("s3:DeleteObject", set())
        assert deletable <= {"${AssetsBucket.Arn}/errors/*", "${AssetsBucket.Arn}/waiting/*"}


def test_only_on_upload_can_tag_objects_and_only_those_of_the_inbox() -> None:
    tagging = {f: {a for a in granted_actions(f) if "Tagging" in a} for f in functions()}
    actions = {"s3:GetObjectVersionTagging", "s3:PutObjectVersionTagging"}

    assert {f: granted for f, granted in tagging.items() if granted} == {
        "OnUploadFunction": actions
    }
    for action in actions:
        assert granted_actions("OnUploadFunction")[action] == {"${InboxBucket.Arn}/*"}


def test_no_function_can_write_to_the_inbox() -> None:
    """An upload cannot cause another upload, so there is no loop."""
    for function in functions():
        for target in granted_actions(function).get("s3:PutObject", set()):
            assert not target.startswith("${InboxBucket.Arn}/")


@pytest.mark.parametrize(
    "function", [f for f in functions() if "events:PutEvents" in granted_actions(f)]
)
def test_functions_can_publish_events_with_the_source_darkroom_only(function: str) -> None:
    (statement,) = [
        s for s in statements(properties(function)["Policies"]) if s["Action"] == "events:PutEvents"
    ]

    assert statement["Condition"] == {"StringEqualsIfExists": {"events:source": "darkroom"}}


def may_publish(principal: str, source: str, identity: tuple[iam.Statement, ...]) -> bool:
    """Return whether a principal of the account may put an event on the stack's bus."""
    policy = iam.resolver().resolve(properties("EventBusPolicy")["Statement"])
    context: iam.Context = {"aws:PrincipalArn": principal, "events:source": [source]}
    request = iam.Request("events:PutEvents", iam.arn("EventBus"), context)
    return iam.is_allowed(request, identity, [policy])


def test_only_the_roles_of_the_stack_publish_with_the_source_darkroom() -> None:
    """Consumers of the bus take an event of this source for one of the stack."""
    everything = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
    role = "arn:aws:iam::123456789012:role/{}"

    for function in functions():
        may = may_publish(iam.arn(f"{function}Role"), "darkroom", iam.role(function))
        assert may == ("events:PutEvents" in granted_actions(function)), function
        assert not may_publish(iam.arn(f"{function}Role"), "my.shop", iam.role(function))
    for principal in (role.format("admin"), role.format("darkroom-ApiFunctionRole-2")):
        assert not may_publish(principal, "darkroom", everything)
        assert may_publish(principal, "my.shop", everything)


def test_only_functions_that_call_the_provider_read_its_key() -> None:
    """The entry points request quotes from QuoteFunction."""
    readers = {f for f in functions() if "secretsmanager:GetSecretValue" in granted_actions(f)}
    invokers = {f for f in functions() if "lambda:InvokeFunction" in granted_actions(f)}

    assert readers == {
        "QuoteFunction", "OnWebhookFunction", "SubmitFunction", "CheckFunction",
        "FinalizeFunction", "SweepFunction", "ReconcileFunction",
    }  # fmt: skip
    assert invokers == {*CREATE_JOBS, "SweepFunction"}
    for function in invokers:
        assert granted_actions(function)["lambda:InvokeFunction"] == {"QuoteFunction.Arn"}


def test_template_has_no_other_roles_policies_or_permissions() -> None:
    """SAM creates one role per function and the invoke permission of each rule."""
    policies = set(resources("AWS::IAM::ManagedPolicy"))
    explicit_resources = {
        logical_id: resource["Type"]
        for logical_id, resource in template()["Resources"].items()
        if resource["Type"].startswith(("AWS::IAM", "AWS::Lambda"))
    }

    assert explicit_resources == {
        "CreateJobPolicy": "AWS::IAM::ManagedPolicy",
        "InboxPolicy": "AWS::IAM::ManagedPolicy",
        "RecordsPolicy": "AWS::IAM::ManagedPolicy",
        "ProviderKeyPolicy": "AWS::IAM::ManagedPolicy",
        "AuditPolicy": "AWS::IAM::ManagedPolicy",
        "EventsPolicy": "AWS::IAM::ManagedPolicy",
        "StateMachineLogsPolicy": "AWS::IAM::ManagedPolicy",
        "ApiPermission": "AWS::Lambda::Permission",
        "AuthorizerPermission": "AWS::Lambda::Permission",
        "OnWebhookPermission": "AWS::Lambda::Permission",
    }
    for function in functions():
        assert "Role" not in properties(function)
        named = [p["Ref"] for p in properties(function)["Policies"] if "Ref" in p]
        assert set(named) <= policies


@pytest.mark.parametrize(
    ("permission", "function", "source"),
    [
        ("ApiPermission", "ApiFunction", "${RestApi}/live/*"),
        ("AuthorizerPermission", "AuthorizerFunction", "${RestApi}/authorizers/*"),
        ("OnWebhookPermission", "OnWebhookFunction", "${RestApi}/live/POST/webhooks/*"),
    ],
)
def test_only_the_api_can_invoke_its_functions(permission: str, function: str, source: str) -> None:
    """Restricted to the account, region and stage. SAM creates no permission without `Events`."""
    prefix = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"

    assert properties(permission) == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": function},
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": prefix + source},
    }
    assert "Events" not in properties(function)
    assert properties("RestApi")["StageName"] == "live"


def test_eventbridge_can_send_undelivered_events_to_the_queue() -> None:
    policy = properties("DeadLettersPolicy")
    allow, deny = statements(policy["PolicyDocument"]["Statement"])

    assert [name(queue) for queue in policy["Queues"]] == ["DeadLetters"]
    assert allow["Effect"] == "Allow"
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Action"] == "sqs:SendMessage"
    assert name(allow["Resource"]) == "DeadLetters.Arn"
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert deny["Effect"] == "Deny"
    assert deny["Principal"] == "*"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
