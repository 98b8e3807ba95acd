from typing import Any

import pytest

from tests.simulator.client import AFTER_ANY_RUN, Api


@pytest.mark.parametrize(
    ("fault", "status"),
    [("run.stuck_created", "created"), ("run.stuck_processing", "processing")],
)
def test_stuck_prediction_never_ends(api: Api, fault: str, status: str) -> None:
    api.provider.fault(fault)
    prediction = api.submit()

    for _ in range(3):
        assert api.finish(prediction)["status"] == status


@pytest.mark.parametrize("word", ["queued", "pending", "rendering", ""])
def test_status_word_of_a_running_prediction_can_be_replaced(api: Api, word: str) -> None:
    api.provider.fault("run.status_word", status=word)
    prediction = api.submit()

    assert prediction["status"] == api.result(prediction)["status"] == word
    assert api.finish(prediction)["status"] == "completed"


@pytest.mark.parametrize("word", ["succeeded", "success", "error", "canceled"])
def test_final_status_word_can_be_replaced(api: Api, word: str) -> None:
    api.provider.fault("run.status_word", status=word, at="end")

    done = api.run()

    assert done["status"] == word
    assert bool(done["outputs"]) is word.startswith("succe")


@pytest.mark.parametrize("code", [1200, 1400, 1401, 1402, 1403, 1405, 1406, 1407, 5000, 5003, 5004])
def test_prediction_can_fail_with_every_code(api: Api, code: int) -> None:
    api.provider.fault("run.failed", code=code, message="because")

    done = api.run()

    assert (done["status"], done["code"], done["error"]) == ("failed", code, "because")
    assert done["outputs"] == []


def test_moderated_and_hiccup_faults_set_code_and_execution_time(api: Api) -> None:
    api.provider.fault("run.moderated")
    api.provider.fault("run.hiccup", match={"nth": 2})

    blocked, hiccup = api.run(), api.run()

    assert (blocked["code"], blocked["error"].split()[0]) == (1200, "Content")
    assert blocked["executionTime"] > 0
    assert (hiccup["status"], hiccup["code"], hiccup["executionTime"]) == ("failed", 0, 0)


@pytest.mark.parametrize("status", ["cancelled", "timeout", "deleted"])
def test_prediction_can_end_as_cancelled_timeout_or_deleted(api: Api, status: str) -> None:
    api.provider.fault(f"run.{status}")

    assert api.run()["status"] == status


def test_backwards_fault_returns_to_created(api: Api) -> None:
    api.provider.fault("run.duration", seconds=9)
    api.provider.fault("run.backwards")
    prediction = api.submit()

    statuses = []
    for _ in range(5):
        api.provider.advance(2)
        statuses.append(api.result(prediction)["status"])

    assert statuses == ["processing", "created", "created", "processing", "completed"]


@pytest.mark.parametrize(
    ("fault", "outputs"),
    [("run.empty_outputs", []), ("run.null_outputs", None), ("run.no_outputs", "absent")],
)
def test_completed_prediction_can_lack_outputs(
    api: Api, fault: str, outputs: list[Any] | str | None
) -> None:
    api.provider.fault(fault)

    done = api.run()

    assert (done["status"], done.get("outputs", "absent")) == ("completed", outputs)


def test_outputs_can_be_objects(api: Api) -> None:
    api.provider.fault("run.object_outputs")

    [output] = api.run()["outputs"]

    assert api.download({"outputs": [output["url"]]}).status_code == 200


def test_two_outputs_differ(api: Api) -> None:
    api.provider.fault("run.two_outputs")

    first, second = (api.download({"outputs": [url]}) for url in api.run()["outputs"])

    assert first.status_code == second.status_code == 200
    assert first.content != second.content


def test_nsfw_fault_flags_the_outputs(api: Api) -> None:
    api.provider.fault("run.nsfw")

    assert api.run()["has_nsfw_contents"] == [True]


def test_foreign_host_faults_change_the_urls(api: Api) -> None:
    api.provider.fault("run.foreign_urls_get", origin="https://evil.example")
    api.provider.fault("cdn.foreign_host", origin="https://files.example")

    done = api.run()

    assert done["urls"]["get"].startswith("https://evil.example/api/v3/predictions/")
    assert done["outputs"][0].startswith("https://files.example/output/")


def test_wrong_size_fault_changes_the_image_size(api: Api) -> None:
    api.provider.fault("run.wrong_size", width=320, height=200)

    assert api.image(api.run(resolution="4k")).size == (320, 200)


def test_slow_fault_extends_the_run(api: Api) -> None:
    api.provider.fault("run.slow", seconds=2 * AFTER_ANY_RUN)
    prediction = api.submit()

    assert api.finish(prediction)["status"] == "processing"
    api.provider.advance(AFTER_ANY_RUN)
    assert api.finish(prediction)["status"] == "completed"
