"""Text of users and of the API is shown as text: no markup, no escape codes, no traceback."""

import io
import json
import os
import re
import stat
import unicodedata
from pathlib import Path
from typing import Any

import httpx
import pytest

import darkroom_cli
from darkroom_cli.errors import Exit
from darkroom_cli.main import run
from darkroom_cli.text import cell, escape
from tests.cli.deployment import BATCH_ID, JOB_ID, Deployment, Run, batch, failed, job, problem

type Capture = pytest.CaptureFixture[str]

HOSTILE = [
    "[/red] [bold]x [link=https://x]y[/link] :smile: {x} %s [ \\",
    "\x1b[2J\x1b]0;title\x07 \x9b31m a\rb\x08c\x7f a\tb\nc \x00 \u202egnp.exe\u2066 \u200b\ufeff",
    "half \ud83d \u2028 \U000e0041",
    "\x1b]52;c;Y3VybCB4IHwgc2g=\x07 \x9d52;c;eA==\x9c \x90q\x1b\\ \x1b[6n \u3164\u2069",
]
# What a terminal obeys, except the line breaks and tabs of the output itself.
OBEYED = {
    chr(code)
    for code in (*range(32), *range(127, 160), 0x200B, 0x202E, 0x2066, 0x2069, 0x3164, 0xFEFF)
} - {"\n", "\t"}


def hostile_job(text: str) -> dict[str, Any]:
    """A failed job with the text in every field that a user or the provider can set."""
    failure = {"code": "provider_failed", "message": text, "detail": text, "retryable": True}
    return job(
        "failed", failure=failure, caller=text, references=[text], model=text,
        input={"prompt": text, "quality": text, text: text},
    )  # fmt: skip


