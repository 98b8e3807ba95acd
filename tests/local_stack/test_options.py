"""The variables of `make run` and `make up`: defaults and error messages."""

import pytest

from local.errors import LocalError
from local.options import Options, read


def test_defaults_are_the_simulator_and_a_tenth_of_the_time() -> None:
    options = read(Options, {})

    assert (options.provider, options.scale) == ("simulator", 0.1)


def test_repr_hides_the_key() -> None:
    options = read(Options, {"WAVESPEED_API_KEY": "wsk-very-secret"})

    assert "wsk-very-secret" not in repr(options)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PROVIDER": "elsewhere"}, "PROVIDER: input should be 'simulator' or 'wavespeed'"),
        ({"PROVIDER": "wavespeed"}, "PROVIDER=wavespeed needs WAVESPEED_API_KEY"),
        (
            {"PROVIDER_URL": "http://127.0.0.1:9000"},
            "PROVIDER_URL and PROVIDER_KEY must be set together",
        ),
        ({"PROVIDER_KEY": "k"}, "PROVIDER_URL and PROVIDER_KEY must be set together"),
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
            "mutually exclusive",
        ),
    ],
)
def test_invalid_option_is_reported_with_the_allowed_values(
    variables: dict[str, str], expected: str
) -> None:
    with pytest.raises(LocalError) as caught:
        read(Options, variables)

    assert expected in str(caught.value)
