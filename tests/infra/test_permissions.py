"""Permissions of the roles, resource policies and invoke permissions of the template.

The emulator enforces only the roles of the functions; these tests cover all other policies.
test_table_access.py has the permissions on the table.
"""

import pytest

from tests.infra import iam
from tests.infra.policies import as_list, granted_actions, name, statements
from tests.infra.template import functions, properties, resources, template

MACHINES = ("ImageJobStateMachine", "BatchStateMachine")
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


def test_job_machine_can_invoke_its_functions_store_a_token_and_log() -> None:
    remaining = granted_actions("ImageJobStateMachine")

    steps = ("Submit", "Check", "Finalize", "Fail")
    assert remaining.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert remaining.pop("dynamodb:UpdateItem") == {"Table.Arn"}
    assert remaining == {action: {"*"} for action in LOG_DELIVERY}


def test_batch_machine_can_run_its_map_read_chunks_and_update_its_batch() -> None:
    """The emulator does not enforce state machine roles, so only this test covers the map."""
    remaining = granted_actions("BatchStateMachine")
    machine_name = name(properties("BatchStateMachine")["Name"])

    steps = ("CreateRows", "CollectBatch")
    assert remaining.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert remaining.pop("dynamodb:UpdateItem") == {"Table.Arn"}
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


def test_no_role_has_a_policy_twice() -> None:
    for function in functions():
        policies = [str(policy) for policy in properties(function)["Policies"]]
        assert len(policies) == len(set(policies)), function


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


@pytest.mark.parametrize(
    "function",
    # Presets, notes, results and outputs can be missing: never stored, erased, or expired.
    ["ApiFunction", "EraseFunction", "OnUploadFunction", "SettingsFunction", "SweepFunction",
     "ThumbnailFunction", "ZipBatchFunction"],
)  # fmt: skip
def test_missing_object_is_not_reported_as_denied(function: str) -> None:
    """S3 answers 404 only to a role that may list the bucket, and 403 otherwise."""
    assert "AssetsBucket.Arn" in granted_actions(function)["s3:ListBucket"]


def test_only_erase_and_sweep_delete_versions_and_only_of_the_objects_of_jobs() -> None:
    """Sweep repeats erasures. The function of the other routes cannot delete anything."""
    erased = ("jobs", "edits", "thumbnails", "references", "uploads", "batches", "zips", "errors")
    folders = {f"${{AssetsBucket.Arn}}/{folder}/*" for folder in erased}

    granted = {f: granted_actions(f).get("s3:DeleteObjectVersion", set()) for f in functions()}
    assert {f: targets for f, targets in granted.items() if targets} == dict.fromkeys(
        ("EraseFunction", "SweepFunction"), folders | {"${InboxBucket.Arn}/*"}
    )
    assert not {a for a in granted_actions("ApiFunction") if "Delete" in a}


def test_erase_can_write_only_results_of_batches() -> None:
    assert granted_actions("EraseFunction")["s3:PutObject"] == {"${AssetsBucket.Arn}/batches/*"}


def test_only_the_settings_function_changes_settings() -> None:
    """It can write the presets and the flag of submission, and no other object or flag."""
    flags = {
        "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}"
        f"/switches/{name}"
        for name in ("submits", "submits-changed")
    }
    writers = {f for f in functions() if "ssm:PutParameter" in granted_actions(f)}

    assert writers == {"SettingsFunction"}
    assert granted_actions("SettingsFunction")["ssm:PutParameter"] == flags
    presets = "${AssetsBucket.Arn}/config/presets.json"
    assert granted_actions("SettingsFunction")["s3:PutObject"] == {presets}
    for function in functions():
        if function != "SettingsFunction":
            assert presets not in granted_actions(function).get("s3:PutObject", set())


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
    """The entry points request quotes from QuoteFunction. A request to Erase has only a job id."""
    readers = {
        function
        for function in functions()
        if "ProviderKey.Id" in granted_actions(function).get("secretsmanager:GetSecretValue", set())
    }
    invokers = {f for f in functions() if "lambda:InvokeFunction" in granted_actions(f)}

    assert readers == {
        "EraseFunction", "QuoteFunction", "OnWebhookFunction", "SubmitFunction", "CheckFunction",
        "FinalizeFunction", "SweepFunction", "ReconcileFunction",
    }  # fmt: skip
    assert invokers == {*CREATE_JOBS, "SweepFunction"}
    for function in invokers:
        zips = {"ZipBatchFunction.Arn"} if function == "ApiFunction" else set()
        invoked = granted_actions(function)["lambda:InvokeFunction"]
        assert invoked == {"QuoteFunction.Arn", *zips}


