"""Commands for other models: run, models, model."""

from typing import Annotated
from urllib.parse import quote

import typer

from darkroom_cli.client import Client, Json
from darkroom_cli.errors import CliError, Exit, ProblemError
from darkroom_cli.model_input import Inputs, read_start
from darkroom_cli.requests import JobOptions
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd
from darkroom_cli.submitting import Submission, price_of, submit

top = typer.Typer()

Model = Annotated[str, typer.Argument(help="The id of the model, from: darkroom models")]
_PAGE = 100
_UNAVAILABLE = 503


@command(top, "run")
def run(
    session: Session,
    model: Model,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-i", help="name=value, name=@file or name:=JSON. Repeat it for each field."
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--input", help="JSON file with the input; - reads it from stdin.")
    ] = None,
    *,
    options: JobOptions,
    submission: Submission,
) -> None:
    """Run any model of WaveSpeed. Files of the input are uploaded, up to 32 MB each."""
    inputs = Inputs(session.client, _fields(session, model), read_start(start))
    for value in values or []:
        inputs.add(value)
    fields = options.fields()
    request: Json = {"model": model, "input": inputs.request(), **fields}
    if submission.count == 1:
        session.screen.note(f"Price: {price_of(session, request)}")
    submit(session, request, submission)


@command(top, "models")
def models(
    session: Session,
    text: Annotated[
        str | None, typer.Argument(help="Words in the name, the id, the type or the description.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="text-to-video, …")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of models.")] = 50,
) -> None:
    """List WaveSpeed's models that the key may use, popular ones first."""
    found: list[Json] = []
    page, total = 1, 1
    while len(found) < min(limit, total):
        answer = session.client.get("/v1/models", text=text, type=kind, limit=_PAGE, page=page)
        found += answer["models"]
        total, page = answer["total"], page + 1
        if not answer["models"]:
            break
    shown = found[:limit]
    rows = ([each["id"], each["type"], usd(each["base_price_micro_usd"])] for each in shown)
    document = {"models": shown, "total": total}
    session.screen.listing(document, ["model", "type", "price from"], rows)
    if not shown:
        session.screen.note("No model matches.")
    elif total > len(shown):
        session.screen.note(f"{len(shown)} of {total} models. Show more with: --limit {total}")


@command(top, "model")
def model(session: Session, model: Model) -> None:
    """Show the price of a model and the fields of its input."""
    found = _model(session.client, model)
    if session.screen.as_json:
        session.screen.document(found)
        return
    price = usd(found["base_price_micro_usd"])
    session.screen.note(f"{found['name']}: {found['type']}, from {price}")
    if found["description"]:
        session.screen.note(found["description"])
    if found["problem"]:
        session.screen.note(found["problem"])
    rows = [[field["name"], _type(field), _values(field), field["description"]]
            for field in found["fields"]]  # fmt: skip
    session.screen.table(["field", "type", "values", "description"], rows)


def _model(client: Client, model: str) -> Json:
    return client.get(f"/v1/models/{quote(model)}")


def _fields(session: Session, model: str) -> list[Json] | None:
    """Return the fields of a model; None if the deployment cannot read them, or knows none."""
    if "/" not in model:
        message = f"{model} is not the id of a model. Find one with: darkroom models"
        raise CliError(Exit.BAD_REQUEST, message)
    try:
        fields: list[Json] = _model(session.client, model)["fields"]
    except ProblemError as problem:
        if problem.status != _UNAVAILABLE:
            raise
        session.screen.note(f"{problem.message} The values are sent as texts.")
        return None
    return fields or None


def _type(field: Json) -> str:
    kind = field["media"] or field["type"]
    listed = f"list of {kind}" if field["is_list"] else kind
    return f"{listed}, required" if field["required"] else str(listed)


def _values(field: Json) -> str:
    """Return the permitted values and the default of a field in words."""
    low, high = field["minimum"], field["maximum"]
    parts = [", ".join(map(str, field["choices"]))]
    if low is not None or high is not None:
        limits = ("" if limit is None else f"{limit:g}" for limit in (low, high))
        parts.append(" to ".join(limits).strip() if None not in (low, high) else
                     f"at least {low:g}" if high is None else f"at most {high:g}")  # fmt: skip
    if field["default"] not in (None, "", []):
        parts.append(f"default {field['default']}")
    return "; ".join(filter(None, parts))
