"""What ends in the queue DeadLetters can be delivered once more, by `make redrive`."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.dead_letters import given
from tests.infra.template import functions, properties, template
from tests.workflow.entry_points import of_rule

QUEUE = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
RULES = [
    (function, name) for function in functions() for name in properties(function).get("Events", {})
]
# What a sender may write, placeholders of ours too.
DETAILS: list[Any] = [
    {"operation": "text-to-image", "prompt": "A lighthouse"},
    {"caller": "somebody else", "prompt": '<id> <detail> "<caller>" \\1 \\g<0>'},
    {"name": "an execution", "status": "FAILED"},
    {},
]


def places(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give every path in the template at which the queue stands."""
    if part == QUEUE:
        yield path
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from places(value, (*path, key))
    elif isinstance(part, list):
        for value in part:
            yield from places(value, path)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize(("function", "rule"), RULES)
def test_an_event_that_was_not_delivered_is_given_as_its_rule_would_have(
    function: str, rule: str, detail: Any
) -> None:
    """As the template has it, and so as AWS tells it of the rule's target."""
    event = {"id": "event-1", "detail-type": "Something", "source": "a.b", "detail": detail}
    told = ("Input", "InputPath", "InputTransformer")
    target = {
        k: v for k, v in properties(function)["Events"][rule]["Properties"].items() if k in told
    }

    assert "InputPath" not in target  # nothing here knows what to do about one
    assert given(target, event) == of_rule(function, rule, event)


def test_nothing_is_sent_there_but_failed_runs_and_undelivered_events() -> None:
    """Of these two kinds it is known how they are read and whom they were for."""
    found = {path[-2:] for path in places(template()["Resources"])}
    senders = {path for path in found if path[-1] != "Resource"}  # the queue's own policy

    assert senders == {("OnFailure", "Destination"), ("DeadLetterConfig", "Arn")}
    for function in functions():
        assert "DeadLetterQueue" not in properties(function)  # another kind of message


def test_who_redrives_is_told_where_the_queue_is() -> None:
    assert template()["Outputs"]["DeadLettersUrl"]["Value"] == {"Ref": "DeadLetters"}
