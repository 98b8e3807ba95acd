from typing import Any

import pytest

from tests.simulator.client import LONG_ENOUGH, Api


@pytest.mark.parametrize(
    ("fault", "status"),
    [("run.stuck_created", "created"), ("run.stuck_processing", "processing")],
)
def test_a_stuck_prediction_never_ends(api: Api, fault: str, status: str) -> None:
    api.provider.fault(fault)
    prediction = api.submit()

    for _ in range(3):
        assert api.finish(prediction)["status"] == status


@pytest.mark.parametrize("word", ["queued", "pending", "rendering", ""])
def test_a_running_prediction_can_use_any_word(api: Api, word: str) -> None:
    api.provider.fault("run.status_word", status=word)
    prediction = api.submit()

    assert prediction["status"] == api.result(prediction)["status"] == word
    assert api.finish(prediction)["status"] == "completed"


@pytest.mark.parametrize("word", ["succeeded", "success", "error", "canceled"])
def test_the_end_can_use_any_word(api: Api, word: str) -> None:
    api.provider.fault("run.status_word", status=word, at="end")

    done = api.run()

    assert done["status"] == word
    assert bool(done["outputs"]) is word.startswith("succe")


@pytest.mark.parametrize("code", [1200, 1400, 1401, 1402, 1403, 1405, 1406, 1407, 5000, 5003, 5004])
def test_a_prediction_can_fail_with_every_code(api: Api, code: int) -> None:
    api.provider.fault("run.failed", code=code, message="because")

    done = api.run()

    assert (done["status"], done["code"], done["error"]) == ("failed", code, "because")
    assert done["outputs"] == []


def test_moderation_and_hiccups_have_names_of_their_own(api: Api) -> None:
    api.provider.fault("run.moderated")
    api.provider.fault("run.hiccup", match={"nth": 2})

    blocked, hiccup = api.run(), api.run()

    assert (blocked["code"], blocked["error"].split()[0]) == (1200, "Content")
    assert blocked["executionTime"] > 0
    assert (hiccup["status"], hiccup["code"], hiccup["executionTime"]) == ("failed", 0, 0)


@pytest.mark.parametrize("status", ["cancelled", "timeout", "deleted"])
def test_a_prediction_can_end_in_other_ways(api: Api, status: str) -> None:
    api.provider.fault(f"run.{status}")

    assert api.run()["status"] == status


def test_a_status_can_move_backwards(api: Api) -> None:
    api.provider.fault("run.duration", seconds=9)
    api.provider.fault("run.backwards")
    prediction = api.submit()

    seen = []
    for _ in range(5):
        api.provider.advance(2)
        seen.append(api.result(prediction)["status"])

    assert seen == ["processing", "created", "created", "processing", "completed"]


@pytest.mark.parametrize(
    ("fault", "outputs"),
    [("run.empty_outputs", []), ("run.null_outputs", None), ("run.no_outputs", "absent")],
)
def test_a_completed_prediction_can_be_without_outputs(
    api: Api, fault: str, outputs: list[Any] | str | None
) -> None:
    api.provider.fault(fault)

    done = api.run()

    assert (done["status"], done.get("outputs", "absent")) == ("completed", outputs)


def test_outputs_can_be_objects(api: Api) -> None:
    api.provider.fault("run.object_outputs")

    [output] = api.run()["outputs"]

    assert api.download({"outputs": [output["url"]]}).status_code == 200


def test_there_can_be_two_different_outputs(api: Api) -> None:
    api.provider.fault("run.two_outputs")

    first, second = (api.download({"outputs": [url]}) for url in api.run()["outputs"])

    assert first.status_code == second.status_code == 200
    assert first.content != second.content


def test_a_completed_prediction_can_be_flagged(api: Api) -> None:
    api.provider.fault("run.nsfw")

    assert api.run()["has_nsfw_contents"] == [True]


def test_urls_can_point_to_foreign_hosts(api: Api) -> None:
    api.provider.fault("run.foreign_urls_get", origin="https://evil.example")
    api.provider.fault("cdn.foreign_host", origin="https://files.example")

    done = api.run()

    assert done["urls"]["get"].startswith("https://evil.example/api/v3/predictions/")
    assert done["outputs"][0].startswith("https://files.example/output/")


def test_a_picture_can_have_an_unexpected_size(api: Api) -> None:
    api.provider.fault("run.wrong_size", width=320, height=200)

    assert api.picture(api.run(resolution="4k")).size == (320, 200)


def test_a_run_can_take_longer(api: Api) -> None:
    api.provider.fault("run.slow", seconds=2 * LONG_ENOUGH)
    prediction = api.submit()

    assert api.finish(prediction)["status"] == "processing"
    api.provider.advance(LONG_ENOUGH)
    assert api.finish(prediction)["status"] == "completed"
