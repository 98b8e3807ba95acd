"""Faults of a run: each changes the plan of a prediction at the submit."""

from dataclasses import replace

from simulator.clock import SECOND
from simulator.envelope import ApiError
from simulator.fault_table import Params
from simulator.faults import Fault
from simulator.outputs import renamed
from simulator.predictions import Output, Plan, Prediction, Shape

_SHAPES: dict[str, Shape] = {
    "empty": "empty",
    "null": "null",
    "absent": "absent",
    "objects": "objects",
    "two": "two",
}
_LATE_SHAPES = ("empty", "null", "absent", "blank")


def apply_fault(prediction: Prediction, fault: Fault) -> None:
    """Apply one fault to a prediction."""
    kind, params, plan = fault.name.kind, fault.params, prediction.plan
    prediction.faults.append(fault.name.name)
    prediction.fault_params[kind] = params
    if kind == "early":
        plan.end_by(prediction.created_at)
    elif kind in _SHAPES:
        plan.shape = _SHAPES[kind]
        if kind == "two":
            _add_second_output(prediction)
    elif not _apply_timing_fault(plan, kind, params):
        _apply_result_fault(prediction, kind, params)


def _apply_timing_fault(plan: Plan, kind: str, params: Params) -> bool:
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


def _apply_result_fault(prediction: Prediction, kind: str, params: Params) -> None:
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
        case "late_outputs":
            if params["how"] not in _LATE_SHAPES:
                msg = f"run.late_outputs: how must be one of {', '.join(_LATE_SHAPES)}"
                raise ApiError(400, msg)
            plan.late_shape, plan.late = params["how"], round(params["seconds"] * SECOND)
        case "output_file":
            prediction.outputs = [renamed(output, params["form"]) for output in prediction.outputs]
        case "words":
            plan.words = params["text"]
        case "inline":
            plan.inline_prefix = params["prefix"]
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


def _add_second_output(prediction: Prediction) -> None:
    first = prediction.outputs[0]
    stem, dot, ending = first.path.rpartition(".")
    path = f"{stem}-2{dot}{ending}"
    origin = first.url.removesuffix(first.path)
    prediction.outputs.append(Output(path, origin + path, first.form))
