"""Every fault by name: where it strikes, and its parameters as they are given."""

import json
from dataclasses import dataclass
from typing import Any

from local.provider.fault_table import HTTP_FAULTS, POINTS, SPECIAL, Params


@dataclass(frozen=True)
class FaultName:
    """One way to misbehave. The point is the call that it strikes, the kind is what happens."""

    name: str
    point: str
    kind: str
    defaults: Params
    does: str

    def params(self, given: Params) -> Params:
        """Defaults with what was given. Raises ValueError for what this fault does not know."""
        unknown = sorted(set(given) - set(self.defaults))
        if unknown:
            known = ", ".join(self.defaults) or "none"
            msg = f"{self.name} has no parameter {unknown[0]!r} (it has: {known})"
            raise ValueError(msg)
        return self.defaults | {key: self._typed(key, value) for key, value in given.items()}

    def _typed(self, key: str, value: Any) -> Any:
        default = self.defaults[key]
        if isinstance(value, str) and not isinstance(default, str):
            value = _read(value)  # a marker in a prompt has only text
        wanted = (int, float) if isinstance(default, int | float) else type(default)
        if default is not None and not isinstance(value, wanted):
            msg = f"{self.name}: {key} must be like {json.dumps(default)}"
            raise ValueError(msg)
        return value


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _all() -> dict[str, FaultName]:
    found = []
    for point in POINTS:
        for kind, (defaults, does) in HTTP_FAULTS.items():
            params = dict(defaults)
            if point == "submit":
                params["accepted"] = kind in ("not_json", "truncated")
            found.append(FaultName(f"{point}.{kind}", point, kind, params, does))
    for name, kind, params, does in SPECIAL:
        point = name.partition(".")[0]
        if point == "money" or name == "cdn.foreign_host":
            point = "run"  # decided when the prediction is made, like the rest of its run
        found.append(FaultName(name, point, kind, params, does))
    return {fault.name: fault for fault in found}


FAULTS = _all()


def fault_name(name: str) -> FaultName:
    """The fault of this name. Raises ValueError."""
    if name not in FAULTS:
        msg = f"unknown fault {name!r}"
        raise ValueError(msg)
    return FAULTS[name]
