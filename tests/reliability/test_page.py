"""The page of `make faults`: the last passed run of each phase, in phase order."""

from pathlib import Path

from reliability.page import MARK, record_phase

ORDER = ("mix", "kills")


def create_page(folder: Path) -> Path:
    path = folder / "page.md"
    path.write_text(f"# Title\n\nText.\n\n{MARK}\n")
    return path


def test_phases_are_written_in_phase_order(tmp_path: Path) -> None:
    path = create_page(tmp_path)

    record_phase(path, ORDER, "kills", "one")
    record_phase(path, ORDER, "mix", "two")

    assert path.read_text() == (
        f"# Title\n\nText.\n\n{MARK}\n\n### mix\n\ntwo\n\n### kills\n\none\n"
    )


def test_new_result_replaces_only_its_own_phase(tmp_path: Path) -> None:
    path = create_page(tmp_path)
    record_phase(path, ORDER, "mix", "old\n\n| a |")
    record_phase(path, ORDER, "kills", "kept")

    record_phase(path, ORDER, "mix", "new")

    text = path.read_text()
    assert ("old" in text, "new" in text, "kept" in text) == (False, True, True)
    assert text.count("### mix") == 1
