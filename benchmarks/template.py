"""Values of template.yaml."""

from typing import Any

from local.built_template import load_template
from local.paths import TEMPLATE

_TEMPLATE = load_template(TEMPLATE)
_GLOBALS = _TEMPLATE["Globals"]["Function"]


def properties(resource: str) -> dict[str, Any]:
    """Return the properties of a resource."""
    found: dict[str, Any] = _TEMPLATE["Resources"][resource]["Properties"]
    return found


def memory(function: str) -> float:
    """Return the memory of a function in MB."""
    return float(properties(function).get("MemorySize", _GLOBALS["MemorySize"]))


def _value(name: str, value: Any) -> str:
    match value:
        case {"Ref": str(parameter)} if parameter in _TEMPLATE["Parameters"]:
            return str(_TEMPLATE["Parameters"][parameter]["Default"])
        case dict():  # another resource
            return name.lower().replace("_", "-")
    return str(value)


# The environment of the functions, with the defaults of the parameters and invented names.
VARIABLES = {
    name: _value(name, value) for name, value in _GLOBALS["Environment"]["Variables"].items()
} | {
    "IMAGES_PER_MINUTE": "3000",
    "JOBS_IN_FLIGHT": "3000",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