# What rich itself writes to a terminal: colours and movements of the cursor, but no OSC or DCS.
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ABCDGHJKhlm]|\r")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stdout and stderr are a terminal with colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs", "list"), ("jobs", "list", "--json"), ("jobs", "show", JOB_ID),
        ("jobs", "show", JOB_ID, "--json"), ("watch", "--timeout", "0"), ("watch", JOB_ID),
        ("watch", "--timeout", "0", "--json"), ("jobs", "open", JOB_ID), ("presets",), ("stats",),
        ("batch", "list"), ("batch", "show", BATCH_ID), ("generate", "x"), ("price",),
        ("batch", "run", "s3://b/rows.csv", "--dry-run"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_hostile_text_is_shown_as_text(
    darkroom: Run, deployment: Deployment, capsys: Capture, text: str, arguments: tuple[str, ...]
) -> None:
    shown = hostile_job(text)
    deployment.on("GET /v1/jobs", {"jobs": [shown], "cursor": None})
    deployment.on(f"GET /v1/jobs/{JOB_ID}", shown)
    deployment.on("POST /v1/jobs", problem(400, detail=text))
    deployment.on("POST /v1/estimates", problem(400, detail=text))
    error = {"row": 1, "line": 2, "field": text, "message": text, "allowed": text}
    preview = {"row": 1, "id": text, "model": text, "input": {"prompt": text, text: text}}
    plan = batch(
        "planned", errors=[error], warnings=[text], preview=[preview | {"references": [text]}]
    )
    deployment.on("POST /v1/batches", plan)
    deployment.on("GET /v1/batches", {"batches": [batch(name=text)]})
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch(name=text))
    deployment.on("GET /v1/presets", {"presets": {text: {"prompt": text}}, "problem": text})
    deployment.on("GET /v1/stats", {
        "days": [{"day": text, "caller": text, "completed": 1, "failed": 1, "failures": {text: 1},
                  "spent_micro_usd": 1}],
        "durations": [],
        "queue": {"waiting_normal": 0, "waiting_low": 0, "in_flight": 0, "message": text},
    })  # fmt: skip

    darkroom(*arguments)

    out, err = capsys.readouterr()
    assert OBEYED.isdisjoint(out + err)
    (out + err).encode()
    if "--json" in arguments:
        document = json.loads(out)
        (document,) = document.get("jobs", [document])
        assert document["input"]["prompt"] == text


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "arguments",
    [
        ("watch", "--timeout", "0"), ("jobs", "list"), ("jobs", "show", JOB_ID), ("batch", "list"),
        ("batch", "show", BATCH_ID, "--wait"), ("generate", "x"), ("presets",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_terminal_obeys_no_text(
    darkroom: Run, deployment: Deployment, capsys: Capture, text: str, arguments: tuple[str, ...]
) -> None:
    deployment.on("GET /v1/jobs", {"jobs": [hostile_job(text)], "cursor": None})
    deployment.on("POST /v1/jobs", job("queued") | {"status": text})
    deployment.on(f"GET /v1/jobs/{JOB_ID}", hostile_job(text))
    deployment.on("GET /v1/batches", {"batches": [batch(name=text)]})
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch(text), batch())
    deployment.on("GET /v1/presets", {"presets": {text: {"prompt": text}}, "problem": text})

    darkroom(*arguments)

    out, err = capsys.readouterr()
    assert OBEYED.isdisjoint(CONTROLS.sub("", out + err))
    assert "\x1b[" in out + err  # a terminal
    if arguments[0] in ("watch", "jobs"):
        (shown,) = {cell(word) for word in text.split()[-1:]}
        assert shown in "".join(CONTROLS.sub("", out).split())


def test_only_one_module_prints() -> None:
    """All output goes through `show`, which escapes it."""
    printing = re.compile(r"\bprint\(|\becho\(|\bConsole\(|sys\.std(out|err)\.write")
    package = Path(darkroom_cli.__file__).parent
    found = {path.name for path in package.rglob("*.py") if printing.search(path.read_text())}

    assert found == {"show.py"}


def test_every_control_and_format_character_is_escaped() -> None:
    """Except newlines, the joiners of words and emoji, and the visible signs of scripts."""
    visible = {0x0A, *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x200C, 0x200D,
               0x110BD, 0x110CD, *range(0x13430, 0x13440)}  # fmt: skip
    invisible = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    codes = [code for code in range(0x110000) if unicodedata.category(chr(code)) in invisible]

    assert [code for code in codes if escape(chr(code)) == chr(code)] == sorted(visible)


@pytest.mark.parametrize("text", ["Ein Café, 猫 👩‍👩‍👧 — “x”", "\u05d0\u0628", "नमस्ते"])
def test_letters_of_all_languages_are_shown_unchanged(text: str) -> None:
    assert escape(text) == text


def test_escaped_json_has_the_same_value() -> None:
    value = {text: text for text in HOSTILE}

    assert json.loads(escape(json.dumps(value, ensure_ascii=False, indent=2))) == value


# ------------------------------------------------------------------- arguments, stdin and files


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "caf\udce9"),
        ("generate", "x", "--quality", "\udcff"),
        ("edit", "https://x.test/\udcff.png", "-p", "x"),
        ("jobs", "list", "--text", "\udcff"),
        ("batch", "run", "s3://b/k.csv", "--name", "\udcff"),
        ("batch", "run", "s3://b/k.csv", "--quality", "\udcff"),
    ],
)
def test_argument_that_is_not_utf_8_is_refused(
    darkroom: Run, deployment: Deployment, capsys: Capture, arguments: tuple[str, ...]
) -> None:
    assert darkroom(*arguments) == Exit.USAGE
    assert "is not UTF-8" in capsys.readouterr().err
    assert deployment.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs", "show", "../keys"), ("jobs", "show", ""), ("jobs", "cancel", "\udcff"),
        ("jobs", "open", "a?b#c"), ("watch", "[/red]"), ("batch", "show", "."),
        ("batch", "cancel", "a b"), ("jobs", "retry", "é"), ("keys", "revoke", "../jobs/a"),
    ],
)  # fmt: skip
def test_text_that_is_no_id_is_refused(
    darkroom: Run, deployment: Deployment, capsys: Capture, arguments: tuple[str, ...]
) -> None:
    assert darkroom(*arguments) == Exit.BAD_REQUEST
    assert "is not the id of a job, batch or key" in capsys.readouterr().err
    assert deployment.requests == []


