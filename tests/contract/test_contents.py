"""Claims of contents: the newest job of a content, on the fake and on DynamoDB."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.adapters.dynamodb.contents import ContentTable
from darkroom.ports import ContentClaim, Contents
from tests.contract.conftest import TABLE
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryContents

FIRST = ContentClaim("first", START)
SECOND = ContentClaim("second", START + timedelta(seconds=1))


@pytest.fixture(params=["memory", "dynamodb"])
def contents(request: pytest.FixtureRequest) -> Contents:
    if request.param == "memory":
        return InMemoryContents()
    return ContentTable(request.getfixturevalue("dynamodb"), TABLE)


def test_a_content_is_claimed_once(contents: Contents) -> None:
    assert contents.find("kite") is None

    assert contents.claim("kite", FIRST, None) is None
    assert contents.claim("kite", SECOND, None) == FIRST

    assert contents.find("kite") == FIRST
    assert contents.find("another") is None


def test_a_claim_is_replaced_by_the_first_that_has_read_it(contents: Contents) -> None:
    third = replace(SECOND, job_id="third")
    contents.claim("kite", FIRST, None)

    assert contents.claim("kite", SECOND, FIRST) is None
    assert contents.claim("kite", third, FIRST) == SECOND
