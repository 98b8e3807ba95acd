"""Policy statements in a form that a table in a test can be compared with."""

from fnmatch import fnmatchcase as fnmatch
from functools import cache
from typing import Any

from tests.infra.template import properties

type Grants = dict[str, set[str]]


def statements(entries: list[Any]) -> list[dict[str, Any]]:
    """Return the statements; of an `!If`, those that may be there; of a `!Ref`, the policy's."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        if "Ref" in entry:
            found += statements([properties(entry["Ref"])["PolicyDocument"]])
        elif "Fn::If" in entry:
            _, *branches = entry["Fn::If"]
            found += statements([b for b in branches if b != {"Ref": "AWS::NoValue"}])
        elif "Statement" in entry:
            found += statements(listed(entry["Statement"]))
        else:
            found.append(entry)
    return found


def grants(resource: str) -> Grants:
    """Return what the role of a function or state machine allows: action to resources."""
    allowed: Grants = {}
    for statement in statements(properties(resource)["Policies"]):
        assert statement["Effect"] == "Allow", "a role's policy is read as what it allows"
        for action in listed(statement["Action"]):
            names = {name(target) for target in listed(statement["Resource"])}
            allowed.setdefault(action, set()).update(names)
    return allowed


@cache
def items(resource: str) -> list[tuple[set[str], set[str]]]:
    """Return what a role may do with which items of the table: actions, and partitions' patterns.

    One pair a statement: a request has to be allowed by one of them as a whole.
    """
    found = []
    for statement in statements(properties(resource)["Policies"]):
        if "Table.Arn" in {name(target) for target in listed(statement["Resource"])}:
            (condition,) = statement["Condition"].items()
            operator, keys = condition
            assert operator in ("ForAllValues:StringLike", "ForAllValues:StringEquals")
            assert set(keys) == {"dynamodb:LeadingKeys"}
            actions = {action.removeprefix("dynamodb:") for action in listed(statement["Action"])}
            found.append((actions, set(listed(keys["dynamodb:LeadingKeys"]))))
    return found


def may(resource: str, action: str, partitions: set[str]) -> bool:
    """Tell whether a role may take an action on items of all of these partitions at once."""
    return any(
        action in actions and all(any(fnmatch(p, each) for each in patterns) for p in partitions)
        for actions, patterns in items(resource)
    )


def name(value: Any) -> str:
    """Return a reference in one line: `Table.Arn`, `Table`, or the text of a `!Sub`."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    match function:
        case "Ref" | "Fn::Sub":
            return str(argument)
        case "Fn::GetAtt":
            return ".".join(argument)
        case _:
            raise ValueError(f"cannot read {function}")


def listed(value: Any) -> list[Any]:
    """Return a list, of one where only one thing stands."""
    return value if isinstance(value, list) else [value]
