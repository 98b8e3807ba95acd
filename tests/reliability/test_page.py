"""The page of `make faults`: the last good run of each phase, in the order of the phases."""

from pathlib import Path

from reliability.page import MARK, record

ORDER = ("mix", "kills")


def page(folder: Path) -> Path:
    found = folder / "page.md"
    found.write_text(f"# Title\n\nWords.\n\n{MARK}\n")
    return found


def test_phases_stand_in_their_order_whichever_ran_first(tmp_path: Path) -> None:
    told = page(tmp_path)

    record(told, ORDER, "kills", "one")
    record(told, ORDER, "mix", "two")

    assert told.read_text() == (
        f"# Title\n\nWords.\n\n{MARK}\n\n### mix\n\ntwo\n\n### kills\n\none\n"
    )


def test_a_phase_that_ran_again_replaces_what_it_said_and_nothing_else(tmp_path: Path) -> None:
    told = page(tmp_path)
    record(told, ORDER, "mix", "old\n\n| a |")
    record(told, ORDER, "kills", "kept")

    record(told, ORDER, "mix", "new")

    text = told.read_text()
    assert ("old" in text, "new" in text, "kept" in text) == (False, True, True)
    assert text.count("### mix") == 1
