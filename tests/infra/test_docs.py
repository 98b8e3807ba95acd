"""What the pages name exists: paths, links, `make` targets and modules."""

import json
import re
from pathlib import Path

import pytest

from darkroom.domain.errors import Code, failure
from darkroom.domain.parsing import parse_request
from tests.infra.template import ROOT

PAGES = [*ROOT.glob("README.md"), *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = ROOT / "Makefile"
# Folders that are made by running something.
MADE = ("out", ".local", ".venv", ".aws-sam")
TOP = {path.name for path in ROOT.iterdir() if path.is_dir()} - set(MADE)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", MAKEFILE.read_text(), re.M))


def code(page: Path) -> list[str]:
    """Return what stands in backquotes or in blocks of code."""
    text = page.read_text()
    blocks = re.findall(r"^```.*?^```", text, re.M | re.S)
    return [
        *blocks,
        *re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_paths_that_exist(page: Path) -> None:
    folders = "|".join(sorted(map(re.escape, TOP)))
    named = set()
    for part in code(page):
        if not part.startswith("```"):
            named |= set(re.findall(rf"(?<![\w./-])((?:{folders})/[\w./-]*)", part))
            if re.fullmatch(r"[\w.-]+\.(ya?ml|toml|md|py)", part):
                named.add(part)

    # The buckets' and the API's own paths look like ours: they are none of the top folders.
    missing = [path for path in named if not exists(path.rstrip("."))]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_links_only_to_what_exists(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link.partition("#")[0] for link in links if "://" not in link and link[0] != "#"]

    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_only_requests_that_are_accepted(page: Path) -> None:
    for block in re.findall(r"^```json\n(.*?)^```", page.read_text(), re.M | re.S):
        shown = json.loads(block)
        if shown.keys() & {"operation", "model"} and "job_id" not in shown:
            parse_request(shown, max_deadline_seconds=3600)


@pytest.mark.parametrize("page", [*PAGES, MAKEFILE], ids=lambda page: page.name)
def test_a_page_names_only_targets_that_exist(page: Path) -> None:
    parts = code(page) if page.suffix == ".md" else re.findall(r"`[^`\n]+`", page.read_text())
    named = {name for part in parts for name in re.findall(r"\bmake ([a-z][\w-]*)", part)}

    assert named <= targets()


def test_the_makefile_runs_only_modules_and_files_that_exist() -> None:
    text = MAKEFILE.read_text()
    modules = set(re.findall(r"python -m ([\w.]+)", text)) - {"venv"}
    paths = set(re.findall(r"\b(?:tests|requirements)/[\w/.-]+\b", text))

    for module in modules:
        base = ROOT / module.replace(".", "/")
        assert base.with_suffix(".py").exists() or (base / "__main__.py").exists(), module
    for path in paths:
        assert exists(path), path


def test_every_target_for_people_is_explained() -> None:
    phony = re.findall(r"^\.PHONY: (\w+)", MAKEFILE.read_text(), re.M)
    explained = re.findall(r"^(\w+):.*## \S", MAKEFILE.read_text(), re.M)

    assert set(phony) - set(explained) <= {"lint", "fast"}  # the halves of `make check`


def exists(path: str) -> bool:
    """Tell whether a path is there; a module may be named without its suffix."""
    return (ROOT / path).exists() or path.split("/")[0] in MADE


def test_the_page_of_events_has_every_code_with_what_it_means() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no) \| (yes|no|maybe) \|$", page, re.M)

    meant = [(code, failure(code, sent=True)) for code in Code]
    assert sorted(rows) == sorted(
        (str(code), "yes" if meaning.retryable else "no", str(meaning.charged))
        for code, meaning in meant
    )
