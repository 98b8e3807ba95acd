"""The HTTP API as a resource: its stage, its limits, and what its document takes of the template.

What the document says of the routes is tested in test_openapi.py.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.infra.template import OPENAPI, ROOT, api, functions, parameters, properties, template

# What CloudFormation knows without being told.
_PSEUDO = re.compile(r"AWS::(Partition|Region|AccountId|URLSuffix|NoValue)")


def intrinsics(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each function of CloudFormation in the document, with its argument."""
    if isinstance(value, list):
        for entry in value:
            yield from intrinsics(entry)
    if isinstance(value, dict):
        for name, argument in value.items():
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                yield name, argument
            yield from intrinsics(argument)


def named() -> Iterator[str]:
    """Yield what the document refers to by its logical id."""
    for function, argument in intrinsics(api()):
        match function:
            case "Ref":
                yield argument
            case "Fn::Sub":
                yield from re.findall(r"\${([\w:]+)(?:\.Arn)?}", argument)


def test_the_api_is_made_of_the_document_and_of_nothing_else() -> None:
    body = properties("RestApi")["DefinitionBody"]

    include = body["Fn::Transform"]
    assert include["Name"] == "AWS::Include"
    assert ROOT / include["Parameters"]["Location"] == OPENAPI
    assert "DefinitionUri" not in properties("RestApi")


def test_the_version_that_sam_is_told_is_the_documents() -> None:
    assert properties("RestApi")["OpenApiVersion"] == api()["openapi"]


def test_the_api_is_deployed_with_every_change_of_what_the_document_names() -> None:
    """What is not deployed does not show, and SAM deploys only when the document's text changes."""
    chosen = {name for name in named() if name in parameters()}

    assert chosen
    assert properties("RestApi")["AlwaysDeploy"] is True


def test_what_the_document_names_is_in_the_template() -> None:
    """No linter looks into what is included."""
    aliases = {
        f"{name}Alias{properties(name)['AutoPublishAlias']}"
        for name in functions()
        if "AutoPublishAlias" in properties(name)
    }
    known = {*template()["Resources"], *parameters(), *aliases}
    missing = {name for name in named() if name not in known and not _PSEUDO.fullmatch(name)}

    assert missing == set()
    conditions = {arguments[0] for name, arguments in intrinsics(api()) if name == "Fn::If"}
    assert conditions <= set(template()["Conditions"])


def test_the_document_uses_only_functions_that_work_in_an_included_file() -> None:
    """In their long forms: CloudFormation reads no short tag there."""
    assert {name for name, _ in intrinsics(api())} <= {"Fn::Sub", "Fn::If", "Ref"}
    assert not re.search(r"^[^#'\"]*:\s+!(Ref|Sub|If|GetAtt)\b", OPENAPI.read_text(), re.M)


def test_the_document_fits_into_what_cloudformation_includes_and_processes() -> None:
    assert OPENAPI.stat().st_size < 460_800
    assert len(json.dumps(api())) + len((ROOT / "template.yaml").read_text()) < 1_000_000


def test_every_route_is_limited_by_what_was_chosen() -> None:
    (settings,) = properties("RestApi")["MethodSettings"]

    assert settings == {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
    }
    for name in ("RequestsPerSecond", "RequestBurst"):
        assert parameters()[name]["Type"] == "Number"
        assert parameters()[name]["MinValue"] >= 1  # 0 would close the API
        assert 1 <= parameters()[name]["Default"] <= 1000


def test_the_api_stays_in_its_region() -> None:
    assert properties("RestApi")["EndpointConfiguration"] == {"Type": "REGIONAL"}


def test_the_function_gives_up_no_later_than_api_gateway() -> None:
    assert properties("ApiFunction")["Timeout"] <= 29
    assert properties("AuthorizerFunction")["Timeout"] <= 10


def test_an_origin_is_one_origin_or_none() -> None:
    allowed = re.compile(parameters()["AllowedOrigin"]["AllowedPattern"])

    for good in ("", "https://example.com", "http://localhost:5173"):
        assert allowed.fullmatch(good), good
    for bad in ("*", "example.com", "https://a.com/", "https://a.com,https://b.com", "https://a'"):
        assert not allowed.fullmatch(bad), bad
