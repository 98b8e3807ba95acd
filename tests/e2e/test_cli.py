"""The command line against the deployed stack, in a pipe and in a terminal."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import paths
from tests.e2e.deployment import Deployment, png_image

DARKROOM = str(paths.ROOT / ".venv" / "bin" / "darkroom")
SMALL = ("--quality", "low", "--resolution", "1k")

type Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "DARKROOM_URL": deployment.stack.api_url,
        "DARKROOM_KEY": deployment.create_key("terminal"),
        "NO_PROXY": "*",
        "TERM": "xterm-256color",
    }


@pytest.fixture
def cli(environment: dict[str, str], tmp_path: Path) -> Cli:
    """A function that runs the program with pipes as its streams."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DARKROOM, *arguments],
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


def document(result: subprocess.CompletedProcess[str]) -> Any:
    """The JSON document of a successful command."""
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_other_model_is_found_and_run(cli: Cli, tmp_path: Path) -> None:
    assert "minimax/speech-02-turbo" in cli("models", "text-to-audio").stdout
    (tmp_path / "text.txt").write_text("Three short words")

    done = document(
        cli("run", "minimax/speech-02-turbo", "-i", "text=@text.txt", "-i", "speed=1.5", "--json")
    )

    assert done["input"] == {"text": "Three short words", "speed": 1.5}
    assert (tmp_path / done["files"][0]).read_bytes().startswith(b"RIFF")
    refused = cli("run", "minimax/speech-02-turbo", "-i", "text=x", "-i", "speed=9")
    assert (refused.returncode, "at most 2" in refused.stderr) == (5, True)


def test_image_is_saved_edited_shown_listed_and_retried(cli: Cli, tmp_path: Path) -> None:
    generated = cli("generate", "A kite, by command", *SMALL)
    assert generated.returncode == 0, generated.stderr
    assert "Traceback" not in generated.stderr
    file = tmp_path / generated.stdout.strip()
    assert file.read_bytes().startswith(b"\x89PNG")

    edited = document(cli("edit", file.name, "--prompt", "At night", *SMALL, "--json"))
    assert (edited["operation"], edited["status"]) == ("edit", "completed")
    assert (tmp_path / edited["files"][0]).is_file()

    shown = document(cli("jobs", "show", edited["job_id"], "--json"))
    assert shown["references"][0].startswith("s3://")
    edited_id, generated_id = (
        line.split("\t")[0] for line in cli("jobs", "list").stdout.splitlines()[:2]
    )
    assert edited_id == edited["job_id"]
    assert file.name == f"a-kite-by-command-{generated_id[:8]}.png"

    retried = document(cli("jobs", "retry", edited["job_id"], "--json"))
    assert retried["input"] == edited["input"]
    assert retried["job_id"] != edited["job_id"]


def test_no_wait_job_is_canceled(cli: Cli) -> None:
    prompt = "Slow at a terminal [[fault run.duration seconds=15]]"
    job_id = cli("generate", prompt, *SMALL, "--no-wait").stdout.strip()

    canceled = document(cli("jobs", "cancel", job_id, "--json"))
    watched = cli("watch", job_id)

    assert canceled["job_id"] == job_id
    assert watched.returncode == 8, watched.stderr


def test_price_and_presets_are_printed(cli: Cli) -> None:
    assert cli("price", *SMALL).stdout == "$0.0100\n"
    assert "warmer-light" in document(cli("presets", "--json"))["presets"]


def test_invalid_key_and_unreachable_url_return_a_hint(cli: Cli) -> None:
    rejected = cli("presets", DARKROOM_KEY="dk_wrong")
    unreachable = cli("presets", DARKROOM_URL="http://127.0.0.1:9")

    assert (rejected.returncode, unreachable.returncode) == (4, 3)
    assert "make key" in rejected.stderr
    assert "make up" in unreachable.stderr
    assert "dk_wrong" not in rejected.stderr


def test_batch_is_planned_run_and_its_results_saved(cli: Cli, tmp_path: Path) -> None:
    rows = "id,product\na,teapot\nb,\nc,kettle\n"
    (tmp_path / "rows.csv").write_text(rows)
    template = ("--prompt", "{product}, by command", *SMALL)

    plan = document(cli("batch", "run", "rows.csv", *template, "--dry-run", "--json"))
    result = cli("batch", "run", "rows.csv", *template, "--out", "results.csv")

    assert (plan["rows"], plan["bad_rows"], plan["estimated_cost_micro_usd"]) == (3, 1, 20_000)
    assert result.returncode == 0, result.stderr
    assert "Row 2: " in result.stderr
    results = (tmp_path / "results.csv").read_text().splitlines()
    assert [line.split(",")[1:3] for line in results[1:]] == [
        ["a", "completed"], ["b", "bad"], ["c", "completed"],
    ]  # fmt: skip


def test_terminal_shows_progress_and_the_path(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(png_image())
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [DARKROOM, "edit", file.name, "--prompt", "At noon", *SMALL],
        cwd=tmp_path, env=environment | {"COLUMNS": "100"},
        stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    output = b""
    try:
        while part := os.read(controller, 4096):
            output += part
    except OSError:  # the program has exited
        pass
    os.close(controller)

    assert process.wait(timeout=30) == 0, output
    assert b"usually" in output
    assert b".png" in output
