"""Messages in the queue DeadLetters can be redelivered by `make redrive`."""

from collections.abc import Iterator
from typing import Any

import pytest

from darkroom_cli.operator.dead_letters import target_payload
from tests.infra.template import functions, properties, template
from tests.workflow.entry_points import rule_input

QUEUE = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
RULES = [
    (function, name) for function in functions() for name in properties(function).get("Events", {})
]
# Event details that a sender can write, including text in placeholder syntax.
DETAILS: list[Any] = [
    {"operation": "text-to-image", "prompt": "A lighthouse"},
    {"caller": "another caller", "prompt": '<id> <detail> "<caller>" \\1 \\g<0>'},
    {"name": "an execution", "status": "FAILED"},
    {},
]


def queue_references(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield each path in the template that references the queue."""
    if part == QUEUE:
        yield path
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from queue_references(value, (*path, key))
    elif isinstance(part, list):
        for value in part:
            yield from queue_references(value, path)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize(("function", "rule"), RULES)
def test_redelivered_event_has_the_input_of_its_rule(function: str, rule: str, detail: Any) -> None:
    """The target is read from the template, in the form that AWS returns for the rule target."""
    event = {"id": "event-1", "detail-type": "Something", "source": "a.b", "detail": detail}
    input_fields = ("Input", "InputPath", "InputTransformer")
    target = {
        key: value
        for key, value in properties(function)["Events"][rule]["Properties"].items()
        if key in input_fields
    }

    assert "InputPath" not in target  # not supported by make redrive
    assert target_payload(target, event) == rule_input(function, rule, event)


def test_queue_receives_only_messages_that_can_be_redelivered() -> None:
    """`make redrive` reads failed invocations, undelivered events and undelivered callbacks."""
    references = {path[-2:] for path in queue_references(template()["Resources"])}
    senders = {path for path in references if path[-1] != "Resource"}  # the queue policy

    assert senders == {
        ("OnFailure", "Destination"),
        ("DeadLetterConfig", "Arn"),
        ("RedrivePolicy", "deadLetterTargetArn"),
    }
    for function in functions():
        assert "DeadLetterQueue" not in properties(function)  # would add another message type
