"""Every fault by name, with the API call it applies to and its parameters."""

import json
from dataclasses import dataclass
from typing import Any

from simulator.fault_table import HTTP_FAULTS, POINTS, SPECIAL, Params


@dataclass(frozen=True)
class FaultName:
    """One fault. `point` is the API call it applies to; `kind` selects the behaviour."""

    name: str
    point: str
    kind: str
    defaults: Params
    effect: str

    def params(self, overrides: Params) -> Params:
        """Return the defaults with the overrides. Raises ValueError for an unknown parameter."""
        unknown = sorted(set(overrides) - set(self.defaults))
        if unknown:
            known = ", ".join(self.defaults) or "none"
            msg = f"{self.name} has no parameter {unknown[0]!r} (it has: {known})"
            raise ValueError(msg)
        return self.defaults | {key: self._typed(key, value) for key, value in overrides.items()}

    def _typed(self, key: str, value: Any) -> Any:
        default = self.defaults[key]
        if isinstance(value, str) and not isinstance(default, str):
            value = _parsed(value)  # the parameters of a prompt marker are text
        expected = (int, float) if isinstance(default, int | float) else type(default)
        if default is not None and not isinstance(value, expected):
            msg = f"{self.name}: {key} must have the type of {json.dumps(default)}"
            raise ValueError(msg)
        return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _all_faults() -> dict[str, FaultName]:
    faults = []
    for point in POINTS:
        for kind, (defaults, effect) in HTTP_FAULTS.items():
            params = dict(defaults)
            if point == "submit":
                params["accepted"] = kind in ("not_json", "truncated")
            faults.append(FaultName(f"{point}.{kind}", point, kind, params, effect))
    for name, kind, params, effect in SPECIAL:
        point = name.partition(".")[0]
        if point == "money" or name == "cdn.foreign_host":
            point = "run"  # decided when the prediction is created, like all `run` faults
        faults.append(FaultName(name, point, kind, params, effect))
    return {fault.name: fault for fault in faults}


FAULTS = _all_faults()


def fault_name(name: str) -> FaultName:
    """Return the fault with this name. Raises ValueError."""
    if name not in FAULTS:
        msg = f"unknown fault {name!r}"
        raise ValueError(msg)
    return FAULTS[name]
