"""The running API against its own document: schemathesis asks what nobody would think of."""

import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from darkroom.domain.callers import Role
from infra.generate_api import document
from tests.e2e.desk import Desk

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# A few hundred requests in all; the same ones at every run.
BOUNDED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def described() -> dict[str, Any]:
    """Return the document, with API Gateway's greedy parameter as everybody else writes it.

    Every request carries a good key: without one, all that is seen is the authorizer.
    """
    found = copy.deepcopy(document())
    del found["components"]["securitySchemes"]
    for item in found["paths"].values():
        for operation in item.values():
            del operation["security"]
    found["paths"] = {path.replace("+}", "}"): item for path, item in found["paths"].items()}
    return found


schema = schemathesis.openapi.from_dict(described())


@pytest.fixture(scope="module")
def headers(desk: Desk) -> dict[str, str]:
    """The headers of one key for all requests."""
    return {"Authorization": f"Bearer {desk.key('schemathesis', Role.SUBMIT)}"}


@schema.parametrize()
@BOUNDED
def test_every_answer_is_as_documented(
    case: schemathesis.Case[Any], desk: Desk, headers: dict[str, str]
) -> None:
    case.call_and_validate(base_url=desk.stack.api_url, headers=headers, checks=CHECKS)
