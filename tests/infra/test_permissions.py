"""Who may do what: each role has exactly these rights, and whom AWS lets in has a policy for it.

The emulator enforces the functions' roles only; the rest is proven here.
"""

from fnmatch import fnmatchcase

import pytest

from tests.infra import policies
from tests.infra.policies import grants, listed, may, name, statements
from tests.infra.rights import (
    BATCH,
    GRANTS,
    ITEMS,
    JOB,
    KEYS,
    LOG_DELIVERY,
    PARTITIONS,
    TRANSACTIONS,
    WITHOUT_RESOURCE,
)
from tests.infra.template import functions, properties, resources, template

MACHINES = ("ImageJobStateMachine", "BatchStateMachine")


@pytest.mark.parametrize("function", functions())
def test_a_function_may_do_exactly_what_it_does(function: str) -> None:
    of_items = {f"dynamodb:{action}" for actions, _ in ITEMS[function] for action in actions}
    given = grants(function)
    others = {
        action: targets - {"Table.Arn"} if action in of_items else targets
        for action, targets in given.items()
    }

    assert {action: targets for action, targets in others.items() if targets} == GRANTS[function]
    assert all("Table.Arn" in given[action] for action in of_items)


def test_the_tables_of_rights_name_no_function_that_is_gone() -> None:
    assert set(GRANTS) == set(ITEMS) == set(functions())


def test_the_machine_may_invoke_its_four_functions_leave_a_token_and_deliver_its_logs() -> None:
    rights = grants("ImageJobStateMachine")

    steps = ("Submit", "Check", "Finalize", "Fail")
    assert rights.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert rights.pop("dynamodb:UpdateItem") == {"Table.Arn"}
    assert policies.items("ImageJobStateMachine") == [({"UpdateItem"}, {JOB})]
    assert rights == {action: {"*"} for action in LOG_DELIVERY}


def test_the_machine_of_batches_may_run_its_parts_read_their_places_and_note_its_end() -> None:
    """The emulator does not hold a machine to its role, so a map's rights are only seen here."""
    rights = grants("BatchStateMachine")
    own = name(properties("BatchStateMachine")["Name"])

    steps = ("CreateRows", "CollectBatch")
    assert rights.pop("lambda:InvokeFunction") == {f"{step}Function.Arn" for step in steps}
    assert rights.pop("dynamodb:UpdateItem") == {"Table.Arn"}
    assert policies.items("BatchStateMachine") == [({"UpdateItem"}, {BATCH})]
    assert rights.pop("s3:GetObject") == {"${AssetsBucket.Arn}/batches/*"}
    # A map's children are executions of `<machine>/<label>`.
    (machine,) = rights.pop("states:StartExecution")
    (started,) = rights.pop("states:DescribeExecution")
    assert rights.pop("states:StopExecution") == {started}
    assert machine.endswith(f":stateMachine:{own}")
    assert started.endswith(f":execution:{own}*")
    assert rights == {action: {"*"} for action in LOG_DELIVERY}


def test_what_looks_at_executions_looks_at_the_machines_own() -> None:
    machines = {name(properties(machine)["Name"]) for machine in MACHINES}
    targets = grants("SweepFunction")["states:DescribeExecution"]

    assert {target.partition(":execution:")[2].removesuffix(":*") for target in targets} == machines


def test_nothing_else_is_allowed_on_everything() -> None:
    for owner in [*functions(), *MACHINES]:
        for statement in statements(properties(owner)["Policies"]):
            actions = listed(statement["Action"])
            assert not [a for a in actions if "*" in a], owner
            assert statement["Resource"] != "*" or set(actions) <= WITHOUT_RESOURCE, owner


@pytest.mark.parametrize("function", ITEMS)
def test_a_function_touches_exactly_the_items_that_it_needs(function: str) -> None:
    """And no API key but the authorizer, which touches nothing else: only the account's owner makes
    a key, and no code that callers can reach is able to.

    AWS tells LeadingKeys with each of these actions, and with an absent key ForAllValues is true:
    so only on AWS, and only for these, does it hold. A list of jobs is read from the indexes,
    which keys are not in.
    """
    assert ordered(policies.items(function)) == ordered(ITEMS[function])
    for actions, patterns in ITEMS[function]:
        assert actions <= {"GetItem", "BatchGetItem", "PutItem", "Query", "UpdateItem"}
        assert (KEYS in patterns) == (function == "AuthorizerFunction")


def ordered(rights: list[tuple[set[str], set[str]]]) -> list[tuple[list[str], list[str]]]:
    return sorted((sorted(actions), sorted(patterns)) for actions, patterns in rights)


def test_every_item_is_of_a_kind_that_somebody_may_touch() -> None:
    named = {pattern for each in ITEMS.values() for _, patterns in each for pattern in patterns}
    assert named == set(PARTITIONS)
    for pattern, key in PARTITIONS.items():
        matching = {other for other in PARTITIONS if fnmatchcase(key["pk"]["S"], other)}
        assert matching == {pattern}


@pytest.mark.parametrize(("function", "actions", "patterns"), TRANSACTIONS)
def test_what_is_written_at_once_is_allowed_at_once(
    function: str, actions: set[str], patterns: set[str]
) -> None:
    """Whether AWS asks about each item by itself, or about all of them with each action."""
    partitions = {PARTITIONS[pattern]["pk"]["S"] for pattern in patterns}

    for action in actions:
        assert may(function, action, partitions), action
        assert all(may(function, action, {each}) for each in partitions)


def test_a_door_writes_where_no_other_does_and_none_where_the_outputs_are() -> None:
    """Nothing that a caller sends can replace a picture, a manifest or the presets."""
    for function in ("ApiFunction", "OnUploadFunction", "OnRequestFunction", "CreateRowsFunction"):
        folders = {target.split("/")[1] for target in grants(function)["s3:PutObject"]}
        assert folders <= {"references", "uploads", "errors", "batches"}


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
        "CreateJobPolicy": "AWS::IAM::ManagedPolicy",
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
def test_only_our_api_may_invoke_what_stands_behind_it(
    permission: str, function: str, source: str
) -> None:
    """Of this account and region, in the stage that is deployed; SAM makes none: no `Events`."""
    prefix = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"

    assert properties(permission) == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": (
            {"Fn::If": ["SnapStartEnabled", {"Ref": f"{function}Aliaslive"}, {"Ref": function}]}
            if "SnapStart" in properties(function)
            else {"Ref": function}
        ),
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
        "SweepFunction.EveryMinute": "Schedule",
        "ReconcileFunction.EveryMorning": "Schedule",
        "OnExecutionEndedFunction.ExecutionEnded": "EventBridgeRule",
        "RecordStatsFunction.JobEnded": "EventBridgeRule",
        "ThumbnailFunction.JobStored": "EventBridgeRule",
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
