"""Names of saved outputs."""

from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom.domain.file_names import disposition, slug
from darkroom.domain.job import Status
from tests.unit.http import V1_JOBS, Client, complete_job


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red bicycle, in fog!", "a-red-bicycle-in-fog"),
        ("  ", ""),
        ("../../etc/passwd", "etc-passwd"),
        ("Ein Café am Meer", "ein-café-am-meer"),
        ("猫と犬", "猫と犬"),
        ("\udcff\x1b[31m", "31m"),
        ("word " * 20, "word-word-word-word-word-word-word-word"),
        ("x" * 90, "x" * 40),
    ],
)
def test_slug_has_the_first_words_of_the_prompt(prompt: str, name: str) -> None:
    assert slug(prompt) == name


def test_asset_has_a_name_from_its_prompt_and_job() -> None:
    ada = Client()
    job = ada.accept_job()
    complete_job(ada.world, job.job_id)

    (asset,) = ada.get(f"{V1_JOBS}/{job.job_id}").json["assets"]

    assert asset["filename"] == f"a-lighthouse-in-fog-{job.job_id[:8]}.png"
    query = parse_qs(urlsplit(asset["url"]).query)
    assert query["response-content-disposition"] == [f'inline; filename="{asset["filename"]}"']
    query = parse_qs(urlsplit(asset["download_url"]).query)
    assert query["response-content-disposition"] == [f'attachment; filename="{asset["filename"]}"']


def test_outputs_of_one_job_have_different_names() -> None:
    ada = Client()
    job = ada.accept_job({"model": "maker/model", "input": {"text": "no prompt"}})
    complete_job(ada.world, job.job_id)
    (asset,) = ada.world.job(job.job_id).assets
    second = asset.model_copy(update={"key": f"jobs/{job.job_id}/1.svg"})
    ada.world.jobs.update(job.job_id, when=[Status.COMPLETED], assets=(asset, second))

    names = [each["filename"] for each in ada.get(f"{V1_JOBS}/{job.job_id}").json["assets"]]

    assert names == [f"model-{job.job_id[:8]}.png", f"model-{job.job_id[:8]}-2.svg"]


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "inline"),
        ("video/mp4", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/json", "attachment"),
    ],
)
def test_browser_shows_only_outputs_without_code(content_type: str, kind: str) -> None:
    assert disposition("a.x", content_type) == f'{kind}; filename="a.x"'


def test_name_with_other_letters_is_encoded() -> None:
    shown = disposition("ein-café.png", "image/png")

    assert shown == "inline; filename=\"ein-caf.png\"; filename*=UTF-8''ein-caf%C3%A9.png"
    assert shown.isascii()
