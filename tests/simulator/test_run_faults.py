import pytest

from tests.simulator.client import AFTER_ANY_RUN, Api


@pytest.mark.parametrize("word", ["succeeded", "success", "error", "canceled"])
def test_final_status_word_can_be_replaced(api: Api, word: str) -> None:
    api.provider.fault("run.status_word", status=word, at="end")

    done = api.run()

    assert done["status"] == word
    assert bool(done["outputs"]) is word.startswith("succe")


def test_backwards_fault_returns_to_created(api: Api) -> None:
    api.provider.fault("run.duration", seconds=9)
    api.provider.fault("run.backwards")
    prediction = api.submit()

    statuses = []
    for _ in range(5):
        api.provider.advance(2)
        statuses.append(api.result(prediction)["status"])

    assert statuses == ["processing", "created", "created", "processing", "completed"]


def test_stale_poll_returns_a_running_prediction(api: Api) -> None:
    done = api.run()
    api.provider.fault("poll.stale", times=2)

    behind, unchanged, caught_up = (api.result(done) for _ in range(3))

    assert behind == unchanged
    assert (behind["status"], behind["outputs"], behind["executionTime"]) == ("processing", [], 0)
    assert caught_up == done


def test_slow_fault_extends_the_run(api: Api) -> None:
    api.provider.fault("run.slow", seconds=2 * AFTER_ANY_RUN)
    prediction = api.submit()

    assert api.finish(prediction)["status"] == "processing"
    api.provider.advance(AFTER_ANY_RUN)
    assert api.finish(prediction)["status"] == "completed"
