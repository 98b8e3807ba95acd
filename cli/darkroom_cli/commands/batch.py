"""Batches: plan and run a file, list, show, cancel."""

from pathlib import Path
from typing import Annotated, Any

import typer

from darkroom_cli.client import Json
from darkroom_cli.errors import CliError, Exit, ProblemError
from darkroom_cli.requests import Aspect, Format, Once, Quality, Resolution, Timeout, Wait, settings
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd
from darkroom_cli.waiting import follow

batch = typer.Typer(help="Many pictures of a CSV or JSONL file.", no_args_is_help=True)

BatchId = Annotated[str, typer.Argument(help="The batch's id.")]
_COLUMNS = ["batch", "name", "status", "rows", "done", "failed", "bad", "spent"]
_SHOWN = 20  # bad rows


@command(batch, "run")
def run(
    session: Session,
    source: Annotated[str, typer.Argument(help="A file here, s3://bucket/key or upload:id.")],
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", help="A template: '{product} on white'.")
    ] = None,
    quality: Quality = None,
    resolution: Resolution = None,
    aspect_ratio: Aspect = None,
    output_format: Format = None,
    name: Annotated[str | None, typer.Option(help="For people; default: the file's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only plan it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend what it costs, unasked.")] = False,
    wait: Wait = True,
    timeout: Timeout = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where results go: a .csv or .jsonl file.")
    ] = None,
    once: Once = None,
) -> None:
    """Plan a file, ask whether its price is right, and run it; one bad row stops no other."""
    asked = _asked(session, source, prompt, name)
    asked["defaults"] = settings(quality, resolution, aspect_ratio, output_format)
    plan = session.client.post("/v1/batches", {**asked, "dry_run": True})
    _show_plan(session, plan)
    if dry_run:
        if session.screen.as_json:
            session.screen.document(plan)
        return
    told = _start(session, asked, plan, yes, once)
    _finish(session, told, wait, timeout, out)


@command(batch, "list")
def list_batches(
    session: Session, limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20
) -> None:
    """List batches, newest first."""
    page = session.client.get("/v1/batches", limit=limit)
    if session.screen.as_json:
        session.screen.document(page)
        return
    session.screen.table(_COLUMNS, [_row(each) for each in page["batches"]])


@command(batch, "show")
def show(
    session: Session,
    batch_id: BatchId,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")] = False,
    timeout: Timeout = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where results go: a .csv or .jsonl file.")
    ] = None,
) -> None:
    """Show how far a batch is, and fetch its results."""
    _finish(session, session.client.get(f"/v1/batches/{batch_id}"), wait, timeout, out)


@command(batch, "cancel")
def cancel(session: Session, batch_id: BatchId) -> None:
    """Start no further row; what waits ends free, what was sent is paid for and filed."""
    told = session.client.delete(f"/v1/batches/{batch_id}")
    if session.screen.as_json:
        session.screen.document(told)
        return
    session.screen.line(f"{told['batch_id']}  {told['status']}")


def _asked(session: Session, source: str, prompt: str | None, name: str | None) -> Json:
    asked: dict[str, Any] = {"source": source}
    if not source.startswith(("s3://", "upload:")):
        path = Path(source)
        if path.suffix.lower() not in (".csv", ".jsonl", ".ndjson"):
            hint = "It is named .csv or .jsonl; a file in S3 begins with s3://"
            raise CliError(Exit.BAD_REQUEST, f"{source}: no file of rows", hint)
        asked = {"source": session.client.upload(path), "name": path.name}
    if name is not None:
        asked["name"] = name
    if prompt is not None:
        asked["prompt"] = prompt
    return asked


