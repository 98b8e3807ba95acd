"""Commands for the settings of the deployment: presets, and the switch of submission."""

from typing import Annotated, Any

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.model_input import read_json
from darkroom_cli.options import JSON, KEY, QUIET, URL
from darkroom_cli.session import Session, command, connect
from darkroom_cli.show import Screen

type Json = dict[str, Any]

top = typer.Typer()
presets = typer.Typer(help="Presets (one per inbox folder): list, put, versions, restore.")


@presets.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    url: URL = None,
    key: KEY = None,
    *,
    as_json: JSON = False,
    quiet: QUIET = False,
) -> None:
    """List the presets if no command follows."""
    if context.invoked_subcommand is None:
        with connect(url, key) as client:
            list_presets(Session(client, Screen(as_json=as_json, is_quiet=quiet)))
    elif url or key or as_json or quiet:
        message = "Options of `darkroom presets` must follow its command."
        hint = f"darkroom presets {context.invoked_subcommand} --json"
        raise CliError(Exit.USAGE, message, hint)


@command(presets, "list")
def list_presets(session: Session) -> None:
    """List the presets."""
    document = session.client.get("/v1/presets")
    rows = (
        [name, str(preset.get("quality") or ""), str(preset.get("resolution") or ""),
         preset["prompt"]]
        for name, preset in sorted(document["presets"].items())
    )  # fmt: skip
    session.screen.listing(document, ["preset", "quality", "resolution", "prompt"], rows)
    if document["problem"]:
        session.screen.note(f"config/presets.json is not used: {document['problem']}")


@command(presets, "put")
def put(
    session: Session,
    file: Annotated[str, typer.Argument(help="JSON, as `darkroom presets --json` prints it.")],
) -> None:
    """Replace all presets by those of a file. Its version must be the one in use."""
    document = read_json(file)
    if not isinstance(document, dict):
        hint = "Begin with: darkroom presets --json > presets.json"
        raise CliError(Exit.BAD_REQUEST, f"{file} is not a JSON object.", hint)
    document.pop("problem", None)
    _store(session, document)


@command(presets, "versions")
def versions(session: Session) -> None:
    """List the newest versions of the presets, with their authors and changes."""
    document = session.client.get("/v1/presets/versions")
    rows = (
        ["" if each["version"] is None else str(each["version"]), each["stored_at"] or "",
         (each["stored_by"] or {"name": "darkroom"})["name"],
         each["problem"] or ", ".join(each["changed"])]
        for each in document["versions"]
    )  # fmt: skip
    session.screen.listing(document, ["version", "stored at", "by", "changed"], rows)


@command(presets, "restore")
def restore(
    session: Session,
    version: Annotated[int, typer.Argument(help="From: darkroom presets versions")],
) -> None:
    """Restore the presets of an earlier version."""
    listed = session.client.get("/v1/presets/versions")["versions"]
    found = next((each for each in listed if each["version"] == version), None)
    if found is None:
        message = f"There is no version {version} among the newest versions."
        raise CliError(Exit.BAD_REQUEST, message, "darkroom presets versions lists them.")
    earlier = session.client.get(f"/v1/presets/versions/{found['version_id']}")
    current = session.client.get("/v1/presets")
    _store(session, {"version": current["version"], "presets": earlier["presets"]})


@command(top, "pause")
def pause(session: Session) -> None:
    """Pause the submission of all jobs. New jobs wait; submitted jobs continue."""
    _switch(session, paused=True)


@command(top, "resume")
def resume(session: Session) -> None:
    """Resume the submission of jobs."""
    _switch(session, paused=False)


def _store(session: Session, document: Json) -> None:
    stored = session.client.put("/v1/presets", document)
    session.screen.result(stored, f"Version {stored['version']} is in use.")


def _switch(session: Session, *, paused: bool) -> None:
    submits = session.client.put("/v1/submits", {"paused": paused})
    text = "Submission is paused." if paused else "Submission has resumed."
    session.screen.result(submits, text)
