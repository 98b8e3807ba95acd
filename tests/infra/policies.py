"""Parse the IAM policies of the template into tables that tests can compare."""

from typing import Any

from tests.infra.template import properties

type Grants = dict[str, set[str]]


def statements(entries: list[Any]) -> list[dict[str, Any]]:
    """Return all statements, including both branches of `!If` and managed policies by `!Ref`."""
    result: list[dict[str, Any]] = []
    for entry in entries:
        if "Ref" in entry:
            result += statements([properties(entry["Ref"])["PolicyDocument"]])
        elif "Fn::If" in entry:
            _, *branches = entry["Fn::If"]
            result += statements([b for b in branches if b != {"Ref": "AWS::NoValue"}])
        elif "Statement" in entry:
            result += statements(as_list(entry["Statement"]))
        else:
            result.append(entry)
    return result


def granted_actions(resource: str) -> Grants:
    """Return the allowed resources per action of the role of a function or state machine."""
    allowed: Grants = {}
    for statement in statements(properties(resource)["Policies"]):
        assert statement["Effect"] == "Allow", "role policies may only contain Allow statements"
        for action in as_list(statement["Action"]):
            names = {name(target) for target in as_list(statement["Resource"])}
            allowed.setdefault(action, set()).update(names)
    return allowed


def name(value: Any) -> str:
    """Return a reference as text: `Table.Arn`, `Table`, or the text of a `!Sub`."""
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


def as_list(value: Any) -> list[Any]:
    """Return the value as a list; wrap a single value."""
    return value if isinstance(value, list) else [value]
