"""Who may do what: each role has exactly these rights, and whom AWS lets in has a policy for it.

The emulator enforces the functions' roles only; the rest is proven here.
"""

from fnmatch import fnmatch

import pytest

from darkroom.adapters import key_table, table
from tests.infra.policies import Grants, grants, listed, name, statements
from tests.infra.template import functions, properties, resources, template

_RECORD: Grants = {"dynamodb:GetItem": {"Table.Arn"}, "dynamodb:UpdateItem": {"Table.Arn"}}
_KEY: Grants = {"secretsmanager:GetSecretValue": {"ProviderKey.Id"}}
_BUS: Grants = {"events:PutEvents": {"EventBus.Arn"}}
_ASSETS, _INBOX = "${AssetsBucket.Arn}/*", "${InboxBucket.Arn}/*"
_KEPT, _OWN = "${AssetsBucket.Arn}/references/*", "ReferenceObjectArns"
_OUTPUTS = {"${AssetsBucket.Arn}/jobs/*", "${AssetsBucket.Arn}/edits/*"}
# What makes a job of a request, the same for all three doors.
_DOOR: Grants = {
    "dynamodb:GetItem": {"Table.Arn"},
    "dynamodb:PutItem": {"Table.Arn"},
    "s3:PutObject": {_KEPT},
    "s3:GetObject": {_ASSETS, _OWN},
    "states:StartExecution": {"ImageJobStateMachine"},
    **_BUS,
}
GRANTS: dict[str, Grants] = {
    "ApiFunction": {
        **_DOOR,
        "dynamodb:BatchGetItem": {"Table.Arn"},
        "dynamodb:UpdateItem": {"Table.Arn"},
        "dynamodb:Query": {"${Table.Arn}/index/by-caller", "${Table.Arn}/index/by-time"},
        "s3:PutObject": {_KEPT, "${AssetsBucket.Arn}/uploads/*"},
        "s3:GetObjectVersion": {"${AssetsBucket.Arn}/config/*"},
        "s3:ListBucket": {"AssetsBucket.Arn"},
        "s3:ListBucketVersions": {"AssetsBucket.Arn"},
    },
    "AuthorizerFunction": _RECORD,
    "OnUploadFunction": {
        **_DOOR,
        "s3:PutObject": {_KEPT, "${AssetsBucket.Arn}/errors/*"},
        "s3:DeleteObject": {"${AssetsBucket.Arn}/errors/*"},
        "s3:GetObject": {_ASSETS, _OWN, _INBOX},
        "s3:GetObjectVersion": {"${AssetsBucket.Arn}/config/*", _INBOX},
        "s3:ListBucket": {"AssetsBucket.Arn", "InboxBucket.Arn"},
        "s3:ListBucketVersions": {"AssetsBucket.Arn", "InboxBucket.Arn"},
    },
    "OnRequestFunction": _DOOR,
    "SweepFunction": {
        "dynamodb:Query": {"${Table.Arn}/index/by-time"},
        "dynamodb:BatchGetItem": {"Table.Arn"},
        "states:StartExecution": {"ImageJobStateMachine"},
    },
    "SubmitFunction": {
        **_RECORD,
        **_KEY,
        **_BUS,
        "s3:GetObject": {_ASSETS, _INBOX, _OWN},
        "s3:GetObjectVersion": {_ASSETS, _INBOX, _OWN},
    },
    "CheckFunction": {**_RECORD, **_KEY},
    "FinalizeFunction": {
        **_RECORD,
        **_KEY,
        **_BUS,
        "s3:GetObject": _OUTPUTS,
        "s3:PutObject": _OUTPUTS,
    },
    "FailFunction": {**_RECORD, **_BUS},
    "OnExecutionEndedFunction": {**_RECORD, **_BUS},
}
# Which items of the table each function may touch: nobody but the authorizer a key.
_JOB_ITEMS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["JOB#*"]}}
ITEMS = dict.fromkeys(GRANTS, _JOB_ITEMS) | {
    "AuthorizerFunction": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["KEYS"]}},
}
# Log delivery: these have no resource-level rights (the service authorization reference says so).
_WITHOUT_RESOURCE = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}


@pytest.mark.parametrize("function", functions())
def test_a_function_may_do_exactly_what_it_does(function: str) -> None:
    assert grants(function) == GRANTS[function]


def test_the_table_of_rights_names_no_function_that_is_gone() -> None:
    assert set(GRANTS) == set(functions())


