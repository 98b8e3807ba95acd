"""Schemathesis: generated requests to the API, checked against its OpenAPI document."""

import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from darkroom.domain.callers import Role
from infra.generate_api import public
from tests.e2e.deployment import Deployment
from tests.profiles import examples

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def document_for_requests() -> dict[str, Any]:
    """Return the document without security: each request has a valid key.

    Without a key, only the authorizer would be tested.
    """
    openapi = copy.deepcopy(public())
    del openapi["components"]["securitySchemes"]
    for item in openapi["paths"].values():
        for operation in item.values():
            del operation["security"]
    return openapi


SCHEMA: Any = schemathesis.openapi.from_dict(document_for_requests())
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]
CASES = [
    pytest.param(operation, mode, id=f"{operation.label}, {mode.value}")
    for operation in OPERATIONS
    for mode in GenerationMode
    # Without a body or query, a request cannot be invalid.
    if mode is GenerationMode.POSITIVE or operation.body or operation.query
]


@pytest.fixture(scope="module")
def headers(deployment: Deployment) -> dict[str, str]:
    """The headers of one key for all requests."""
    return {"Authorization": f"Bearer {deployment.create_key('schemathesis', Role.SUBMIT)}"}


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_responses_match_the_document(
    operation: Any, mode: GenerationMode, deployment: Deployment, headers: dict[str, str]
) -> None:
    @settings(
        max_examples=examples(3),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def request(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=deployment.stack.api_url, headers=headers, checks=CHECKS)

    request()
