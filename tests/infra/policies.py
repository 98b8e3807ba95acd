"""Policy statements in a form that a table in a test can be compared with."""

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
