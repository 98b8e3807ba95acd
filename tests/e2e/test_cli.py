"""The command line against the deployed stack, in pipes and in a terminal."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.callers import Role
from local import paths
from tests.e2e.desk import Desk, picture

DARKROOM = str(paths.ROOT / ".venv" / "bin" / "darkroom")
SMALL = ("--quality", "low", "--resolution", "1k")

type Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "DARKROOM_URL": desk.stack.api_url,
        "DARKROOM_KEY": desk.key("terminal"),
        "NO_PROXY": "*",
        "TERM": "xterm-256color",
    }


@pytest.fixture
def cli(environment: dict[str, str], tmp_path: Path) -> Cli:
    """The program in a pipe."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DARKROOM, *arguments],
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one document of a command that went well."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_a_picture_ends_as_a_file_and_can_be_edited_shown_and_listed(
    cli: Cli, tmp_path: Path
) -> None:
    made = cli("generate", "A kite, by command", *SMALL)
    assert (made.returncode, made.stderr.count("Traceback")) == (0, 0), made.stderr
    file = tmp_path / made.stdout.strip()
    assert file.read_bytes().startswith(b"\x89PNG")

    edited = document(cli("edit", file.name, "--prompt", "At night", *SMALL, "--json"))
    assert (edited["operation"], edited["status"]) == ("edit", "completed")
    assert (tmp_path / edited["files"][0]).is_file()

    shown = document(cli("jobs", "show", edited["job_id"], "--json"))
    assert shown["references"][0].startswith("s3://")
    listed = cli("jobs", "list").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == [edited["job_id"], file.stem]

    again = document(cli("jobs", "retry", edited["job_id"], "--json"))
    assert again["input"] == edited["input"]
    assert again["job_id"] != edited["job_id"]


def test_a_job_that_nobody_waits_for_can_be_canceled(cli: Cli) -> None:
    prompt = "Slow at a terminal [[fault run.duration seconds=15]]"
    job_id = cli("generate", prompt, *SMALL, "--no-wait").stdout.strip()

    canceled = document(cli("jobs", "cancel", job_id, "--json"))
    watched = cli("watch", job_id)

    assert canceled["job_id"] == job_id
    assert watched.returncode == 8, watched.stderr


def test_a_refused_picture_has_its_exit_code_and_reason(cli: Cli) -> None:
    done = cli("generate", "Refused at a terminal [[fault submit.http status=400]]", *SMALL)

    assert (done.returncode, done.stdout) == (7, "")
    assert "invalid_request" in done.stderr


def test_prices_and_presets_are_told(cli: Cli) -> None:
    assert cli("price", *SMALL).stdout == "$0.0100\n"
    assert "warmer-light" in document(cli("presets", "--json"))["presets"]


def test_a_bad_key_and_a_stack_that_is_not_there_say_what_to_do(cli: Cli) -> None:
    refused = cli("presets", DARKROOM_KEY="dk_wrong")
    nowhere = cli("presets", DARKROOM_URL="http://127.0.0.1:9")

    assert (refused.returncode, nowhere.returncode) == (4, 3)
    assert "make key" in refused.stderr
    assert "make up" in nowhere.stderr
    assert "dk_wrong" not in refused.stderr


def test_a_key_for_reading_makes_nothing(desk: Desk, cli: Cli) -> None:
    reader = desk.key("terminal", Role.READ)

    assert cli("generate", "x", DARKROOM_KEY=reader).returncode == 4
    assert cli("jobs", "list", DARKROOM_KEY=reader).returncode == 0


def test_a_batch_is_planned_run_and_its_results_are_a_file(cli: Cli, tmp_path: Path) -> None:
    sheet = "id,product\na,teapot\nb,\nc,kettle\n"
    (tmp_path / "rows.csv").write_text(sheet)
    template = ("--prompt", "{product}, by command", *SMALL)

    plan = document(cli("batch", "run", "rows.csv", *template, "--dry-run", "--json"))
    done = cli("batch", "run", "rows.csv", *template, "--out", "results.csv")

    assert (plan["rows"], plan["bad_rows"], plan["estimated_cost_micro_usd"]) == (3, 1, 20_000)
    assert done.returncode == 0, done.stderr
    assert "row 2: product is missing" in done.stderr
    results = (tmp_path / "results.csv").read_text().splitlines()
    assert [line.split(",")[1:3] for line in results[1:]] == [
        ["a", "completed"], ["b", "bad"], ["c", "completed"],
    ]  # fmt: skip


def test_in_a_terminal_progress_is_shown_and_a_picture_if_it_can(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(picture())
    main, other = pty.openpty()
    process = subprocess.Popen(
        [DARKROOM, "edit", file.name, "--prompt", "At noon", *SMALL],
        cwd=tmp_path, env=environment | {"COLUMNS": "100"}, stdin=other, stdout=other, stderr=other,
    )  # fmt: skip
    os.close(other)
    seen = b""
    try:
        while part := os.read(main, 4096):
            seen += part
    except OSError:  # the program has ended
        pass
    os.close(main)

    assert process.wait(timeout=30) == 0, seen
    assert b"usually" in seen
    assert b".png" in seen
