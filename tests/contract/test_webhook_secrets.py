"""WebhookSecrets: asked for now and then, remembered over a rotation, and never worn out."""

from dataclasses import dataclass, field

import pytest

from darkroom.adapters.wavespeed import WaveSpeed
from darkroom.adapters.webhook_secrets import WebhookSecrets
from local.provider import testing


@dataclass
class Source:
    """Whoever knows the secret of today, and how often that was asked."""

    secret: str | None = "one"
    asked: int = 0

    def webhook_secret(self) -> str | None:
        self.asked += 1
        return self.secret


@dataclass
class Clock:
    time: float = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Kept:
    """The secrets, their source and the time."""

    source: Source = field(default_factory=Source)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.secrets = WebhookSecrets(self.source, self.clock)

    def read(self, within: float = 300, after: float = 0) -> list[str]:
        self.clock.time += after
        return self.secrets.read(within)


def test_a_secret_is_asked_for_no_more_often_than_it_has_to_be_known() -> None:
    kept = Kept()
    assert [kept.read(after=100) for _ in range(4)] == [["one"]] * 4
    assert kept.source.asked == 1

    kept.source.secret = "two"

    assert kept.read(after=1) == ["two", "one"]
    assert kept.source.asked == 2


def test_a_fresher_look_asks_again_sooner() -> None:
    kept = Kept()
    kept.read()
    kept.source.secret = "two"

    assert [kept.read(30, after=30), kept.source.asked] == [["one"], 1]
    assert [kept.read(30, after=1), kept.source.asked] == [["two", "one"], 2]


def test_a_thousand_looks_do_not_make_us_ask_more_often_than_that() -> None:
    kept = Kept()

    for _ in range(600):
        kept.read()
        kept.read(30, after=0.1)

    assert kept.source.asked == 2


def test_the_secrets_of_before_a_rotation_still_hold_and_the_oldest_are_dropped() -> None:
    kept = Kept()
    for name in ("one", "two", "two", "three", "four"):
        kept.source.secret = name
        kept.read(after=301)

    assert kept.read() == ["four", "three", "two"]


def test_a_secret_that_comes_back_is_not_kept_twice() -> None:
    kept = Kept()
    for name in ("one", "two", "one"):
        kept.source.secret = name
        kept.read(after=301)

    assert kept.read() == ["one", "two"]


@pytest.mark.parametrize("known", [["one"], []])
def test_while_the_provider_does_not_say_it_the_ones_that_are_known_hold(known: list[str]) -> None:
    kept = Kept(Source("one" if known else None))
    kept.read()
    kept.source.secret = None

    assert kept.read(after=301) == known
    assert kept.read(30, after=31) == known


def test_what_was_not_answered_is_asked_again_soon_when_it_is_needed() -> None:
    kept = Kept(Source(None))
    kept.read()
    kept.source.secret = "one"

    assert kept.read(30, after=31) == ["one"]


def test_what_is_handed_out_can_be_changed_by_nobody() -> None:
    kept = Kept()
    kept.read().append("forged")

    assert kept.read() == ["one"]


def test_over_a_rotation_at_the_provider_both_secrets_are_known(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    clock = Clock()
    secrets = WebhookSecrets(provider, clock)
    [old] = secrets.read(300)
    new = simulator.rotate_webhook_secret()
    clock.time += 31

    assert secrets.read(300) == [old]
    assert secrets.read(30) == [new, old]