def _show_plan(session: Session, plan: Json) -> None:
    say = session.screen.say
    for each in plan["errors"][:_SHOWN]:
        allowed = f" (allowed: {each['allowed']})" if each["allowed"] else ""
        say(f"row {each['row']}: {each['field'] or 'the row'} {each['message']}{allowed}")
    if (more := len(plan["errors"]) - _SHOWN) > 0:
        say(f"… and {more} more")
    good = plan["rows"] - plan["bad_rows"]
    unknown = f", and {plan['unpriced_rows']} of unknown price" if plan["unpriced_rows"] else ""
    cost = usd(plan["estimated_cost_micro_usd"])
    say(f"{good} of {plan['rows']} rows can be made, for {cost}{unknown}")


def _start(session: Session, asked: Json, plan: Json, yes: bool, once: str | None) -> Json:
    """Start the batch; where a confirmation is needed, ask for it, or let --yes give it."""
    cost = plan["estimated_cost_micro_usd"]
    if yes:
        asked = {**asked, "confirm_micro_usd": cost}
    try:
        return session.client.post("/v1/batches", asked, once)
    except ProblemError as problem:
        if not problem.needs_confirmation:
            raise
        if session.screen.as_json or not session.screen.err.is_terminal:
            hint = "Nothing was started. To spend that: --yes"
            raise CliError(Exit.MONEY, f"it costs {usd(cost)}", hint) from None
    if not typer.confirm(f"Spend {usd(cost)}?", err=True):
        raise CliError(Exit.MONEY, "nothing was started")
    return session.client.post("/v1/batches", {**asked, "confirm_micro_usd": cost}, once)


def _finish(
    session: Session, told: Json, wait: bool, timeout: int | None, out: Path | None
) -> None:
    if wait:
        told = _until_ended(session, told, timeout)
    if out is not None and told["results"] is not None:
        form = "csv_url" if out.suffix.lower() == ".csv" else "jsonl_url"
        out.parent.mkdir(parents=True, exist_ok=True)
        session.client.download(told["results"][form], out)
    if session.screen.as_json:
        session.screen.document(told)
    else:
        session.screen.table(_COLUMNS, [_row(told)])
        if told["results"] is None:
            session.screen.say(f"To wait for it: darkroom batch show --wait {told['batch_id']}")
        elif out is None:
            where = f"darkroom batch show {told['batch_id']} --out results.csv"
            session.screen.say(f"Its results: {where}")
    if told["status"] == "canceled":
        raise CliError(Exit.CANCELED, "the batch was canceled")
    if told["ended_at"] and (told["status"] == "failed" or not told["progress"]["completed"]):
        raise CliError(Exit.FAILED, "no row was made", "Its results say why, row by row.")


def _until_ended(session: Session, told: Json, timeout: int | None) -> Json:
    path = f"/v1/batches/{told['batch_id']}"
    with session.screen.progress(_words(told), total=told["rows"]) as bar:
        return follow(
            told,
            timeout,
            is_open=lambda now: now["ended_at"] is None,
            look=lambda wait: session.client.get(path, wait=wait),
            show=lambda now: bar.update(_words(now), _done(now)),
            goes_on=lambda why: _still_running(told["batch_id"], why),
        )


def _still_running(batch_id: str, why: str) -> CliError:
    hint = f"It goes on: darkroom batch show --wait {batch_id}, or darkroom batch cancel {batch_id}"
    return CliError(Exit.STILL_RUNNING, f"batch {batch_id}: {why}", hint)


def _words(told: Json) -> str:
    left = told["eta_seconds"]
    eta = "" if left is None else f", about {left // 60}:{left % 60:02} left"
    return f"{told['status']}, {usd(told['spent_micro_usd'])} spent{eta}"


def _done(told: Json) -> int:
    counts = told["progress"]
    return sum(int(counts[name]) for name in ("completed", "failed", "canceled", "bad"))


def _row(told: Json) -> list[str]:
    counts = told["progress"]
    spent = usd(told["spent_micro_usd"])
    return [
        str(told["batch_id"]),
        str(told["name"]),
        str(told["status"]),
        str(told["rows"]),
        *(str(counts[name]) for name in ("completed", "failed", "bad")),
        spent,
    ]
