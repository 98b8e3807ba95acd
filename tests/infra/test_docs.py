"""Paths, links, `make` targets and modules in the documentation exist."""

import json
import re
from pathlib import Path

import pytest

from darkroom.api.problems import KINDS
from darkroom.domain.audit import Act
from darkroom.domain.errors import Code, failure
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import AnyModel, Edit, TextToImage
from tests.infra.template import ROOT

PAGES = [*ROOT.glob("README.md"), *sorted((ROOT / "docs").glob("*.md"))]
# Their tables have several measurements of one subject.
MEASURED = ("benchmarks.md", "reliability.md")
MAKEFILE = ROOT / "Makefile"
# Generated folders.
GENERATED = ("out", ".local", ".venv", ".aws-sam")
TOP_FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - set(GENERATED)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", MAKEFILE.read_text(), re.M))


def code_parts(page: Path) -> list[str]:
    """Return the inline code and code blocks of a page."""
    text = page.read_text()
    blocks = re.findall(r"^```.*?^```", text, re.M | re.S)
    return [
        *blocks,
        *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_in_a_page_exist(page: Path) -> None:
    folders = "|".join(sorted(map(re.escape, TOP_FOLDERS)))
    named = set()
    for part in code_parts(page):
        if not part.startswith("```"):
            named |= set(re.findall(rf"(?<![\w./-])((?:{folders})/[\w./-]*)", part))
            if re.fullmatch(r"[\w.-]+\.(ya?ml|toml|md|py)", part):
                named.add(part)

    # Bucket keys and API paths look like file paths, but do not begin with a top-level folder.
    missing = [path for path in named if not exists(path.rstrip("."))]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_in_a_page_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link.partition("#")[0] for link in links if "://" not in link and link[0] != "#"]

    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_table_of_a_page_has_one_row_for_each_subject(page: Path) -> None:
    if page.name in MEASURED:
        return
    for rows in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.M):
        subjects = [row.split(" | ")[0] for row in rows.splitlines()]
        assert sorted(subjects) == sorted(set(subjects))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_requests_in_a_page_are_accepted(page: Path) -> None:
    for block in re.findall(r"^```json\n(.*?)^```", page.read_text(), re.M | re.S):
        request = json.loads(block)
        if request.keys() & {"operation", "model"} and "job_id" not in request:
            parse_request(request)


@pytest.mark.parametrize("page", [*PAGES, MAKEFILE], ids=lambda page: page.name)
def test_make_targets_in_a_page_exist(page: Path) -> None:
    parts = code_parts(page) if page.suffix == ".md" else re.findall(r"`[^`\n]+`", page.read_text())
    named = {name for part in parts for name in re.findall(r"\bmake ([a-z][\w-]*)", part)}

    assert named <= targets()


def test_modules_and_files_in_the_makefile_exist() -> None:
    text = MAKEFILE.read_text()
    modules = set(re.findall(r"python -m ([\w.]+)", text)) - {"venv"}
    paths = set(re.findall(r"\b(?:tests|requirements)/[\w/.-]+\b", text))

    for module in modules:
        base = ROOT / module.replace(".", "/")
        assert base.with_suffix(".py").exists() or (base / "__main__.py").exists(), module
    for path in paths:
        assert exists(path), path


def test_public_make_targets_have_a_description() -> None:
    phony = re.findall(r"^\.PHONY: (\w+)", MAKEFILE.read_text(), re.M)
    explained = re.findall(r"^(\w+):.*## \S", MAKEFILE.read_text(), re.M)

    assert set(phony) - set(explained) <= {"lint", "fast"}  # parts of `make check`


def exists(path: str) -> bool:
    """Return whether a path exists or is below a generated folder."""
    return (ROOT / path).exists() or path.split("/")[0] in GENERATED


def test_events_page_has_the_meaning_of_each_code() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \| (yes|no|maybe) \|$", page, re.M)

    failures = [(code, failure(code, sent=True)) for code in Code]
    assert sorted(rows) == sorted(
        (str(code), "yes" if meaning.retryable else "no", str(meaning.charged))
        for code, meaning in failures
    )


def test_security_page_has_every_act_of_the_audit_log() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    table = page.partition("| act | object | written |")[2].partition("\n\n")[0]
    acts = {act for row in table.splitlines() for act in re.findall(r"`([a-z.-]+)`", row[:90])}

    assert {str(act) for act in Act} <= acts


def test_events_page_has_each_field_of_a_request() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    section = page.partition("\n## JobRequested\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| `[^|]*", section, re.M))))

    for request in (TextToImage, Edit, AnyModel):
        assert request.model_fields.keys() <= documented


def test_http_page_has_the_status_of_each_problem() -> None:
    _, _, errors = (ROOT / "docs" / "http.md").read_text().partition("\n## Errors\n")
    listed = re.findall(r"^\| `([a-z-]+)`.* \| (\d{3}) \|$", errors, re.M)

    documented = {(name, int(status)) for name, status in listed}
    assert {(name, status.value) for name, status in KINDS.values()} <= documented


def test_tests_that_the_security_page_names_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/security.md").read_text()))
    sources = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))

    assert len(named) > 15
    assert [name for name in named if f"def {name}(" not in sources] == []
