"""The REST API resource: its stage, its limits and the references of its OpenAPI document.

The routes of the document are tested in test_openapi.py.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.infra.template import OPENAPI, ROOT, api, functions, parameters, properties, template

# Pseudo parameters of CloudFormation.
_PSEUDO = re.compile(r"AWS::(Partition|Region|AccountId|URLSuffix|NoValue)")


def intrinsics(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each intrinsic function in the document with its argument."""
    if isinstance(value, list):
        for entry in value:
            yield from intrinsics(entry)
    if isinstance(value, dict):
        for name, argument in value.items():
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                yield name, argument
            yield from intrinsics(argument)


def referenced_ids() -> Iterator[str]:
    """Yield the logical ids that the document references."""
    for function, argument in intrinsics(api()):
        match function:
            case "Ref":
                yield argument
            case "Fn::Sub":
                yield from re.findall(r"\${([\w:]+)(?:\.Arn)?}", argument)


def test_api_includes_the_openapi_document() -> None:
    body = properties("RestApi")["DefinitionBody"]

    include = body["Fn::Transform"]
    assert include["Name"] == "AWS::Include"
    assert ROOT / include["Parameters"]["Location"] == OPENAPI
    assert "DefinitionUri" not in properties("RestApi")


def test_openapi_version_matches_the_document() -> None:
    assert properties("RestApi")["OpenApiVersion"] == api()["openapi"]


def test_api_is_deployed_with_every_stack_update() -> None:
    """SAM creates a deployment only when the document text changes, not when a parameter does."""
    chosen = {name for name in referenced_ids() if name in parameters()}

    assert chosen
    assert properties("RestApi")["AlwaysDeploy"] is True


def test_references_of_the_document_exist_in_the_template() -> None:
    """Linters do not read the included document."""
    aliases = {
        f"{name}Alias{properties(name)['AutoPublishAlias']}"
        for name in functions()
        if "AutoPublishAlias" in properties(name)
    }
    known = {*template()["Resources"], *parameters(), *aliases}
    missing = {
        name for name in referenced_ids() if name not in known and not _PSEUDO.fullmatch(name)
    }

    assert missing == set()
    conditions = {arguments[0] for name, arguments in intrinsics(api()) if name == "Fn::If"}
    assert conditions <= set(template()["Conditions"])


def test_document_uses_only_functions_allowed_in_an_include() -> None:
    """Only long forms: CloudFormation does not read short tags in an included file."""
    assert {name for name, _ in intrinsics(api())} <= {"Fn::Sub", "Fn::If", "Ref"}
    assert not re.search(r"^[^#'\"]*:\s+!(Ref|Sub|If|GetAtt)\b", OPENAPI.read_text(), re.M)


def test_document_is_within_the_cloudformation_size_limits() -> None:
    assert OPENAPI.stat().st_size < 460_800
    assert len(json.dumps(api())) + len((ROOT / "template.yaml").read_text()) < 1_000_000


def test_all_routes_have_the_configured_throttling() -> None:
    (settings,) = properties("RestApi")["MethodSettings"]

    assert settings == {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestsPerSecond"},
    }
    assert parameters()["RequestsPerSecond"]["MinValue"] >= 1  # 0 would close the API


def test_api_endpoint_is_regional() -> None:
    assert properties("RestApi")["EndpointConfiguration"] == {"Type": "REGIONAL"}


def test_api_functions_time_out_before_api_gateway() -> None:
    assert properties("ApiFunction")["Timeout"] <= 29
    assert properties("AuthorizerFunction")["Timeout"] <= 10


def test_allowed_origin_is_one_origin_or_empty() -> None:
    allowed = re.compile(parameters()["AllowedOrigin"]["AllowedPattern"])

    for valid in ("", "https://example.com", "http://localhost:5173"):
        assert allowed.fullmatch(valid), valid
    for invalid in (
        "*",
        "example.com",
        "https://a.com/",
        "https://a.com,https://b.com",
        "https://a'",
    ):
        assert not allowed.fullmatch(invalid), invalid
