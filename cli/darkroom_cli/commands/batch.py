"""Commands for batches: run, list, show, cancel."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from darkroom_cli import files as local_files
from darkroom_cli.client import Json
from darkroom_cli.errors import CliError, Exit, ProblemError
from darkroom_cli.options import Once, Options, Timeout, check_id
from darkroom_cli.outputs import Destination, download, make_folder, row_name
from darkroom_cli.outputs import save as save_outputs
from darkroom_cli.requests import Settings
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd
from darkroom_cli.waiting import poll_until_ended

batch = typer.Typer(help="Batches: one image per row of a CSV or JSONL file.", no_args_is_help=True)

BatchId = Annotated[str, typer.Argument(callback=check_id, help="The id of the batch.")]
_COLUMNS = ["batch", "name", "status", "rows", "completed", "failed", "bad", "spent"]
_MAX_SHOWN_ERRORS = 20


@dataclass(frozen=True)
class Files(Options):
    """The options for the files of a batch. Their folders are created before the batch starts."""

    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File for the results, .csv or .jsonl.")
    ] = None
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the images, each named by the id of its row."),
    ] = None

    def __post_init__(self) -> None:
        """Create the folders; raises CliError."""
        if self.out is not None:
            if os.path.isdir(self.out):  # noqa: PTH112 - never raises
                message = f"{self.out} is a folder. Name a file, such as results.csv."
                raise CliError(Exit.USAGE, message)
            if self.out.suffix.lower() not in (".csv", ".jsonl"):
                raise CliError(Exit.USAGE, f"--out {self.out} must end in .csv or .jsonl.")
            make_folder(self.out.parent)
        if self.save is not None:
            make_folder(self.save)


@command(batch, "run")
def run(
    session: Session,
    source: Annotated[str, typer.Argument(help="CSV or JSONL file, s3://bucket/key or upload:id.")],
    settings: Settings,
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt", "-p", help="Prompt template, columns in braces: '{product} on white'."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="FIELD=COLUMN",
            help="The column of a field: images=Photo, id=SKU. Repeat it for each field.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the batch; default: the file name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and its price; start nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Confirm the price without being asked.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait", help="Wait until the batch ends, or print its status and exit."
        ),
    ] = True,
    timeout: Timeout = None,
    once: Once = None,
    *,
    files: Files,
) -> None:
    """Plan a batch, confirm its price, and run it. Invalid rows are skipped."""
    mapped = dict(map(_column, columns or ()))
    request = _request(session, source, prompt, name)
    if mapped:
        request["columns"] = mapped
    request["defaults"] = settings
    plan = session.client.post("/v1/batches", {**request, "dry_run": True})
    if dry_run and session.screen.as_json:
        session.screen.document(plan)
        return
    # The plan is the result of a dry run, and otherwise a message.
    _show_plan(plan, session.screen.line if dry_run else session.screen.note)
    if dry_run:
        return
    record = _start(session, request, plan, yes, once)
    if wait:
        record = _until_ended(session, record, timeout)
    _finish(session, record, files)


@command(batch, "list")
def list_batches(
    session: Session,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Maximum number of batches.")] = 20,
) -> None:
    """List batches, newest first."""
    page = session.client.get("/v1/batches", limit=limit)
    session.screen.listing(page, _COLUMNS, map(_row, page["batches"]))


@command(batch, "show")
def show(
    session: Session,
    batch_id: BatchId,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the batch ends.")
    ] = False,
    timeout: Timeout = None,
    *,
    files: Files,
) -> None:
    """Show the progress of a batch, and download its results and images."""
    record = session.client.get(f"/v1/batches/{batch_id}")
    if wait:
        record = _until_ended(session, record, timeout)
    _finish(session, record, files)


@command(batch, "cancel")
def cancel(session: Session, batch_id: BatchId) -> None:
    """Cancel a batch. Waiting rows are free; submitted rows are charged and their images stored."""
    record = session.client.delete(f"/v1/batches/{batch_id}")
    session.screen.result(record, f"{record['batch_id']}  {record['status']}")


def _column(text: str) -> tuple[str, str]:
    """Return the field and the column of a `--column`. Raises CliError."""
    field, separator, column = text.partition("=")
    if not (field and separator and column):
        message = f"--column {text} must be FIELD=COLUMN, such as images=Photo."
        raise CliError(Exit.USAGE, message)
    return field.strip(), column.strip()


def _request(session: Session, source: str, prompt: str | None, name: str | None) -> Json:
    request: dict[str, Any] = {"source": source}
    if not source.startswith(("s3://", "upload:")):
        file = local_files.batch_file(Path(source))
        shown_name = os.fsencode(file.path.name).decode(errors="replace")
        request = {"source": session.client.upload(file), "name": shown_name}
    if name is not None:
        request["name"] = name
    if prompt is not None:
        request["prompt"] = prompt
    return request


def _show_plan(plan: Json, say: Callable[[str], None]) -> None:
    for request in plan["preview"]:
        say(f"Row {request['row']}: {_request_text(request)}")
    for warning in plan["warnings"]:
        say(f"Warning: {warning}")
    for error in plan["errors"][:_MAX_SHOWN_ERRORS]:
        say(f"Line {error['line']}: {error['message']}" if error["line"] else error["message"])
    if (more := len(plan["errors"]) - _MAX_SHOWN_ERRORS) > 0:
        say(f"… and {more} more problems")
    valid = plan["rows"] - plan["bad_rows"]
    unpriced = f", plus {plan['unpriced_rows']} of unknown price" if plan["unpriced_rows"] else ""
    cost = usd(plan["estimated_cost_micro_usd"])
    say(f"{valid} of {plan['rows']} rows are valid. Price: {cost}{unpriced}")


def _request_text(request: Json) -> str:
    """Return the prompt of a request in a plan, its settings and its references."""
    settings = {name: value for name, value in request["input"].items() if name != "prompt"}
    texts = [f"{name} {value}" for name, value in settings.items()]
    texts += [f"image {reference}" for reference in request["references"]]
    return f"{request['input'].get('prompt', request['model'])} ({', '.join(texts)})"


def _start(session: Session, request: Json, plan: Json, yes: bool, once: str | None) -> Json:
    """Start the batch.

    Ask on the terminal if the plan has warnings or if the API requires a confirmation, unless --yes
    is given.
    """
    cost = plan["estimated_cost_micro_usd"]
    can_ask = not session.screen.as_json and session.screen.err.is_terminal
    if not yes and plan["warnings"] and can_ask:
        _confirm(cost)
        yes = True
    confirmed = {**request, "confirm_micro_usd": cost}
    try:
        return session.client.post("/v1/batches", confirmed if yes else request, once)
    except ProblemError as problem:
        if not problem.needs_confirmation:
            raise
        if not can_ask:
            message = f"The price of {usd(cost)} is not confirmed. Nothing was started."
            raise CliError(Exit.MONEY, message, "Confirm the price with: --yes") from None
    _confirm(cost)
    return session.client.post("/v1/batches", confirmed, once)


def _confirm(cost: int) -> None:
    """Ask on the terminal; raises CliError if the answer is no."""
    if not typer.confirm(f"Start the batch for {usd(cost)}?", err=True):
        raise CliError(Exit.MONEY, "The price is not confirmed. Nothing was started.")


def _finish(session: Session, record: Json, files: Files) -> None:
    """Save the files of a batch, and print its progress; raises CliError without an image."""
    batch_id, screen, out = record["batch_id"], session.screen, files.out
    paths: list[Path] = []
    notes: list[str] = []
    if out is not None and record["results"] is not None:
        url = "csv_url" if out.suffix.lower() == ".csv" else "jsonl_url"
        retry = f"darkroom batch show {batch_id} --out {out}"
        paths.append(download(session.client, record["results"][url], out, retry))
        notes.append(f"Saved {paths[-1]}")
    if files.save is not None and record["results"] is not None:
        saved = _save_images(session, record, files.save)
        paths += saved
        notes.append(f"Saved {len(saved)} images in {files.save}")
    if screen.as_json:
        screen.document({**record, "files": [str(path) for path in paths]})
    else:
        for text in notes:
            screen.note(text)
        screen.table(_COLUMNS, [_row(record)])
        if record["results"] is None:
            screen.note(f"Wait for the results with: darkroom batch show --wait {batch_id}")
        elif out is None:
            screen.note(f"Save the results with: {_save_command(batch_id)}")
    if record["status"] == "canceled":
        raise CliError(Exit.CANCELED, f"Batch {batch_id} was canceled.")
    if record["ended_at"] and (record["status"] == "failed" or not record["progress"]["completed"]):
        message = f"Batch {batch_id} ended without an image."
        hint = f"List its jobs with: darkroom jobs list --batch {batch_id}"
        if record["results"] is not None:
            hint = f"Save the reason of each row with: {_save_command(batch_id)}"
        raise CliError(Exit.FAILED, message, hint)


def _save_images(session: Session, record: Json, folder: Path) -> list[Path]:
    """Save the images of a batch, each named by the id or the number of its row."""
    results = io.BytesIO()
    session.client.download(record["results"]["jsonl_url"], results)
    # By asset: only the last job of a chain has the images of its row.
    rows = {
        asset: row
        for row in map(json.loads, results.getvalue().splitlines())
        for asset in row["assets"]
    }
    paths: list[Path] = []
    cursor: str | None = None
    completed = record["progress"]["completed"]
    with session.screen.progress("Saving images", total=completed) as bar:
        while True:
            page = session.client.get(
                "/v1/jobs", batch=record["batch_id"], status="completed", limit=100, cursor=cursor
            )
            for job in page["jobs"]:
                assets = (f"s3://{asset['bucket']}/{asset['key']}" for asset in job["assets"])
                row = next((rows[asset] for asset in assets if asset in rows), None)
                if row is not None:
                    name = row_name(row)
                    paths += save_outputs(session.client, job, Destination(folder), name)
                bar.update("Saving images", len(paths))
            cursor = page["cursor"]
            if cursor is None:
                return paths


def _save_command(batch_id: str) -> str:
    return f"darkroom batch show {batch_id} --out results.csv"


def _until_ended(session: Session, record: Json, timeout: int | None) -> Json:
    path = f"/v1/batches/{record['batch_id']}"
    with session.screen.progress(_progress_text(record), total=record["rows"]) as bar:
        return poll_until_ended(
            record,
            timeout,
            is_open=lambda current: current["ended_at"] is None,
            poll=lambda wait: session.client.get(path, wait=wait),
            show=lambda current: bar.update(_progress_text(current), _ended_rows(current)),
            stopped=lambda reason: _still_running(record["batch_id"], reason),
        )


def _still_running(batch_id: str, reason: str) -> CliError:
    hint = (
        f"The batch continues. Wait: darkroom batch show --wait {batch_id}."
        f" Cancel: darkroom batch cancel {batch_id}"
    )
    return CliError(Exit.STILL_RUNNING, f"Batch {batch_id} {reason}.", hint)


def _progress_text(record: Json) -> str:
    seconds = record["eta_seconds"]
    eta = "" if seconds is None else f", about {seconds // 60}:{seconds % 60:02} left"
    return f"{record['status']}, {usd(record['spent_micro_usd'])} spent{eta}"


def _ended_rows(record: Json) -> int:
    counts = record["progress"]
    return sum(int(counts[name]) for name in ("completed", "failed", "canceled", "bad"))


def _row(record: Json) -> list[str]:
    counts = record["progress"]
    return [
        str(record["batch_id"]),
        str(record["name"]),
        str(record["status"]),
        str(record["rows"]),
        *(str(counts[name]) for name in ("completed", "failed", "bad")),
        usd(record["spent_micro_usd"]),
    ]
