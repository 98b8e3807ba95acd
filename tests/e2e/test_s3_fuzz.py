"""Uploads with generated keys and bodies: each ends as a job or a refusal."""

from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from darkroom.domain.uploads import Upload, is_litter
from tests.e2e.deployment import Deployment, png_image
from tests.profiles import examples

CASES = examples(12)
FOLDERS = ["clean-scan/", "warmer-light/a/", "holiday/", "", "extend-to-16x9//"]
EXTENSIONS = [".png", ".JPG", ".webp", ".job.json", ".txt", ""]
# No slash at the end, which would only create a folder.
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120).filter(
    lambda name: not name.endswith("/")
)
BODIES = (
    st.binary(max_size=200)
    | st.text(max_size=60).map(str.encode)
    | st.just(png_image(80, 60))
    | st.just(b'{"operation": "text-to-image", "quality": "low", "prompt": "fuzz"}')
)


class Case(NamedTuple):
    """One upload."""

    key: str
    body: bytes


def cases() -> list[Case]:
    """Return generated uploads, the same in every run."""
    collected: dict[str, Case] = {}

    @settings(max_examples=CASES, derandomize=True, phases=[Phase.generate], deadline=None)
    @given(st.sampled_from(FOLDERS), NAMES, st.sampled_from(EXTENSIONS), BODIES)
    def collect(folder: str, name: str, extension: str, body: bytes) -> None:
        key = f"{folder}{name}{extension}"
        if "\n" in key:
            return  # in the policies of the emulator, `*` does not match a line break
        upload = Upload(bucket="inbox", key=key, etag="", size=len(body))
        is_ignored = key.startswith(("/", "references/")) or is_litter(upload)
        if not is_ignored and len(key.encode()) <= 1024:
            collected[key] = Case(key, body)

    collect()
    return list(collected.values())


UPLOADS = cases()


@pytest.fixture(scope="module")
def versions(deployment: Deployment) -> list[str]:
    """Upload all cases; return the object versions."""
    return [deployment.put_to_inbox(case.key, case.body, quality="low") for case in UPLOADS]


def test_enough_uploads_are_generated() -> None:
    assert len(UPLOADS) > CASES // 2


@pytest.mark.parametrize("number", range(len(UPLOADS)))
def test_upload_ends_as_a_job_or_is_refused(
    deployment: Deployment, versions: list[str], number: int
) -> None:
    event = deployment.wait_for_upload(UPLOADS[number].key, versions[number])

    assert event["detail-type"] in ("JobCompleted", "JobRejected"), event["detail"]
    assert all(problem["message"] for problem in event["detail"].get("errors", []))
