"""The program in a process of its own: closed pipes, full disks, signals, encodings, no HOME."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import JOB_ID, job

# The tests may run in a background process, which ignores Ctrl-C.
PROGRAM = [
    sys.executable,
    "-P",
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from darkroom_cli.main import main; main()",
]

type Start = Callable[..., subprocess.Popen[bytes]]


class Server:
    """A deployment that answers every request with jobs. `polled` is set by a long poll."""

    def __init__(self) -> None:
        self.jobs = [job(job_id=f"{JOB_ID}{number}") for number in range(500)]
        self.open_job = job("queued")
        self.polled = Event()
        self.release = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if f"/{JOB_ID}" in self.path:
                    if "wait" in self.path:
                        outer.polled.set()
                        outer.release.wait(30)
                    self.answer(outer.open_job)
                else:
                    self.answer({"jobs": outer.jobs, "cursor": None})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(outer.open_job)

            def answer(self, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Generator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    """All variables of the program: no HOME, for example."""
    root = Path(__file__).parents[2]
    return {
        "PYTHONPATH": os.pathsep.join(str(root / path) for path in ("cli", "functions")),
        "DARKROOM_URL": server.url,
        "DARKROOM_KEY": "dk_x",
        "NO_PROXY": "*",
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Generator[Start]:
    """A function that starts the program, or a shell script that ends with the program."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str | bytes, script: str = "", **options: Any) -> subprocess.Popen[bytes]:
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        shell = ["/bin/sh", "-c", script, "sh"] if script else []
        process = subprocess.Popen(
            [*shell, *PROGRAM, *arguments], cwd=tmp_path, env=environment, **(streams | options)
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Wait for the end of the program; return the exit code, stdout and stderr."""
    out, err = process.communicate(timeout=60)
    assert b"Traceback" not in (err or b"")
    assert b"Exception ignored" not in (err or b"")
    return process.returncode, (out or b"").decode(), (err or b"").decode()


@pytest.mark.parametrize(
    "arguments",
    [("jobs", "list", "--limit", "500"), ("jobs", "list", "--limit", "500", "--json"), ("watch",),
     ("--help",)],
    ids=" ".join,
)  # fmt: skip
def test_reader_that_ends_early_is_no_error(start: Start, arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stdout=write)
    os.close(write)

    code, _, err = end(process)

    assert code == Exit.INTERNAL
    assert err == ""


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_full_disk_is_reported(start: Start, option: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, err = end(start("jobs", "list", *option, stdout=full))

    assert (code, err) == (
        Exit.INTERNAL,
        "darkroom: Cannot use the output: No space left on device.\n",
    )


def test_full_stderr_keeps_the_exit_code(start: Start) -> None:
    with Path("/dev/full").open("wb") as full:
        code, out, _ = end(start("jobs", "show", "[/]", stderr=full))

    assert (code, out) == (Exit.BAD_REQUEST, "")


def test_closed_streams_are_no_error(start: Start) -> None:
    process = start("generate", "-", "--no-wait", script='exec "$@" <&- >&- 2>&-')

    assert end(process) == (Exit.DONE, "", "")


def test_interrupt_while_waiting_returns_9(start: Start, server: Server) -> None:
    process = start("watch", JOB_ID)
    assert server.polled.wait(60)
    process.send_signal(signal.SIGINT)

    code, _, err = end(process)

    assert code == Exit.STILL_RUNNING
    assert f"darkroom jobs cancel {JOB_ID}" in err


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_output_that_the_terminal_cannot_encode_is_escaped(
    start: Start, server: Server, environment: dict[str, str], encoding: str
) -> None:
    prompt = "Ein Café, 猫 \u202e [/red]"
    server.jobs = [job(input={"prompt": prompt})]
    environment |= {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    text, document = start("jobs", "list"), start("jobs", "list", "--json")

    assert text.communicate(timeout=60)[1] == b""
    shown, err = document.communicate(timeout=60)
    assert (text.returncode, document.returncode, err) == (Exit.DONE, Exit.DONE, b"")
    assert json.loads(shown.decode(encoding))["jobs"][0]["input"]["prompt"] == prompt


@pytest.mark.parametrize(
    "arguments", [("generate", b"caf\xe9"), (b"\xff",), ("jobs", "list", b"--\xff")]
)
def test_argument_that_is_not_utf_8_is_a_message(
    start: Start, arguments: tuple[str | bytes, ...]
) -> None:
    code, out, err = end(start(*arguments))

    assert (code, out) == (Exit.USAGE, "")
    assert err


def test_program_needs_no_home_and_no_folder(start: Start, environment: dict[str, str]) -> None:
    """The service accounts of cron and of containers may have neither."""
    script = 'mkdir gone && cd gone && rmdir ../gone && unset PWD && exec "$@"'
    found = start("jobs", "list", script=script)
    del environment["DARKROOM_URL"], environment["DARKROOM_KEY"]
    missing = start("jobs", "list", script=script.replace("gone", "too"))

    assert end(found)[0] == Exit.DONE
    code, _, err = end(missing)
    assert code == Exit.NO_TARGET
    assert "No deployment URL is configured." in err