def test_the_machine_may_invoke_its_four_functions_and_deliver_its_logs() -> None:
    rights = grants("ImageJobStateMachine")

    steps = ("Submit", "Check", "Finalize", "Fail")
    assert rights.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert rights == {action: {"*"} for action in _WITHOUT_RESOURCE}


def test_nothing_else_is_allowed_on_everything() -> None:
    for owner in [*functions(), "ImageJobStateMachine"]:
        for statement in statements(properties(owner)["Policies"]):
            actions = listed(statement["Action"])
            assert not [a for a in actions if "*" in a], owner
            assert statement["Resource"] != "*" or set(actions) <= _WITHOUT_RESOURCE, owner


@pytest.mark.parametrize("function", ITEMS)
def test_no_function_touches_an_api_key_but_the_authorizer_and_that_nothing_else(
    function: str,
) -> None:
    """A key is made by the account's owner only: no code that callers can reach is able to.

    AWS tells LeadingKeys with each of these actions, and with an absent key ForAllValues is true:
    so only on AWS, and only for these, does it hold. A list of jobs is read from the indexes,
    which keys are not in.
    """
    guarded = [
        statement
        for statement in statements(properties(function)["Policies"])
        if "Table.Arn" in {name(target) for target in listed(statement["Resource"])}
    ]

    assert guarded
    assert [statement["Condition"] for statement in guarded] == [ITEMS[function]] * len(guarded)
    actions = {action for statement in guarded for action in listed(statement["Action"])}
    assert actions <= {f"dynamodb:{a}Item" for a in ("Get", "BatchGet", "Put", "Update")}


def test_what_the_adapters_write_is_what_these_conditions_name() -> None:
    assert fnmatch(table._partition("cmjb2hb7562g6nkk3rro3j6g5c"), "JOB#*")
    assert key_table._PARTITION == "KEYS"


def test_a_door_writes_where_no_other_does_and_none_where_the_outputs_are() -> None:
    """Nothing that a caller sends can replace a picture, a manifest or the presets."""
    for function in ("ApiFunction", "OnUploadFunction", "OnRequestFunction"):
        folders = {target.split("/")[1] for target in grants(function)["s3:PutObject"]}
        assert folders <= {"references", "uploads", "errors"}


def test_what_starts_jobs_may_not_write_to_the_inbox() -> None:
    """So nothing that comes of an upload can be an upload: no loop can form."""
    for function in functions():
        for target in grants(function).get("s3:PutObject", set()):
            assert target.startswith("${AssetsBucket.Arn}/")


@pytest.mark.parametrize("function", [f for f in functions() if "events:PutEvents" in GRANTS[f]])
def test_a_function_puts_events_in_our_name_only(function: str) -> None:
    (statement,) = [
        s for s in statements(properties(function)["Policies"]) if s["Action"] == "events:PutEvents"
    ]

    assert statement["Condition"] == {"StringEqualsIfExists": {"events:source": "darkroom"}}


def test_no_role_policy_or_permission_stands_beside_these() -> None:
    """SAM makes one role a function, and the permission for each rule to invoke its function."""
    policies = set(resources("AWS::IAM::ManagedPolicy"))
    beside = {
        logical_id: resource["Type"]
        for logical_id, resource in template()["Resources"].items()
        if resource["Type"].startswith(("AWS::IAM", "AWS::Lambda"))
    }

    assert beside == {
        "DoorPolicy": "AWS::IAM::ManagedPolicy",
        "ApiPermission": "AWS::Lambda::Permission",
        "AuthorizerPermission": "AWS::Lambda::Permission",
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
    ],
)
def test_only_our_api_may_invoke_what_stands_behind_it(
    permission: str, function: str, source: str
) -> None:
    """Of this account and region, in the stage that is deployed; SAM makes none: no `Events`."""
    prefix = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"

    assert properties(permission) == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": function},
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": prefix + source},
    }
    assert "Events" not in properties(function)
    assert properties("RestApi")["StageName"] == "live"


def test_rules_invoke_functions_by_events_for_which_sam_makes_the_permission() -> None:
    rules = {
        f"{function}.{key}": event["Type"]
        for function in functions()
        for key, event in properties(function).get("Events", {}).items()
    }

    assert rules == {
        "OnUploadFunction.ObjectCreated": "EventBridgeRule",
        "OnRequestFunction.JobRequested": "EventBridgeRule",
        "SweepFunction.EveryFiveMinutes": "Schedule",
        "OnExecutionEndedFunction.ExecutionEnded": "EventBridgeRule",
    }
    assert not resources("AWS::Events::Rule")


def test_eventbridge_may_send_what_it_could_not_deliver_to_the_queue() -> None:
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
