"""Keys and bodies that nobody would think of, really put: each ends as a job or a refusal."""

from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.e2e.desk import Desk, picture

CASES = 40
FOLDERS = ["clean-scan/", "warmer-light/a/", "holiday/", "", "extend-to-16x9//"]
ENDINGS = [".png", ".JPG", ".webp", ".job.json", ".txt", ""]
# Anything but a slash at the end, which only makes a folder.
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120).filter(
    lambda name: not name.endswith("/")
)
BODIES = (
    st.binary(max_size=200)
    | st.text(max_size=60).map(str.encode)
    | st.just(picture(80, 60))
    | st.just(b'{"operation": "text-to-image", "quality": "low", "prompt": "fuzz"}')
)


class Case(NamedTuple):
    """One upload."""

    key: str
    body: bytes


def cases() -> list[Case]:
    """Return the same cases at every run."""
    found: dict[str, Case] = {}

    @settings(max_examples=CASES, derandomize=True, phases=[Phase.generate], deadline=None)
    @given(st.sampled_from(FOLDERS), NAMES, st.sampled_from(ENDINGS), BODIES)
    def collect(folder: str, name: str, ending: str, body: bytes) -> None:
        key = f"{folder}{name}{ending}"
        if not key.startswith(("/", "references/")) and len(key.encode()) <= 1024:
            found[key] = Case(key, body)

    collect()
    return list(found.values())


UPLOADS = cases()


@pytest.fixture(scope="module")
def versions(desk: Desk) -> list[str]:
    """Put all of them."""
    return [desk.drop(case.key, case.body, quality="low") for case in UPLOADS]


def test_there_are_enough_of_them() -> None:
    assert len(UPLOADS) > CASES // 2


@pytest.mark.parametrize("number", range(len(UPLOADS)))
def test_an_upload_ends_as_a_job_or_is_refused(
    desk: Desk, versions: list[str], number: int
) -> None:
    event = desk.outcome_of_upload(UPLOADS[number].key, versions[number])

    assert event["detail-type"] in ("JobCompleted", "JobRejected"), event["detail"]
    assert all(problem["message"] for problem in event["detail"].get("errors", []))