@pytest.mark.parametrize("key", ["Schlüssel", "a b", "a\nb", "", "x" * 257, "\udcff"])
def test_idempotency_key_that_no_header_can_have_is_refused(
    darkroom: Run, deployment: Deployment, key: str
) -> None:
    assert darkroom("generate", "x", "--idempotency-key", key) == Exit.USAGE
    assert deployment.requests == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--key", "dk_schlüssel"), Exit.REFUSED_KEY),
        (("--key", "dk_a\nb"), Exit.REFUSED_KEY),
        (("--url", "https://é..x"), Exit.NO_TARGET),
        (("--url", "https://x.test/\x1b"), Exit.NO_TARGET),
    ],
)
def test_impossible_target_is_reported(
    darkroom: Run, deployment: Deployment, options: tuple[str, ...], code: Exit
) -> None:
    assert darkroom("presets", *options) == code
    assert deployment.requests == []


@pytest.mark.parametrize(
    ("data", "prompt"),
    [
        ("Ein Café\n".encode(), "Ein Café"),
        ("\ufeffEin Café".encode(), "Ein Café"),
        ("Ein Café\r\n".encode("utf-16"), "Ein Café"),
        (b"\xfe\xff" + "Ein Café".encode("utf-16-be"), "Ein Café"),
    ],
)
def test_prompt_on_stdin_is_unicode_of_any_encoding_form(
    darkroom: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, data: bytes, prompt: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "ascii"))
    deployment.on("POST /v1/jobs", job())

    assert darkroom("generate", "-") == Exit.DONE
    assert deployment.bodies("/v1/jobs")[0]["prompt"] == prompt


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Ein Caf\xe9", "not UTF-8 (byte 8)"),
        (b"\xff\xfeodd", "not UTF-8 (byte 5)"),
        (b"x" * 1_000_001, "longer than 1 MB"),
    ],
)
def test_unreadable_prompt_on_stdin_is_refused(
    darkroom: Run,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    data: bytes,
    message: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    assert darkroom("generate", "-") == Exit.BAD_REQUEST
    assert message in capsys.readouterr().err
    assert deployment.requests == []


@pytest.mark.parametrize("name", ["folder.csv", "pipe.csv", "n" * 300 + ".csv", "missing.csv"])
@pytest.mark.parametrize("command", [("edit", "-p", "x"), ("batch", "run")], ids=" ".join)
def test_what_is_no_readable_file_is_refused(
    darkroom: Run, deployment: Deployment, capsys: Capture, name: str, command: tuple[str, ...]
) -> None:
    Path("folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    assert stat.S_ISFIFO(Path("pipe.csv").stat().st_mode)

    assert darkroom(*command, name) == Exit.BAD_REQUEST
    assert name in capsys.readouterr().err.replace("\n", "")
    assert deployment.requests == []


def test_file_whose_name_is_not_utf_8_is_uploaded(darkroom: Run, deployment: Deployment) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    Path(name).write_text("prompt\nx\n")
    presigned = {"url": "https://files.example.com/put", "headers": {}, "reference": "upload:1.csv"}
    deployment.on("POST /v1/uploads", presigned)
    deployment.on("POST /v1/batches", batch("planned"))

    assert darkroom("batch", "run", name, "--dry-run") == Exit.DONE
    assert deployment.bodies("/v1/batches")[0]["name"] == "caf\ufffd.csv"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"url = 5\nkey = [1]", b"[", b"\xef\xbb\xbfkey=1"]
)
def test_unusable_config_file_is_reported(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    monkeypatch.delenv("DARKROOM_URL")
    config = tmp_path / "config" / "darkroom" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_bytes(content)

    assert run(["presets"]) == Exit.NO_TARGET


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"job_id": 5},
        httpx.Response(200, text="[]"),
        httpx.Response(200, content=b"\xff"),
        failed(),
    ],
)
def test_unexpected_reply_is_a_message(
    darkroom: Run,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    reply: httpx.Response | dict[str, Any],
) -> None:
    monkeypatch.delenv("DARKROOM_TRACEBACK")
    deployment.on("GET /v1/batches", reply)

    assert darkroom("batch", "list") in (Exit.INTERNAL, Exit.NO_TARGET)
    assert capsys.readouterr().err.startswith("darkroom: ")
