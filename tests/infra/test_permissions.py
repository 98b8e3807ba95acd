"""Who may do what: each role has exactly these rights, and whom AWS lets in has a policy for it.

The emulator enforces the functions' roles only; the rest is proven here.
"""

import pytest

from tests.infra.policies import Grants, grants, name, statements
from tests.infra.template import functions, properties, resources, template

_RECORD: Grants = {"dynamodb:GetItem": {"Table.Arn"}, "dynamodb:UpdateItem": {"Table.Arn"}}
_KEY: Grants = {"secretsmanager:GetSecretValue": {"ProviderKey.Id"}}
_BUS: Grants = {"events:PutEvents": {"EventBus.Arn"}}
_REFERENCES = {"${AssetsBucket.Arn}/*", "ReferenceObjectArns"}
_JOBS = {"${AssetsBucket.Arn}/jobs/*"}
GRANTS: dict[str, Grants] = {
    "OnRequestFunction": {
        "dynamodb:GetItem": {"Table.Arn"},
        "dynamodb:PutItem": {"Table.Arn"},
        "s3:PutObject": {"${AssetsBucket.Arn}/references/*"},
        "s3:GetObject": _REFERENCES,
        "states:StartExecution": {"ImageJobStateMachine"},
        **_BUS,
    },
    "SubmitFunction": {
        **_RECORD,
        **_KEY,
        **_BUS,
        "s3:GetObject": _REFERENCES,
        "s3:GetObjectVersion": _REFERENCES,
    },
    "CheckFunction": {**_RECORD, **_KEY},
    "FinalizeFunction": {
        **_RECORD,
        **_KEY,
        **_BUS,
        "s3:GetObject": _JOBS,
        "s3:PutObject": _JOBS,
    },
    "FailFunction": {**_RECORD, **_BUS},
    "OnExecutionEndedFunction": {**_RECORD, **_BUS},
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
            actions = statement["Action"]
            actions = actions if isinstance(actions, list) else [actions]
            assert not [a for a in actions if "*" in a], owner
            assert statement["Resource"] != "*" or set(actions) <= _WITHOUT_RESOURCE, owner


@pytest.mark.parametrize("function", [f for f in functions() if "events:PutEvents" in GRANTS[f]])
def test_a_function_puts_events_in_our_name_only(function: str) -> None:
    (statement,) = [
        s for s in statements(properties(function)["Policies"]) if s["Action"] == "events:PutEvents"
    ]

    assert statement["Condition"] == {"StringEqualsIfExists": {"events:source": "darkroom"}}


def test_no_role_policy_or_permission_stands_beside_these() -> None:
    """SAM makes one role a function, and the permission for each rule to invoke its function."""
    kinds = {resource["Type"] for resource in template()["Resources"].values()}

    assert not [kind for kind in kinds if kind.startswith(("AWS::IAM", "AWS::Lambda"))]
    for function in functions():
        assert "Role" not in properties(function)


def test_rules_invoke_functions_by_events_for_which_sam_makes_the_permission() -> None:
    rules = {
        f"{function}.{key}": event["Type"]
        for function in functions()
        for key, event in properties(function).get("Events", {}).items()
    }

    assert rules == {
        "OnRequestFunction.JobRequested": "EventBridgeRule",
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
