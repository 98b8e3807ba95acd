"""`delete` of WaveSpeed: a prediction and its outputs are gone, or the call returns False."""

import httpx
import pytest

from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.ports import Accepted, Succeeded, Unreadable
from simulator import testing
from tests.contract.scripted_http import BASE, Keys, ScriptedHttp
from tests.contract.simulator_calls import INPUT, MODEL


def test_deleted_prediction_can_no_longer_be_read(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    submission = provider.submit(MODEL, INPUT)
    assert isinstance(submission, Accepted)
    simulator.advance(3600)
    prediction_id = submission.prediction_id
    assert isinstance(provider.check(prediction_id), Succeeded)

    assert provider.delete(prediction_id)
    assert provider.delete(prediction_id)  # unknown ids are ignored

    assert isinstance(provider.check(prediction_id), Unreadable)


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(502, text="<html>"),
        httpx.Response(401, json={"code": 401, "message": "no"}),
        httpx.Response(200, json={"code": 500, "message": "no"}),
        httpx.ReadTimeout("no answer"),
    ],
    ids=str,
)
def test_deletion_without_confirmation_is_reported(response: httpx.Response | Exception) -> None:
    http = ScriptedHttp(response)
    provider = WaveSpeed(BASE, Keys(), transport=http.transport)

    assert not provider.delete("p")
    assert {str(request.url) for request in http.requests} == {f"{BASE}/api/v3/predictions/delete"}
