"""Faults of a run: each bends the plan of a prediction while it is being made."""

from dataclasses import replace

from local.provider.clock import SECOND
from local.provider.fault_table import Params
from local.provider.faults import Fault
from local.provider.predictions import Output, Plan, Prediction, Shape

_SHAPES: dict[str, Shape] = {
    "empty": "empty",
    "null": "null",
    "absent": "absent",
    "objects": "objects",
    "two": "two",
}


def apply_fault(prediction: Prediction, fault: Fault) -> None:
    """Let one fault happen to a prediction."""
    kind, params, plan = fault.name.kind, fault.params, prediction.plan
    prediction.faults.append(fault.name.name)
    prediction.webhook_faults[kind] = params
    if kind == "early":
        plan.hurry(prediction.created_at)
    elif kind in _SHAPES:
        plan.shape = _SHAPES[kind]
        if kind == "two":
            _double(prediction)
    elif not _retime(plan, kind, params):
        _respell(prediction, kind, params)


def _retime(plan: Plan, kind: str, params: Params) -> bool:
    end = plan.finished_at
    match kind:
        case "stuck_created":
            plan.steps, plan.finished_at = plan.steps[:2], None
        case "stuck_processing":
            plan.finished_at = None
        case "slow":
            plan.finished_at = None if end is None else end + round(params["seconds"] * SECOND)
        case "duration":
            plan.started_at = plan.steps[1][0]
            plan.steps[-1] = (plan.started_at, plan.steps[-1][1])
            plan.finished_at = plan.started_at + round(params["seconds"] * SECOND)
        case "backwards" if end is not None:
            third = (end - plan.started_at) // 3
            waiting, running = plan.steps[1][1], plan.steps[-1][1]
            plan.steps += [(plan.started_at + third, waiting), (end - third, running)]
        case _:
            return False
    return True


def _respell(prediction: Prediction, kind: str, params: Params) -> None:
    plan = prediction.plan
    match kind:
        case "failed":
            plan.final, plan.code, plan.error = "failed", params["code"], params["message"]
            plan.execution_ms = params["execution_ms"]
        case "ended":
            plan.final, plan.error = params["status"], params["message"]
        case "status_word" if params["at"] == "end":
            plan.final = params["status"]
        case "status_word":
            plan.steps = [(moment, params["status"]) for moment, _ in plan.steps]
        case "nsfw":
            plan.is_nsfw = True
        case "foreign_get":
            plan.get_origin = params["origin"]
        case "foreign_cdn":
            prediction.outputs = [
                replace(output, url=params["origin"] + output.path) for output in prediction.outputs
            ]
        case "wrong_size":
            plan.size = (params["width"], params["height"])
        case "charge":
            prediction.price = round(prediction.price * params["factor"])


def _double(prediction: Prediction) -> None:
    only = prediction.outputs[0]
    stem, dot, ending = only.path.rpartition(".")
    path = f"{stem}-2{dot}{ending}"
    origin = only.url.removesuffix(only.path)
    prediction.outputs.append(Output(path, origin + path, only.form))
