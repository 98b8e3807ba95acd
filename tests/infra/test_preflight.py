"""The preflight: what it asks AWS, and what it says. AWS is a fake with scripted answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import preflight
from infra.expand import Resolver
from infra.preflight import Deployment, Finding
from tests.infra.test_sam_translation import expanded

pytestmark = pytest.mark.linters


class RefusedError(Exception):
    """API Gateway's BadRequestException."""

    def __init__(self) -> None:
        self.response = {"Error": {"Message": "Warnings found during import: model X"}}


class Aws:
    """Scripted answers by service and call; records the calls."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def client(self, _service: str) -> "Aws":
        return self

    @property
    def exceptions(self) -> Any:
        return type("Exceptions", (), {"BadRequestException": RefusedError})

    def get_paginator(self, name: str) -> Any:
        call = getattr(self, name)
        return type("Pages", (), {"paginate": lambda _, **arguments: iter([call(**arguments)])})()

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            answer = self.answers.get(name, DEFAULTS[name])
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


DEFAULTS: dict[str, Any] = {
    "import_rest_api": {"id": "api-1"},
    "delete_rest_api": {},
    "validate_state_machine_definition": {"result": "OK", "diagnostics": []},
    "validate_policy": {"findings": []},
    "get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
    "list_service_quotas": {"Quotas": [{"QuotaName": "StateTransition refill rate", "Value": 800}]},
    "get_service_setting": {"ServiceSetting": {"SettingValue": "false"}},
}


def deployment(aws: Aws, stack: str = "darkroom", **parameters: str) -> Deployment:
    resolver = Resolver(
        expanded(), stack, "eu-west-1", "123456789012", "aws", {"ProviderApiKey": "x"} | parameters
    )
    return Deployment(resolver, aws.client)


def messages(findings: list[Finding]) -> Iterator[str]:
    return map(str, findings)


def test_nothing_is_found_if_aws_accepts_everything() -> None:
    aws = Aws()

    assert preflight.run(deployment(aws)) == []
    names = [name for name, _ in aws.calls]
    assert names.count("validate_state_machine_definition") == 2
    assert names.count("import_rest_api") == names.count("delete_rest_api") == 1


def test_everything_that_aws_gets_is_resolved() -> None:
    """No intrinsic and no placeholder is left: AWS would refuse it for the wrong reason."""
    aws = Aws()
    preflight.run(deployment(aws, ReferenceObjectArns="arn:aws:s3:::my-photos/*"))

    texts = [str(arguments) for _, arguments in aws.calls]
    assert len(texts) > 20
    for text in texts:
        assert "Fn::" not in text
        assert "${" not in text
        assert "AWS::" not in text
    policies = [
        json.loads(arguments["policyDocument"])
        for name, arguments in aws.calls
        if name == "validate_policy"
    ]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    assert "arn:aws:s3:::my-photos/*" in str(statements)
    assert all(
        resource == "*" or resource.startswith("arn:aws:")
        for statement in statements
        for resources in [statement.get("Resource", "*")]
        for resource in ([resources] if isinstance(resources, str) else resources)
    )


def test_every_policy_of_the_stack_is_validated() -> None:
    resolver = deployment(Aws()).resolver
    named = {
        name
        for name, resource in resolver.template["Resources"].items()
        if resource["Type"].endswith("Policy")
        and resolver.holds(resource.get("Condition", "OnAws"))
    }

    assert "EventBusPolicy" in named
    assert named <= {name for name, _, _ in preflight.policy_documents(resolver)}


def test_refused_api_document_is_an_error_with_the_reason() -> None:
    aws = Aws(import_rest_api=RefusedError())

    (finding,) = preflight.run(deployment(aws))

    assert str(finding).startswith("error")
    assert "model X" in finding.message
    assert "delete_rest_api" not in [name for name, _ in aws.calls]


def test_invalid_definition_and_policy_are_errors_with_their_place() -> None:
    diagnostic = {
        "severity": "ERROR",
        "code": "SCHEMA_VALIDATION_FAILED",
        "message": "no such state",
        "location": "/States/Check/Next",
    }
    finding = {
        "findingType": "ERROR",
        "issueCode": "INVALID_ACTION",
        "findingDetails": "The action does not exist.",
    }
    aws = Aws(
        validate_state_machine_definition={"result": "FAIL", "diagnostics": [diagnostic]},
        validate_policy={"findings": [finding]},
    )

    found = list(messages(preflight.run(deployment(aws))))

    assert any("image_job.asl.yaml" in line and "/States/Check/Next" in line for line in found)
    assert any(
        "policy of SubmitFunctionRole" in line and "INVALID_ACTION" in line for line in found
    )
    assert all(line.startswith("error") for line in found)


@pytest.mark.parametrize(
    ("parameters", "quota", "warns"),
    [
        ({"Tier": "bronze"}, 10, True),  # of a new account: the studio would not load
        ({"Tier": "bronze"}, 100, False),
        ({"Tier": "gold"}, 1000, False),
        ({"Tier": "gold"}, 10, True),
        ({"Tier": "gold", "Webhooks": "off"}, 1000, True),
        ({"Tier": "custom", "ImagesPerMinute": "60000"}, 1000, True),
    ],
)
def test_concurrency_quota_is_compared_with_the_tier(
    parameters: dict[str, str], quota: int, warns: bool
) -> None:
    aws = Aws(get_account_settings={"AccountLimit": {"ConcurrentExecutions": quota}})

    found = list(preflight.concurrency(deployment(aws, **parameters)))

    assert bool(found) is warns
    assert not found or "Request a higher quota" in found[0].message


def test_transition_and_parameter_quotas_are_compared_with_the_tier() -> None:
    quotas = {"Quotas": [{"QuotaName": "StateTransition refill rate", "Value": 300}]}
    ultra = deployment(Aws(list_service_quotas=quotas), Tier="ultra")
    bronze = deployment(Aws(list_service_quotas=quotas), Tier="bronze")

    assert "StateTransition" in next(preflight.transitions(ultra)).message
    assert "higher throughput" in next(preflight.parameter_reads(ultra)).message
    assert [*preflight.transitions(bronze), *preflight.parameter_reads(bronze)] == []


@pytest.mark.parametrize(
    ("name", "is_valid"), [("a" * 58, True), ("a" * 59, False), ("aws-images", False)]
)
def test_stack_name_fits_the_names_of_its_resources(name: str, is_valid: bool) -> None:
    found = list(preflight.stack_name(deployment(Aws(), name)))

    assert (found == []) is is_valid


def test_longest_stack_name_fits_the_names_in_the_template() -> None:
    """Step Functions: 80 characters, Lambda: 64; CloudFormation shortens the names it generates."""
    resolver = deployment(Aws(), "a" * preflight.MAX_STACK_NAME).resolver

    def longest(kind: str, name: str) -> int:
        resources = resolver.template["Resources"].values()
        found = [r["Properties"] for r in resources if r["Type"] == kind]
        return max(len(resolver.resolve(p[name])) for p in found if name in p)

    assert longest("AWS::Lambda::Function", "FunctionName") == 64
    assert longest("AWS::StepFunctions::StateMachine", "StateMachineName") <= 80


def test_question_without_an_answer_is_a_finding() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ValidatePolicy")

    (finding,) = preflight.run(deployment(Aws(validate_policy=denied)))

    assert (finding.level, finding.check) == ("unchecked", "policies")
    assert "AccessDenied" in finding.message