def test_sender_of_callbacks_reads_jobs_and_its_secret_and_nothing_else() -> None:
    """It cannot reach API keys, the provider's key, the bus or any bucket but the outputs."""
    remaining = granted_actions("SendCallbackFunction")
    for action in ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"):
        assert remaining.pop(action) == {"Table.Arn"}
    assert remaining == {
        "secretsmanager:GetSecretValue": {"CallbackMaster.Id"},
        "sqs:ChangeMessageVisibility": {"Callbacks.Arn"},
        "sqs:DeleteMessage": {"Callbacks.Arn"},
        "sqs:GetQueueAttributes": {"Callbacks.Arn"},
        "sqs:ReceiveMessage": {"Callbacks.Arn"},
        "s3:GetObject": {"${AssetsBucket.Arn}/jobs/*", "${AssetsBucket.Arn}/edits/*"},
    }


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
        "ErasePolicy": "AWS::IAM::ManagedPolicy",
        "KmsKeyPolicy": "AWS::IAM::ManagedPolicy",
        "RecordsPolicy": "AWS::IAM::ManagedPolicy",
        "ProviderKeyPolicy": "AWS::IAM::ManagedPolicy",
        "AuditPolicy": "AWS::IAM::ManagedPolicy",
        "EventsPolicy": "AWS::IAM::ManagedPolicy",
        "RequestCountPolicy": "AWS::IAM::ManagedPolicy",
        "StateMachineLogsPolicy": "AWS::IAM::ManagedPolicy",
        "ApiPermission": "AWS::Lambda::Permission",
        "KeysPermission": "AWS::Lambda::Permission",
        "SettingsPermission": "AWS::Lambda::Permission",
        "AuthorizerPermission": "AWS::Lambda::Permission",
        "ErasePermission": "AWS::Lambda::Permission",
        "CallbacksMapping": "AWS::Lambda::EventSourceMapping",
        "CallbackSecretsPermission": "AWS::Lambda::Permission",
        "WebhookSecretPermission": "AWS::Lambda::Permission",
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
        ("ErasePermission", "EraseFunction", "${RestApi}/live/DELETE/v1/jobs/*/data"),
        ("KeysPermission", "KeysFunction", "${RestApi}/live/*/v1/keys*"),
        ("SettingsPermission", "SettingsFunction", "${RestApi}/live/*/v1/*"),
        ("AuthorizerPermission", "AuthorizerFunction", "${RestApi}/authorizers/*"),
        (
            "CallbackSecretsPermission",
            "CallbackSecretsFunction",
            "${RestApi}/live/*/v1/callback-secret*",
        ),
        (
            "WebhookSecretPermission",
            "CallbackSecretsFunction",
            "${RestApi}/live/GET/api/v3/webhook/secret",
        ),
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


def test_only_its_rule_can_send_to_the_queue_of_callbacks() -> None:
    policy = properties("CallbacksPolicy")
    allow, deny = statements(policy["PolicyDocument"]["Statement"])

    assert [name(queue) for queue in policy["Queues"]] == ["Callbacks"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert (allow["Action"], name(allow["Resource"])) == ("sqs:SendMessage", "Callbacks.Arn")
    rule = {"Fn::GetAtt": ["CallbacksRule", "Arn"]}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": rule}}
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "sqs:*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
