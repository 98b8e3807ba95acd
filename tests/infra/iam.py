"""An evaluator of IAM policies: allow, explicit deny, wildcards and the conditions of the template.

The semantics are those of the IAM User Guide ("Policy evaluation logic", "Condition operators" and
"Multivalued context keys"). A statement with anything else raises ValueError, so no policy passes
because the evaluator ignores a part of it.
"""

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from infra.expand import Resolver
from tests.infra.template import properties, template

type Statement = Mapping[str, Any]
type Context = Mapping[str, str | list[str]]

REGION, ACCOUNT, STACK = "us-east-1", "123456789012", "darkroom"
_DEPLOYED_TYPES = {
    "AWS::Serverless::Function": "AWS::Lambda::Function",
    "AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
}
_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_ARN_PARTS = 6


@dataclass(frozen=True)
class Request:
    """A request for one action on one resource, with its condition keys."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def is_allowed(
    request: Request, identity: Iterable[Statement], resource_policy: Iterable[Statement] = ()
) -> bool:
    """Return whether a principal of the same account may make the request.

    One statement of either policy must allow it, and none may deny it.
    """
    matching = [s["Effect"] for s in (*identity, *resource_policy) if _matches(s, request)]
    return "Allow" in matching and "Deny" not in matching


@cache
def role(owner: str) -> tuple[Statement, ...]:
    """Return the resolved statements of the role of a function or state machine."""
    documents = (
        properties(entry["Ref"])["PolicyDocument"] if "Ref" in entry else entry
        for entry in properties(owner)["Policies"]
    )
    return tuple(
        statement
        for document in documents
        for statement in _as_list(resolver().resolve(document)["Statement"])
    )


def arn(resource: str) -> str:
    """Return the ARN of a resource of the template."""
    attribute = "Id" if resource == "ProviderKey" else "Arn"
    return str(resolver().resolve({"Fn::GetAtt": [resource, attribute]}))


def reference(resource: str) -> str:
    """Return the name of a resource of the template."""
    return str(resolver().resolve({"Ref": resource}))


@cache
def resolver() -> Resolver:
    """Return the resolver of the template as a stack on AWS, with every optional part."""
    document = copy.deepcopy(template())
    for name, resource in list(document["Resources"].items()):
        kind = resource["Type"]
        resource["Type"] = _DEPLOYED_TYPES.get(kind, kind)
        if kind in _DEPLOYED_TYPES:
            document["Resources"][f"{name}Role"] = {"Type": "AWS::IAM::Role"}
        if kind == "AWS::Serverless::StateMachine":
            resource["Properties"]["StateMachineName"] = resource["Properties"]["Name"]
    optional = {"ReferenceObjectArns": "arn:aws:s3:::photos/*"}
    return Resolver(document, STACK, REGION, ACCOUNT, parameters=optional)


def _matches(statement: Statement, request: Request) -> bool:
    if unknown := statement.keys() - _ELEMENTS:
        raise ValueError(f"the evaluator does not know {unknown}")
    if statement.get("Principal", "*") not in ("*", {"AWS": "*"}):
        raise ValueError(f"the evaluator does not know {statement['Principal']}")
    return (
        any(_like(a.lower(), request.action.lower()) for a in _as_list(statement["Action"]))
        and any(_arn_like(r, request.resource) for r in _as_list(statement["Resource"]))
        and all(
            _holds(operator, _as_list(values), request.context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, values: list[str], sent: str | list[str] | None) -> bool:
    """Return whether a condition is true for the values that the request sends for its key."""
    qualifier, _, name = operator.rpartition(":")
    is_optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    is_negated = "Not" in name
    test = _OPERATORS.get(name.replace("Not", ""))
    if test is None or qualifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"the evaluator does not know {operator}")

    def matches(value: str) -> bool:
        return any(test(pattern, value) for pattern in values) != is_negated

    keys = [] if sent is None else _as_list(sent)
    match qualifier:
        case "ForAllValues":
            return all(map(matches, keys))  # also without the key
        case "ForAnyValue":
            return any(map(matches, keys)) or (is_optional and not keys)
        case _ if not keys:
            return is_optional or is_negated
    if len(keys) > 1:
        raise ValueError(f"{operator} needs a set operator for several values")
    return matches(keys[0])


def _like(pattern: str, text: str) -> bool:
    """Return whether the text matches; `*` is any text and `?` one character."""
    expression = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(expression, text, re.S) is not None


def _arn_like(pattern: str, text: str) -> bool:
    """Return whether an ARN matches in each of its parts; the last one may contain colons."""
    if pattern == "*":
        return True
    patterns, parts = (each.split(":", _ARN_PARTS - 1) for each in (pattern, text))
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda pattern, text: pattern.lower() == text.lower(),
}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
