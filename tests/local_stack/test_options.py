"""The variables of make: what they mean and what is said when they will not do."""

import pytest

from local.demo import Picture
from local.errors import LocalError
from local.options import Options, read


def test_nothing_said_means_the_simulator_at_a_tenth_of_the_time() -> None:
    options = read(Options, {})

    assert (options.provider, options.scale) == ("simulator", 0.1)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(Options, {"PROVIDER": "", "TIME_SCALE": ""}) == Options()


def test_the_real_provider_takes_its_own_time() -> None:
    options = read(Options, {"PROVIDER": "wavespeed", "WAVESPEED_API_KEY": "secret"})

    assert options.scale == 1


def test_a_key_is_never_shown() -> None:
    options = read(Options, {"WAVESPEED_API_KEY": "wsk-very-secret"})

    assert "wsk-very-secret" not in repr(options)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PROVIDER": "elsewhere"}, "PROVIDER: input should be 'simulator' or 'wavespeed'"),
        ({"PROVIDER": "wavespeed"}, "PROVIDER=wavespeed needs WAVESPEED_API_KEY"),
        ({"PROVIDER_URL": "http://127.0.0.1:9000"}, "PROVIDER_URL and PROVIDER_KEY go together"),
        ({"PROVIDER_KEY": "k"}, "PROVIDER_URL and PROVIDER_KEY go together"),
        ({"PROVIDER_URL": "nowhere", "PROVIDER_KEY": "k"}, "PROVIDER_URL: "),
        ({"TIME_SCALE": "0"}, "TIME_SCALE: input should be greater than 0"),
        ({"TIME_SCALE": "fast"}, "TIME_SCALE: input should be a valid number"),
        (
            {
                "PROVIDER": "wavespeed",
                "WAVESPEED_API_KEY": "k",
                "PROVIDER_URL": "http://127.0.0.1:9000",
                "PROVIDER_KEY": "k",
            },
            "exclude each other",
        ),
    ],
)
def test_what_will_not_do_is_named_with_what_will(variables: dict[str, str], said: str) -> None:
    with pytest.raises(LocalError) as caught:
        read(Options, variables)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"QUALITY": "best"}, "QUALITY: input should be 'low', 'medium' or 'high'"),
        ({"RESOLUTION": "8k"}, "RESOLUTION: input should be '1k', '2k' or '4k'"),
    ],
)
def test_a_picture_is_checked_before_anything_starts(variables: dict[str, str], said: str) -> None:
    with pytest.raises(LocalError) as caught:
        read(Picture, variables)

    assert said in str(caught.value)


def test_a_blank_prompt_is_refused() -> None:
    with pytest.raises(LocalError, match="PROMPT"):
        read(Picture, {"PROMPT": "   "})


def test_a_provider_url_may_end_in_a_slash() -> None:
    options = read(Options, {"PROVIDER_URL": "http://127.0.0.1:9000/", "PROVIDER_KEY": "k"})

    assert options.provider_url == "http://127.0.0.1:9000"
